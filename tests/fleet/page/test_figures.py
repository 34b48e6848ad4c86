"""Figures on the page and as CSV: of the stores that who looks may see, and of no other."""

import csv
import re

import pytest

from daemon.hq.kept_figures import OFTEN, WEEKS, keep
from tests.support.fake_clock import FakeClock
from tests.support.hq_page import Site

pytestmark = pytest.mark.engines


async def test_told_within_how_long_by_which_way_and_why_not(site: Site, clock: FakeClock) -> None:
    await site.store("soho", currency="GBP")
    now = clock.now()
    await site.message("soho", "a", told_at=now + 30_000, parts=2, price="0.08")
    await site.message("soho", "b", state="failed", reason_code="refused")
    clock.step(1)
    page = await (await site.as_user()).get("/figures")
    assert page.status == 200
    assert "2026-11-23 soho 2 1 1 30 s 30 s 2 0.08 GBP" in page.words
    assert "soho failed refused 1" in page.words
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
    clock.step(1)
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
    clock.step(1)
    sheet = await (await site.as_user()).get("/figures.csv?by=why")
    (row,) = csv.DictReader(sheet.text.splitlines())
    assert not row["reason_code"].startswith("=")


async def test_weeks_that_were_counted_say_the_same(site: Site, clock: FakeClock) -> None:
    """Ten million messages are counted in the background; what comes then shows once they are counted anew."""
    await site.store("soho", currency="GBP")
    await site.store("camden", currency="GBP")
    now = clock.now()
    for n, days in enumerate((0, 0, 8, 15)):
        at = now - days * 86_400_000
        await site.message("soho", f"a{n}", created_at=at, due_at=at, told_at=at + 30_000, parts=2, price="0.08")
        await site.message("camden", f"c{n}", created_at=at, due_at=at, state="failed", reason_code="refused")
    clock.step(1)
    browser = await site.as_user()
    counted_now = (await browser.get("/figures")).words
    async with site.services.pool.connection() as db:
        assert await keep(db, site.services.now(), "Europe/London") == WEEKS
        assert await keep(db, site.services.now(), "Europe/London") == 0
    kept = await browser.get("/figures")
    assert "Counted" in kept.words
    assert (
        re.sub(r"Counted .*? UTC|Counted \d+ \w+ \d+,? [\d:]+( UTC)?", "", kept.words).split("Share")[1]
        == counted_now.split("Share")[1]
    )
    manager = await site.as_user("mo", "manager", ("soho",))
    assert "camden" not in (await manager.get("/figures")).text
    await site.message("soho", "late", created_at=now, told_at=now + 1000)
    assert (await browser.get("/figures")).words == kept.words
    clock.step(OFTEN.total_seconds())
    async with site.services.pool.connection() as db:
        assert await keep(db, site.services.now(), "Europe/London") == 2
    assert (await browser.get("/figures")).words != kept.words
