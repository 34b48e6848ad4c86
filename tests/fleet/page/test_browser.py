"""The page in a real Chromium, wide and on a phone: it is live, accessible, quiet on its console, and asks for nothing elsewhere."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outbox.clock import SystemClock
from outbox.shares import Shares
from tests.support.axe import axe_source, violations
from tests.support.chromium import LIVE_S, Browser, Page
from tests.support.hq_page import Site, page_site

pytestmark = [pytest.mark.engines, pytest.mark.slow]

NAMES = "[...document.querySelectorAll('#ill > li')].map(li => li.id).join()"


@pytest.fixture
async def site(database: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with page_site(database, tmp_path, SystemClock()) as running:
        yield running


TEXT = "templates/en/order.ready.sms.j2"


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    async with browser.page() as page:
        yield page


async def log_in(page: Page, site: Site) -> None:
    await page.ask("Network.setCookie", name="tether-session", value=await site.session(), url=site.url, httpOnly=True)


async def filled(site: Site) -> None:
    who = list(Shares(site.services.settings.consent_keys).person("+447700900123"))
    await site.store("soho", "london")
    await site.store("camden", uplink="down", channels={"twilio": "paused", "modem": "ready"}, modem="ready")
    await site.message("camden", "m1", "B-1", state="failed", reason_code="no_channel", who=who)
    await site.message("camden", "m2", "B-1")
    await site.entries(
        "camden",
        ("event.accepted", "B-1", "", {"id": "e1", "source": "till-1", "type": "order.ready"}),
        ("attempt.rejected", "B-1", "m1", {"n": 1, "channel": "twilio", "code": "21614"}),
        ("message.failed", "B-1", "m1", {"channel": "twilio", "reason_code": "no_channel"}),
    )
    await site.sql("INSERT INTO draft VALUES ('all', %s, 'New: {{ order.ref }}', 'ines', now())", TEXT)
    medium, digest = "sms", Shares(site.services.settings.consent_keys).of("sms", "+447700900123")[0][1]
    await site.sql(
        "INSERT INTO consent VALUES ('k1', %s, %s, true, %s, true, 'camden', 'e', 5, 'STOP', 1, '', now())",
        medium, digest, site.services.clock.now(),
    )  # fmt: skip


PATHS = (
    "/", "/stores/camden", "/orders/B-1", "/stores/camden/messages/m1", "/search?q=B-1", "/search?q=%2B447700900123", "/optouts",
    "/audit", "/stores/nowhere", "/stores/camden/commands", "/figures", "/texts", "/texts/all", f"/texts/all/edit?file={TEXT}", "/texts/all/review",
)  # fmt: skip


async def test_every_page_wide_and_light_and_on_a_phone_and_dark(page: Page, site: Site) -> None:
    axe = axe_source()
    await filled(site)
    await page.open(f"{site.url}/login?theme=dark", width=1280, height=844)
    assert await page.run("document.documentElement.dataset.theme") == "dark"
    for path in ("/login?theme=light", *PATHS):
        if path == "/":
            await log_in(page, site)
        await page.go(site.url + path)
        assert await page.run("document.documentElement.dataset.theme") == "light"
        for width, theme in ((1280, "light"), (390, "dark")):
            await page.ask(
                "Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=False
            )
            await page.run(f"document.documentElement.dataset.theme = '{theme}'")
            assert await violations(page, axe) == [], (path, width)
            assert await page.run("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than {width}"
    page.complaints[:] = [each for each in page.complaints if "404" not in each]
    assert page.complaints == []
    assert all(url.startswith((site.url, "data:", "about:")) for url in page.requests)


async def test_the_stores_are_live(page: Page, site: Site) -> None:
    for name in ("soho", "camden", "leith"):
        await site.store(name)
    await page.open(site.url + "/login")
    await log_in(page, site)
    await page.go(site.url + "/")
    assert await page.run(NAMES) == ""
    await page.run("window.isLoadedOnce = true")
    await site.hear("camden", channels={"twilio": "paused"})
    await page.until(f"{NAMES} === 's-camden'", within=LIVE_S)
    await site.hear("soho", uplink="down")
    await page.until(f"{NAMES} === 's-soho,s-camden'", within=LIVE_S)  # the worst comes first
    assert await page.run("document.getElementById('summary').textContent") == (
        "1 store needs help · 1 to look at · 1 well"
    )
    await site.hear("soho")
    await page.until(f"{NAMES} === 's-camden'", within=LIVE_S)
    await site.store("york")
    await page.until("!!document.getElementById('s-york')", within=LIVE_S)
    assert await page.run("window.isLoadedOnce")
    assert page.complaints == []


async def test_by_keyboard(page: Page, site: Site) -> None:
    await site.store("soho")
    await page.open(site.url + "/login")
    await log_in(page, site)
    await page.go(site.url + "/")
    await page.ask("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert await page.run("document.activeElement.className") == "skip", "the first stop leads past the navigation"
    await page.ask("Input.dispatchKeyEvent", type="keyDown", key="/", code="Slash", text="/")
    assert await page.run("document.activeElement.id") == "find"
    await page.ask("Input.insertText", text="B-77")
    await page.ask(
        "Input.dispatchKeyEvent", type="keyDown", key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r"
    )
    await page.at("location.search === '?q=B-77'")
    assert await page.run("document.querySelector('main input[name=q]').value") == "B-77"


async def test_the_preview_of_a_text_follows_the_typing(page: Page, site: Site) -> None:
    await page.open(site.url + "/login")
    await log_in(page, site)
    await page.go(f"{site.url}/texts/all/edit?file={TEXT}")
    await page.run("document.getElementById('text').focus(); document.getElementById('text').select()")
    await page.ask("Input.insertText", text="Hooray {{ order.ref }}!")
    await page.until("document.getElementById('samples').textContent.includes('Hooray B-10421042!')", within=30.0)
    assert await page.run("document.activeElement.id") == "text", "the typing goes on"
    assert page.complaints == []
