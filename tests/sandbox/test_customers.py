"""The customers' phones: what they write back reaches a real service, signed as each vendor signs, and the page works in a browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
from aiohttp import web

from daemon.sandbox import Sandbox
from outbox.clock import SystemClock
from tests.support.axe import axe_source, violations
from tests.support.chromium import Browser
from tests.support.shop import event, open_shop
from tests.support.stand_in import GOOD, C

TWILIO = f"/twilio/2010-04-01/Accounts/{C['TWILIO_ACCOUNT_SID']}/Messages.json"
ADA = "+447700900123"


@asynccontextmanager
async def store_at(answers: int = 200) -> AsyncIterator[tuple[str, list[str]]]:
    """Stands where the store's hook is; its URL, and what it was told."""
    told: list[str] = []

    async def hear(request: web.BaseRequest) -> web.Response:
        told.append(f"{request.path} {(await request.read()).decode()}")
        return web.Response(status=answers, text="the signature does not hold")

    runner = web.ServerRunner(web.Server(hear, access_log=None), shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", told
    finally:
        await runner.cleanup()


@asynccontextmanager
async def sandbox_of(store: str) -> AsyncIterator[tuple[Sandbox, aiohttp.ClientSession]]:
    async with Sandbox(clock=SystemClock(), rng=Random(3), pace=0.0) as box:
        box.customers.store = store
        box.customers.introduce("Ada", (ADA, "ada@example.com"))
        async with aiohttp.ClientSession(base_url=box.url, timeout=aiohttp.ClientTimeout(total=5)) as http:
            yield box, http


async def write(http: aiohttp.ClientSession, **what: str) -> tuple[int, Any]:
    async with http.post("/_sandbox/write", json=what) as response:
        return response.status, await response.json()


async def text(http: aiohttp.ClientSession, to: str = ADA) -> None:
    form = {"To": to, "From": "+15005550006", "Body": "Your balloons are ready"}
    async with http.post(TWILIO, data=form, headers=GOOD["twilio"]) as response:
        assert response.status == 201


async def mail(http: aiohttp.ClientSession) -> None:
    body = {
        "from": {"email": "orders@example.com"},
        "subject": "Ready",
        "content": [{"type": "text/html", "value": "<p>Ready"}],
        "personalizations": [{"to": [{"email": "ada@example.com"}]}],
    }
    async with http.post("/sendgrid/v3/mail/send", json=body, headers=GOOD["sendgrid"]) as response:
        assert response.status == 202


async def test_a_real_store_takes_what_customers_write_by_every_vendor(tmp_path: Path) -> None:
    async with open_shop(tmp_path, pace=0.05) as shop:
        shop.configure(
            ["twilio", "vonage", "plivo", "whatsapp", "messenger", "sendgrid"],
            '[planning]\ndefault_routes = false\n[[route]]\non = "*"\nto = "customer"\nvia = ["twilio", "sendgrid"]\n',
            whatsapp={"templates": {}},
            messenger={"templates": {}},
        )
        await shop.start()
        shop.sandbox.customers.store = shop.url
        await shop.post(event(1))
        await shop.post(event(2, name="Kofi", phone=None, email="kofi@example.com"))
        await shop.until({"sent", "delivered"})
        say = shop.sandbox.customers.say
        assert (await say(ADA, "on my way & happy = yes, é")).provider == "twilio"
        for vendor in ("vonage", "plivo", "whatsapp"):
            await say(ADA, f"by {vendor} & so=on", provider=vendor)
        replies = (await shop.get("/v1/replies"))["items"]
        assert {(reply["text"], reply["order_ref"]) for reply in replies} == {
            ("on my way & happy = yes, é", "B-1"),
            ("by vonage & so=on", "B-1"),
            ("by plivo & so=on", "B-1"),
            ("by whatsapp & so=on", "B-1"),
        }
        await say(ADA, "STOP")
        await say("kofi@example.com", "", "complains")
        out = {(item["medium"], item["address"][-4:]) for item in (await shop.get("/v1/optouts"))["items"]}
        assert out == {("sms", "0123"), ("email", ".com")}


async def test_what_can_not_be_said_says_why() -> None:
    async with sandbox_of("") as (box, http):
        assert (await write(http, customer=ADA, text="hi"))[1]["error"].startswith("no store is known")
        assert (await write(http, customer=ADA, text="  "))[0] == 400
        assert (await write(http, customer=ADA, text="hi", provider="nobody"))[0] == 400
        async with store_at(401) as (store, _):
            box.customers.store = store
            status, answer = await write(http, customer=ADA, text="hi")
            assert (status, answer["error"]) == (409, "the store refused it (401): the signature does not hold")
            assert (
                "nothing came to kofi@example.com"
                in (await write(http, customer="kofi@example.com", text="hi"))[1]["error"]
            )
            await text(http)
            assert "when somebody complains" in (await write(http, customer=ADA, deed="complains"))[1]["error"]
            await box.cut("silent")
            assert (await write(http, customer=ADA, text="hi"))[1]["error"].startswith("the line is cut")
            await box.restore()
        assert "does not answer" in (await write(http, customer=ADA, text="hi"))[1]["error"]
        assert box.customers.said(0) == []


async def test_it_goes_by_the_vendor_that_wrote_to_them_last() -> None:
    async with store_at() as (store, told), sandbox_of(store) as (box, http):
        await text(http)
        form = {"from": "BalloonLoft", "to": "447700900123", "text": "x"}
        async with http.post("/vonage/sms/json", data=form, headers=GOOD["vonage"]):
            pass
        await write(http, customer=ADA, text="hi")
        assert told[0].startswith("/v1/receipts/vonage ")
        assert "to=BalloonLoft" in told[0]
        async with http.get("/_sandbox/customers?since=0") as response:
            known = await response.json()
        assert [(word["customer"], word["text"]) for word in known["said"]] == [(ADA, "hi")]
        assert known["names"][ADA] == "Ada"
        box.reset()
        assert box.customers.said(0) == []


async def test_the_page_is_a_phone_for_each_customer_and_is_accessible(browser: Browser) -> None:
    phone = "[...document.querySelectorAll('#phones section')].find(s => s.querySelector('h3').textContent === 'Ada')"
    async with store_at() as (store, told), sandbox_of(store) as (box, http), browser.page() as page:
        await text(http)
        await mail(http)
        await page.open(f"{box.url}/_sandbox/")
        await page.until(f"{phone}?.querySelectorAll('li').length === 2")
        assert await page.run(f"{phone}.querySelector('p').textContent") == f"{ADA} · ada@example.com"
        await page.run(
            f"{phone}.querySelector('input').value = 'on my way'; {phone}.querySelector('form').requestSubmit(); 0"
        )
        await page.until(f"{phone}.querySelectorAll('li.mine').length === 1")
        for word in ("STOP", "Complain", "This mail is spam"):
            count = await page.run(f"{phone}.querySelectorAll('li.mine').length")
            await page.run(f"[...{phone}.querySelectorAll('button')].find(b => b.textContent === '{word}').click()")
            await page.until(f"{phone}.querySelectorAll('li.mine').length === {count + 1}")
        assert [line.split()[0] for line in told] == ["/v1/receipts/twilio"] * 3 + ["/v1/receipts/sendgrid"]
        assert "Body=on+my+way" in told[0]
        assert "Body=STOP" in told[1]
        assert "spamreport" in told[3]
        await box.cut("silent")
        await page.run(
            f"{phone}.querySelector('input').value = 'hello?'; {phone}.querySelector('form').requestSubmit(); 0"
        )
        await page.until(f"{phone}.querySelector('form output').textContent.startsWith('the line is cut')")
        assert await page.run("document.documentElement.scrollWidth <= innerWidth")
        assert all(url.startswith((box.url, "about:")) for url in page.requests)


async def test_the_page_is_accessible(browser: Browser) -> None:
    axe = axe_source()
    async with store_at() as (store, _), sandbox_of(store) as (box, http), browser.page() as page:
        await text(http)
        await mail(http)
        await write(http, customer=ADA, text="on my way")
        await page.open(f"{box.url}/_sandbox/")
        await page.until("document.querySelectorAll('#phones li').length === 3")
        assert await violations(page, axe) == []
