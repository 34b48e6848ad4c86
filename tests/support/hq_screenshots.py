"""Pictures of headquarters' page, in a real Chromium, of a chain's ordinary afternoon. For `make screenshots`."""

import base64
import tempfile
from pathlib import Path

from outbox.clock import SystemClock
from outbox.shares import Shares
from tests.support.chromium import Page, chromium
from tests.support.engines import postgres
from tests.support.hq_page import Site, page_site

STORES = {
    "soho": "london",
    "camden": "london",
    "hackney": "london",
    "brixton": "london",
    "leith": "north",
    "hull": "north",
    "york": "north",
    "dover": "",
}
PICTURES = {
    "hq-stores": ("/", "light"),
    "hq-store": ("/stores/camden", "light"),
    "hq-order": ("/orders/B-1042", "dark"),
}
WIDTH, HIGHEST = 1280, 1000


async def take(folder: Path) -> list[Path]:
    """Write the pictures and name them."""
    taken = []
    with postgres() as server, tempfile.TemporaryDirectory() as place, chromium() as browser:
        async with (
            page_site(server.make_database("pictures"), Path(place), SystemClock()) as site,
            browser.page() as page,
        ):
            await _afternoon(site)
            await page.open(f"{site.url}/login", width=WIDTH, height=600)
            await page.ask("Network.setCookie", name="tether-session", value=await site.session("ines"), url=site.url)
            for name, (path, theme) in PICTURES.items():
                file = folder / f"{name}.png"
                file.write_bytes(await _picture(page, f"{site.url}{path}?theme={theme}"))
                taken.append(file)
    return taken


async def _picture(page: Page, url: str) -> bytes:
    await page.go(url)
    height = min(await page.run("document.documentElement.scrollHeight"), HIGHEST)
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 1}
    return base64.b64decode(
        (await page.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip))["data"]
    )


async def _afternoon(site: Site) -> None:
    now = site.services.clock.now()
    for name, group in STORES.items():
        await site.store(name, group)
    await site.sql("UPDATE health SET arrived = arrived - interval '25 minutes' WHERE store = 'leith'")
    await site.hear(
        "hackney", uplink="down", queued=14, oldest_queued_at=now - 600_000, channels={"twilio": "ready", "modem": "ready"}, modem="ready"
    )  # fmt: skip
    await site.hear("brixton", channels={"twilio": "paused", "sendgrid": "ready"})
    who = list(Shares(site.services.settings.consent_keys).person("+447700900123"))
    await site.message("camden", "m1", "B-1042", state="failed", reason_code="no_channel", who=who)
    for n in range(5):
        await site.message(
            "camden", f"m{n + 2}", f"B-10{43 + n}", created_at=now - n * 600_000, updated_at=now - n * 600_000
        )
    told = {"to": "customer", "type": "order.ready", "channel": "twilio"}
    await site.entries(
        "camden",
        ("event.accepted", "B-1042", "", {"id": "e1", "source": "till-1", "type": "order.ready"}),
        ("message.queued", "B-1042", "m1", told),
        ("attempt.rejected", "B-1042", "m1", {"n": 1, "channel": "twilio", "code": "21614"}),
        ("message.queued", "B-1042", "m1", {"channel": "sendgrid", "reason_code": "refused"}),
        ("attempt.accepted", "B-1042", "m1", {"n": 2, "channel": "sendgrid"}),
        ("receipt.undelivered", "B-1042", "m1", {"n": 2, "channel": "sendgrid", "code": "550"}),
        ("message.failed", "B-1042", "m1", {"channel": "sendgrid", "reason_code": "no_channel"}),
    )
    await site.sql(
        "INSERT INTO health_hour SELECT 'camden', date_trunc('hour', now()) - n * interval '1 hour', CASE WHEN n BETWEEN 30 AND 33 THEN 20 ELSE 120 END, "
        "CASE WHEN n BETWEEN 24 AND 26 THEN 60 ELSE 0 END, (12 * abs(sin(n / 8.0)))::int, mod(n, 24) * 30000, 8000000000 - (168 - n) * 9000000, "
        "mod(n, 24) * 400000, 0 FROM generate_series(1, 160) AS n"
    )
