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


async def test_an_order_whose_number_other_stores_give_out_each_day(site: Site, clock: FakeClock) -> None:
    """The tills count from one each day, and who is asked about today's order at soho works at head office."""
    for store in ("aberdeen", "soho"):
        await site.store(store)
    await site.message("soho", "s-old", "12")
    clock.step(60)
    for n in range(201):
        await site.message("aberdeen", f"a{n}", "12")
    browser = await site.as_user()
    found = await browser.get("/search?q=12")
    assert "/stores/soho/" not in found.text
    assert "Only the newest of it is here: there is more. At one store: aberdeen soho" in found.words
    assert "200 messages found" in found.words
    assert "/stores/soho/messages/s-old" in (await browser.get("/orders/12?store=soho")).text
    clock.step(60)
    await site.message("soho", "s-new", "12")
    assert "/stores/soho/messages/s-new" in (await browser.get("/search?q=12")).text
    assert "there is more" in (await browser.get("/orders/12")).words
    of_a_manager = await site.as_user("noor", "manager", ("soho",))
    assert (await of_a_manager.get("/orders/12?store=aberdeen")).status == 404


async def test_a_number_that_a_till_has_given_out_for_months(site: Site, clock: FakeClock) -> None:
    await site.store("soho")
    told = ("event.accepted", "12", "", {"source": "till-1", "type": "order.placed"})
    for day in range(23):
        clock.step(86_400)
        await site.entries("soho", *[told] * 89, ("message.failed", "12", f"m{day}", {"channel": "twilio"}))
        await site.message("soho", f"m{day}", "12", state="failed")
    clock.step(86_400)
    await site.entries("soho", told, ("message.sent", "12", "new", {"channel": "vonage"}))
    await site.message("soho", "new", "12", state="sent")
    browser = await site.as_user()
    assert "Message: failed, by twilio" in (await browser.get("/stores/soho/messages/m0")).words
    assert "Message: sent, by vonage" in (await browser.get("/stores/soho/messages/new")).words
    page = await browser.get("/orders/12?store=soho")
    assert "Message: sent, by vonage" in page.words
    assert "there is more" in page.words
    saved = await browser.post("/orders/12/export?store=soho", {"token": page.token})
    assert "Message: sent, by vonage" in saved.words
    assert "Only the newest of it is here: there is more." in saved.words
    async with site.services.pool.connection() as db:
        cut, elsewhere = await answers.order(db, "12"), await answers.order(db, "12", "camden")
    assert elsewhere is None
    assert cut is not None
    assert cut.truncated
    assert cut.entries[-1].kind == "message.sent"
