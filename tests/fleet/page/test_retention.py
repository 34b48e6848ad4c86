"""What leads to a person is kept at headquarters no longer than it is to be."""

import asyncio

import pytest

from daemon.hq.weekly import WeeklyMail
from outbox.shares import Shares
from tests.support.busy import until
from tests.support.fake_clock import FakeClock
from tests.support.hq_page import Site

pytestmark = pytest.mark.engines

DAY = 86_400


async def nobody_is_mailed(audience: str, subject: str, text: str) -> bool:
    return False


async def test_whom_their_store_forgot_in_time_is_found_no_more(site: Site, clock: FakeClock) -> None:
    """The store prunes and says nothing of it; it may have been closed since. Its clock was years ahead."""
    who = list(Shares(site.services.settings.consent_keys).person("+447700900123"))
    await site.store("soho")
    at = clock.now() + 5 * 365 * DAY * 1000
    await site.message("soho", "old", who=who, created_at=at, updated_at=at)
    clock.step(100 * DAY)
    await site.message("soho", "new", "B-2", who=who)
    clock.step(81 * DAY)
    browser = await site.as_user()
    token = (await browser.get("/search")).token
    stop = asyncio.Event()
    weekly = WeeklyMail(site.services.settings, site.services.pool, clock, nobody_is_mailed, lambda: True)
    running = asyncio.create_task(weekly.run(stop))

    async def only_the_new_one_leads_to_her() -> bool:
        await clock.advance(60)
        found = await browser.post("/search", {"token": token, "q": "+447700900123"})
        return "/messages/new" in found.text and "/messages/old" not in found.text

    try:
        assert await until(only_the_new_one_leads_to_her)
        assert await site.sql("SELECT who, address FROM message WHERE id = 'old'") == [([], "")]
        assert "/messages/old" in (await browser.get("/search?q=B-1")).text
    finally:
        stop.set()
        await running
