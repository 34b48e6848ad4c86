"""The stores at a glance."""

import asyncio

import aiohttp
import pytest

from tests.support.busy import MOST, until
from tests.support.fake_clock import FakeClock
from tests.support.hq_page import Site

pytestmark = pytest.mark.engines


async def test_the_worst_comes_first_with_one_sentence_and_since_when(site: Site, clock: FakeClock) -> None:
    await site.store("quiet")
    clock.step(500)
    await site.store("tardy")
    clock.step(120)
    await site.store("angel", uplink="down")
    await site.store("bond", channels={"twilio": "paused", "modem": "ready"})
    await site.store("camden", clock_trusted=False)
    await site.store("dalston", disk_free=2**20)
    await site.store("epping")
    await site.message("epping", "m1", state="failed", reason_code="gave_up")
    await site.store("fulham")
    await site.sql(
        "INSERT INTO fork (store, epoch, seq, known, other, seen_in, first_seen, last_seen) VALUES ('fulham', 'e', 1, '', '', '', %s, %s)",
        site.services.now(), site.services.now(),
    )  # fmt: skip
    await site.store("ghost")
    await site.sql("UPDATE store SET revoked_at = now() WHERE name = 'ghost'")
    await site.store("holborn")
    page = await (await site.as_user()).get("/")
    order = [part.split('"')[0] for part in page.text.split('id="s-')[1:]]
    assert order == [
        "quiet", "tardy", "angel", "epping", "bond", "dalston", "camden", "fulham", "holborn", "ghost",
    ]  # fmt: skip
    assert "silent Nothing is heard of it: its box or its line is off since 24 Nov, 10:15 UTC" in page.words
    assert "Nothing goes out by twilio since 24 Nov, 10:25 UTC" in page.words
    assert "1 message did not reach its customer since 24 Nov" in page.words
    assert "4 stores need help · 4 to look at · 1 well" in page.words


async def test_since_when_is_when_it_began_and_it_ends(site: Site, clock: FakeClock) -> None:
    await site.store("soho", uplink="down")
    clock.step(300)
    await site.hear("soho", uplink="down")
    browser = await site.as_user()
    assert "since 24 Nov, 10:15 UTC" in (await browser.get("/")).words
    clock.step(30)
    await site.hear("soho")
    assert "1 well" in (await browser.get("/")).words


@pytest.mark.parametrize(("language", "said"), [("es", "sin línea"), ("fr", "ligne coupée"), ("de", "Leitung gestört")])
async def test_languages(site: Site, language: str, said: str) -> None:
    await site.store("soho", uplink="down")
    browser = await site.as_user()
    page = await browser.get("/", **{"Accept-Language": f"{language}-XX,en;q=0.5"})
    assert said in page.words
    assert f'<html lang="{language}"' in page.text
    chosen = await browser.get(f"/?lang={language}")
    assert said in chosen.words
    assert said in (await browser.get("/")).words, "it is kept"


async def test_a_manager_sees_their_own(site: Site) -> None:
    for name in ("soho", "camden"):
        await site.store(name)
    page = await (await site.as_user("noor", "manager", ("soho",))).get("/")
    assert "soho" in page.words
    assert "camden" not in page.text
    nobody = await (await site.as_user("nobody", "manager")).get("/")
    assert "soho" not in nobody.text


async def test_what_was_is_kept(site: Site, clock: FakeClock) -> None:
    await site.store("soho", uplink="down")
    clock.step(330)
    await site.hear("soho")
    assert await site.sql("SELECT kind, extract(epoch FROM ended - since)::int FROM trouble") == [("line_down", 330)]


async def test_what_changed_is_told_within_two_seconds(site: Site, clock: FakeClock) -> None:
    """The second is for the browser."""
    await site.store("soho")
    browser = await site.as_user()
    others = clock.sleepers

    async def asleep() -> bool:
        """Until it looks again."""
        return clock.sleepers > others

    async with browser.stream("/live/stores") as lines:
        await told(lines)
        await until(asleep)
        await site.hear("soho", uplink="down")
        await clock.advance(1.0)
        assert b"line down" in await told(lines)


async def told(lines: aiohttp.StreamReader) -> bytes:
    async with asyncio.timeout(MOST):
        while not (line := await lines.readline()).startswith(b"data:"):
            pass
    return line


async def test_who_may_no_more_watches_no_more(site: Site, clock: FakeClock) -> None:
    """Somebody was removed while their page was open; they want to go on watching."""
    await site.store("soho")
    browser = await site.as_user("noor", "viewer")
    async with browser.stream("/live/stores") as lines:
        await told(lines)
        await site.sql("DELETE FROM hq_user WHERE name = 'noor'")
        while not lines.is_eof():
            await clock.advance(1.0)
            await asyncio.sleep(0.01)
    assert (await browser.get("/live/stores")).status == 401


async def test_a_page_that_is_open_keeps_nobody_logged_in(site: Site, clock: FakeClock) -> None:
    """Somebody sits down at a desk where the page was left open days ago."""
    browser = await site.as_user()
    ((seen,),) = await site.sql("SELECT seen FROM hq_session")
    clock.step(3600)
    async with browser.stream("/live/stores") as lines:
        await lines.readline()
    assert await site.sql("SELECT seen FROM hq_session") == [(seen,)]
    assert (await browser.get("/")).status == 200
    assert await site.sql("SELECT seen FROM hq_session") != [(seen,)]


async def test_who_was_not_told_counts_from_when_it_was_heard(site: Site, clock: FakeClock) -> None:
    """A box had no time for a morning and thought it Friday evening; another thought it 2030 for an hour."""
    for store, off in (("soho", -60), ("camden", 5 * 365)):
        at = clock.now() + off * 24 * 3_600_000
        await site.store(store)
        await site.sql("UPDATE store SET joined_at = joined_at - interval '1 year'")
        await site.message(store, f"{store}-m1", state="failed", created_at=at, updated_at=at)
    browser = await site.as_user()
    page = await browser.get("/")
    assert page.words.count("1 message did not reach its customer since 24 Nov, 10:15 UTC") == 2
    assert "soho-m1" in (await browser.get("/stores/soho")).text.split("Newest messages")[0]
    clock.step(25 * 3600)
    for store in ("soho", "camden"):
        await site.hear(store)
    await site.message("camden", "camden-m1", state="failed", created_at=at, updated_at=at, to="")
    assert "did not reach" not in (await browser.get("/")).words, "though it is told anew, as its customer is forgotten"


async def test_what_a_store_brings_along_when_it_joins_is_no_trouble_of_today(site: Site, clock: FakeClock) -> None:
    """It worked alone for months, and tells all that it has on record: hundreds of customers called for somebody, for a day."""
    await site.store("soho")
    for ref, days in (("B-1", 60), ("B-2", 0)):
        at = clock.now() - days * 24 * 3_600_000
        await site.message("soho", ref.lower(), ref, state="failed", created_at=at, updated_at=at)
    browser = await site.as_user()
    assert "1 message did not reach its customer since 24 Nov, 10:15 UTC" in (await browser.get("/")).words
    untold = (await browser.get("/stores/soho")).text.split("Newest messages")[0]
    assert ("b-1" in untold, "b-2" in untold) == (False, True)
    clock.step(3600)
    await site.sql("UPDATE store SET joined_at = %s", site.services.now())
    assert "1 message did not reach its customer" in (await browser.get("/")).words, "also where it joins anew"
