"""Figures on the page and as CSV: of the stores that who looks may see, and of no other."""

import asyncio
import csv
from datetime import UTC, datetime

import pytest

from daemon.hq.figures import MOST_WEEKS, Span
from daemon.hq.kept_figures import DAY_MS, OFTEN, figures, keep, note_changed
from daemon.hq.page.figures import SHOWN
from tests.support.busy import until
from tests.support.fake_clock import FakeClock
from tests.support.hq_page import Site

pytestmark = pytest.mark.engines


async def test_told_within_how_long_by_which_way_and_why_not(site: Site, clock: FakeClock) -> None:
    await site.store("soho", currency="GBP")
    now = clock.now()
    await site.message("soho", "a", told_at=now + 30_000, parts=2, price="0.08")
    await site.message("soho", "b", state="failed", reason_code="text_broken")
    await counted(site)
    page = await (await site.as_user()).get("/figures")
    assert page.status == 200
    assert "2026-11-23 soho 2 1 1 30 s 30 s 2 0.08 GBP" in page.words
    assert "soho failed The text could not be made 1" in page.words
    assert "50.0 %" in page.text
    sheet = await (await site.as_user()).get("/figures.csv?by=week")
    assert sheet.headers["Content-Disposition"] == 'attachment; filename="figures-week.csv"'
    (row,) = csv.DictReader(sheet.text.splitlines())
    assert (row["store"], row["told"], row["untold"], row["cost"]) == ("soho", "1", "1", "0.08")


async def test_a_manager_counts_own_stores_only(site: Site, clock: FakeClock) -> None:
    """A manager of one store wants the figures of another."""
    for store in ("soho", "camden"):
        await site.store(store)
        await site.message(store, f"{store}-1")
    await counted(site)
    manager = await site.as_user("mo", "manager", ("soho",))
    for path in ("/figures", "/figures.csv?by=week", "/figures.csv?by=way", "/figures?weeks=12"):
        page = await manager.get(path)
        assert "soho" in page.text
        assert "camden" not in page.text, path
    assert (await manager.get("/figures.csv?by=all")).status == 404


async def test_a_stores_words_are_no_formula_of_a_sheet(site: Site, clock: FakeClock) -> None:
    """A store that somebody took over wants headquarters' spreadsheet to do something."""
    await site.store("soho")
    await site.message("soho", "a", state="failed", reason_code="=cmd|'/C calc'!A0")
    await counted(site)
    sheet = await (await site.as_user()).get("/figures.csv?by=why")
    (row,) = csv.DictReader(sheet.text.splitlines())
    assert not row["reason_code"].startswith("=")


async def test_nothing_is_counted_while_somebody_waits(site: Site) -> None:
    """A headquarters that was just set up, or a week that just began: the page says what is still to be counted."""
    await site.store("soho")
    await site.message("soho", "a")
    browser = await site.as_user()
    page = await browser.get("/figures")
    assert "4 weeks are still being counted." in page.words
    assert "No messages in these weeks." in page.words
    assert await counted(site) == MOST_WEEKS
    assert "still being counted" not in (await browser.get("/figures?weeks=104")).words


async def test_what_comes_twice_or_late_is_counted_once(site: Site, clock: FakeClock) -> None:
    """Ingest is begun anew and told the same again; a store that was away for half a year tells what it did; one week's midnight by London's
    clocks is no midnight by UTC."""
    await site.store("soho")
    now = clock.now()
    half_a_year_ago = now - 182 * DAY_MS
    monday_in_summer = round(datetime(2026, 7, 5, 23, 30, tzinfo=UTC).timestamp() * 1000)
    await counted(site)
    for _ in range(2):
        await site.message("soho", "a", state="sent", created_at=now)
        await site.message("soho", "late", created_at=half_a_year_ago)
        await site.message("soho", "b", created_at=monday_in_summer)
        clock.step(OFTEN.total_seconds())
        assert await counted(site) > 0
        assert await weeks(site) == {"2026-11-23": 1, "2026-07-06": 1, "2026-05-25": 1}
        assert await counted(site) == 0
    assert await site.sql("SELECT day FROM figures_due") == []


async def test_a_message_that_comes_while_its_week_is_counted_is_counted_next(site: Site, clock: FakeClock) -> None:
    """Two processes at once: one adds messages, of which the other, that began to count before, sees nothing."""
    await site.store("soho")
    await counted(site)
    await site.message("soho", "a")
    clock.step(OFTEN.total_seconds())
    async with site.services.pool.connection() as adding, site.services.pool.connection() as db:
        async with adding.transaction(), adding.cursor() as cursor:
            await adding.execute("UPDATE message SET state = 'failed'")
            await note_changed(cursor, site.services.now(), [clock.now()])
            keeping = asyncio.create_task(keep(db, site.services.now(), "Europe/London"))
            await until(lambda: waits_for_a_lock(site))
        assert await keeping == 1
    clock.step(OFTEN.total_seconds())
    assert await counted(site) == 1
    async with site.services.pool.connection() as db:
        (week,) = (await figures(db, Span.last(1, site.services.now(), "Europe/London"))).weeks
    assert (week.messages, week.untold) == (1, 1)


async def test_two_that_count_at_once_count_once(site: Site) -> None:
    """Two processes of headquarters, of which each believes that it leads."""
    await site.store("soho")
    await site.message("soho", "a")
    await site.message("soho", "b", state="failed", reason_code="refused")
    await asyncio.gather(*(counted(site) for _ in range(4)))
    assert await weeks(site) == {"2026-11-23": 2}
    assert await site.sql("SELECT store, told FROM figures_way") == [("soho", 1)]
    assert await site.sql("SELECT reason_code, messages FROM figures_why") == [("refused", 1)]


async def test_a_week_that_was_counted_by_a_clock_ahead_is_counted_again(site: Site, clock: FakeClock) -> None:
    await site.store("soho")
    clock.step(86_400)
    await counted(site)
    clock.step(-86_400)
    await site.message("soho", "a")
    assert await counted(site) > 0
    assert await weeks(site) == {"2026-11-23": 1}


async def waits_for_a_lock(site: Site) -> bool:
    return bool(
        await site.sql(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DELETE FROM figures_due%%'"
        )
    )


async def test_other_clocks_have_other_weeks(site: Site) -> None:
    await site.store("soho")
    await counted(site)
    async with site.services.pool.connection() as db:
        assert await keep(db, site.services.now(), "Pacific/Auckland") == MOST_WEEKS


async def counted(site: Site) -> int:
    async with site.services.pool.connection() as db:
        return await keep(db, site.services.now(), "Europe/London")


async def weeks(site: Site) -> dict[str, int]:
    async with site.services.pool.connection() as db:
        found = await figures(db, Span.last(MOST_WEEKS, site.services.now(), "Europe/London"))
    return {row.week: row.messages for row in found.weeks}


async def test_the_page_shows_the_newest_rows_and_the_sheet_all(site: Site, clock: FakeClock) -> None:
    for n in range(SHOWN + 2):
        await site.message(f"store-{n:03}", "m")
    await counted(site)
    browser = await site.as_user()
    page = await browser.get("/figures")
    assert f"store-{SHOWN - 1:03}" in page.text
    assert f"store-{SHOWN:03}" not in page.text
    assert "CSV has all of them; these are the first." in page.words
    assert len((await browser.get("/figures.csv?by=week")).text.splitlines()) == SHOWN + 3
