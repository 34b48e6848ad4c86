"""A chain's bad day, seen by its owner on the page: real stores as processes, real servers of NATS, a real PostgreSQL and a real Chromium. One chain
for all of it, since it takes seconds to put up."""

from collections.abc import AsyncIterator

import pytest

from tests.support.axe import axe_source, violations
from tests.support.busy import until
from tests.support.chain import Chain, chain
from tests.support.chromium import Browser
from tests.support.fleet_world import World
from tests.support.shop import event

pytestmark = [pytest.mark.engines, pytest.mark.slow]

READY = "templates/en/order.ready.sms.j2"
BY_MAIL = '[[route]]\non = "order.ready"\nto = "customer"\nvia = ["smtp"]\n'
"""Nothing is wrong with it at a store that has mail; but who orders at the counter leaves a number."""

BEYOND = "[...document.querySelectorAll('main button, main td, main th a')].filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML)"
"""What a phone shows only after a scroll to the side."""


@pytest.fixture
async def loft(fleet: World, browser: Browser) -> AsyncIterator[Chain]:
    async with browser.page() as page, chain(fleet, page) as made:
        yield made


async def test_a_bad_day(loft: Chain) -> None:
    await loft.opens("soho", ["twilio", "smtp"], canary=True)
    await loft.opens("camden", ["twilio"])
    await loft.go("/")
    await loft.sees("2 well", within=30.0)
    await _texts_reach_all(loft)
    await _a_bad_bundle(loft)
    await _a_canary_that_goes_wrong(loft)
    await _an_outage(loft)
    await _a_copied_card(loft)
    await _what_is_left_is_well_made(loft)


async def _publishes(loft: Chain, group: str, file: str, text: str, *, canary: int) -> None:
    await loft.writes(group, file, text)
    await loft.go(f"/texts/{group}/review")
    await loft.page.run(f"document.querySelector('select[name=canary]').value = '{canary}'")
    await loft.press("Publish", f"/texts?said={'canary' if canary else 'published'}")


async def _told(loft: Chain, store: str, ref: str) -> str:
    """A customer's order is ready there; what they are told, or why nothing."""
    shop = loft.shops[store]
    assert await shop.post(event(ref)) == 202
    messages = await shop.until({"sent", "delivered", "suppressed"})
    (state, why), *_ = [(each["state"], each["reason"]) for each in messages if each["order_ref"] == f"B-{ref}"]
    return f"{state}: {why}" if state == "suppressed" else str(shop.sandbox.messages[-1].text)


async def _texts_reach_all(loft: Chain) -> None:
    await _publishes(loft, "all", READY, "Hooray, {{ order.ref }} is ready!\n", canary=0)
    for store in loft.shops:
        await loft.heard(store, bundle="all/1")
    assert await _told(loft, "soho", "1") == "Hooray, B-1 is ready!"


async def _a_bad_bundle(loft: Chain) -> None:
    """What headquarters can't know: that store has no mail. It keeps what it has, and its owner sees who does not take what, and why."""
    await _publishes(loft, "camden", "routes.toml", BY_MAIL, canary=0)
    await loft.go("/")
    await loft.heard("camden", bundle_problem="camden/2")
    await loft.sees("1 to look at · 1 well", "camden texts What was published is not in force there since")
    await loft.go("/texts")
    await loft.sees("camden camden, all all/1 camden/2 camden/2: ", "none of smtp is enabled")
    assert (await loft.health("camden"))["bundle"] == "all/1"
    await loft.press("Roll back camden", "/texts?said=rolled_back")
    await loft.sees("Done: what was before counts again.")

    async def takes_it() -> bool:
        return not (await loft.health("camden"))["bundle_problem"]

    await until(takes_it)
    await loft.go("/")
    await loft.sees("2 well", within=10.0)


async def _a_canary_that_goes_wrong(loft: Chain) -> None:
    """Every check lets it pass, and customers hear nothing all the same: the figures say so, and nobody else ever has it."""
    await _publishes(loft, "all", "routes.toml", BY_MAIL, canary=30)
    await loft.sees("The canaries try it now.", "being tried goes to all, unless it does worse, after")

    async def is_tried() -> bool:
        return bool(await loft.fleet.sql("SELECT 1 FROM rollout WHERE taken <> '{}'"))

    await until(is_tried)
    assert await _told(loft, "soho", "2") == "suppressed: no e-mail address"

    async def taken_back() -> bool:
        return bool(await loft.fleet.sql("SELECT 1 FROM rollout WHERE state = 'taken_back'"))

    await until(taken_back)
    await loft.go("/texts")
    await loft.sees("all soho", "taken back 1 of 1 messages reached nobody; before it was", "all all/1")
    await loft.heard("soho", bundle="all/1")
    assert await _told(loft, "soho", "3") == "Hooray, B-3 is ready!"
    assert await _told(loft, "camden", "4") == "Hooray, B-4 is ready!"
    applied = [
        entry
        for entry in (await loft.shops["camden"].get("/v1/audit", limit=200))["items"]
        if entry["kind"] == "bundle.applied"
    ]
    assert len(applied) == 1, "the other store never had it"


async def _an_outage(loft: Chain) -> None:
    """A store is off: late after a minute and a half, silent after ten, well again once it is back."""
    camden = loft.shops["camden"]
    await loft.go("/")
    camden.kill()
    for seconds, mark, summary in (
        (90, "camden late", "1 to look at · 1 well"),
        (510, "camden silent", "1 store needs help · 1 well"),
    ):
        loft.clock.ahead_ms += seconds * 1000
        await loft.sees(mark)
        await loft.speaks_up("soho")
        await loft.sees(summary, within=10.0)


async def _a_copied_card(loft: Chain) -> None:
    """Somebody copied its card while it was off, and runs it in another shop."""
    camden, copy = loft.shops["camden"], await loft.card_is_copied("camden", "copy")
    await camden.start()
    await loft.sees("2 well", within=30.0)
    await _told(loft, "camden", "5")
    await copy.start()
    await copy.post(event("6"))
    await loft.sees("camden fork Two records call themselves this store", "1 store needs help · 1 well", within=60.0)

    async def knows() -> bool:
        return "two boxes run as it" in str((await copy.get("/v1/status"))["trouble"])

    await until(knows)
    await loft.go("/audit")
    assert "camden" in (await loft.reads()).partition("Forks")[2].partition("Gaps")[0]


async def _what_is_left_is_well_made(loft: Chain) -> None:
    axe, page = axe_source(), loft.page
    for path in ("/", "/stores/camden", "/texts", "/audit"):
        await loft.go(path)
        assert await violations(page, axe) == [], path
    await page.ask("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=False)
    for path in ("/texts", "/"):
        await loft.go(path)
        assert await page.run("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than a phone"
        assert await page.run(BEYOND) == [], path
    assert page.complaints == []
    assert all(url.startswith((loft.url, "data:", "about:")) for url in page.requests)
