"""In which order a story is told."""

import pytest

from daemon.hq import answers
from tests.support.fake_clock import FakeClock
from tests.support.hq_page import Site

pytestmark = pytest.mark.engines


async def test_an_orders_story_at_a_store_whose_clock_went_back(site: Site, clock: FakeClock) -> None:
    """The power failed together with the line: the box began anew an hour behind, and went on with the order."""
    await site.store("soho")
    await site.entries("soho", ("event.accepted", "B-1", "", {"source": "till-1", "type": "order.ready"}))
    clock.step(-3600)
    await site.entries("soho", ("message.sent", "B-1", "m1", {"channel": "twilio"}))
    browser = await site.as_user()
    token = (await browser.get("/")).token
    for page in (await browser.get("/orders/B-1"), await browser.post("/orders/B-1/export", {"token": token})):
        assert page.words.index("Order ready, told by till-1") < page.words.index("Message: sent, by twilio")
    async with site.services.pool.connection() as db:
        found = await answers.order(db, "B-1")
    assert found is not None
    assert [entry.kind for entry in found.entries] == ["event.accepted", "message.sent"]
