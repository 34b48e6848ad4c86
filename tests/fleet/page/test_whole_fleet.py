"""The page over real stores, NATS and PostgreSQL: what happens at a store is seen on it, and what is done on it counts at the stores."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.busy import until
from tests.support.fleet_world import Store, World
from tests.support.hq_page import Site, page_site
from tests.support.outbox_box import PHONE

pytestmark = [pytest.mark.engines, pytest.mark.slow]


@pytest.fixture
async def page(fleet: World, tmp_path: Path) -> AsyncIterator[Site]:
    async with page_site(fleet.settings.postgres.dsn, tmp_path, fleet.clock, settings=fleet.settings) as site:
        yield site


async def test_an_opt_out_by_hand_counts_at_every_store(fleet: World, page: Site) -> None:
    fleet.start_hq()
    soho, camden = await fleet.add_store("soho"), await fleet.add_store("camden")
    for store in (soho, camden):
        store.connect()
        await until(lambda store=store: _is_online(store))
    browser = await page.as_user("ines")
    fields = {"token": (await browser.get("/optouts")).token, "address": "+44 7700 900123", "medium": "sms"}
    done = await browser.post("/optouts", fields)
    assert (done.status, done.headers["Location"]) == (303, "/optouts?said=stopped")
    for store in (soho, camden):
        why = await until(lambda store=store: store.box.consent.blocked("sms", PHONE))
        assert why.startswith("asked at headquarters, ")

    async def listed() -> bool:
        return "headquarters wants no texts by hand" in (await browser.get("/optouts")).words

    await until(listed, seconds=10)
    ((kind, actor, detail, seq),) = await page.sql("SELECT kind, actor, detail, seq FROM hq_record")
    assert (kind, actor, detail) == ("consent.stopped", "ines", '{"medium":"sms"}')
    assert await page.sql("SELECT DISTINCT store, seq FROM consent") == [("headquarters", seq)]


async def _is_online(store: Store) -> bool:
    return (await store.link.status()).state == "connected"


async def test_what_a_store_told_is_found_by_its_customers_number(fleet: World, page: Site) -> None:
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    await soho.happen(3)
    soho.connect()
    await fleet.await_archived(soho)
    browser = await page.as_user()
    token = (await browser.get("/search")).token

    async def found() -> bool:
        answer = await browser.post("/search", {"token": token, "q": PHONE})
        return "3 messages found" in answer.words

    await until(found, seconds=10)
    story = await browser.get("/orders/B-2")
    for said in (
        "told by",
        "Message to customer planned: Order ready",
        "Try 1: twilio took it",
        "Message: sent, by twilio",
    ):
        assert said in story.words, story.words
    verified = await browser.post("/audit/verify", {"token": token, "store": "soho"})
    assert "The record of soho holds" in verified.words
