"""Sources at a whole shop: hooks over HTTP, and the commands that look at them, try them and replay."""

import asyncio
import getpass
import json
import os
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from outbox.quarantine import LARGEST_BODY
from tests.support.shop import Shop, open_shop
from tests.support.sources import base64_hmac

SOURCES = """
[sources.webshop]
kind = "woocommerce"

[sources.erp]
kind = "mapped"
id = "id"
type = "status"
order = { ref = "order", total = "total" }
customer = { phone = "phone" }
statuses = { ready = "order.ready" }
unknown = "keep"
signature = { kind = "token", query = "token" }
"""
ORDER = {
    "id": 727,
    "number": "W-727",
    "status": "ready-for-pickup",
    "total": "34.90",
    "currency": "GBP",
    "date_created_gmt": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}",
    "date_modified_gmt": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}",
    "date_paid_gmt": None,
    "billing": {"first_name": "Ada", "phone": "07700 900123"},
}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"], extra=SOURCES)
        with (tmp_path / ".env").open("a") as env:
            env.write("WEBSHOP_WEBHOOK_SECRET=wc_secret\nERP_WEBHOOK_SECRET=t0k\n")
        await shop.start()
        yield shop


async def post(shop: Shop, path: str, body: bytes, **headers: str) -> int:
    async with shop.session.post(path, data=body, headers=headers) as answer:
        await answer.read()
        return answer.status


async def test_webhooks_become_messages_and_the_commands_see_it_all(shop: Shop, tmp_path: Path) -> None:
    body = json.dumps(ORDER).encode()
    signature = {"X-WC-Webhook-Signature": base64_hmac("wc_secret", body), "Content-Type": "application/json"}
    assert (
        await post(shop, "/v1/hooks/webshop", b"webhook_id=9", **{"Content-Type": "application/x-www-form-urlencoded"})
        == 200
    )
    assert await post(shop, "/v1/hooks/webshop", body + b" ", **signature) == 401
    assert await post(shop, "/v1/hooks/nobody", body) == 404
    for _ in range(2):
        assert await post(shop, "/v1/hooks/webshop", body, **signature) == 200
    odd = json.dumps({"id": 1, "status": "klar", "order": "E-1", "phone": "07700 900124"}).encode()
    assert await post(shop, "/v1/hooks/erp?token=t0k", b"[" * LARGEST_BODY + b"[") == 200
    assert await post(shop, "/v1/hooks/erp?token=t0k", odd) == 200
    assert await post(shop, "/v1/hooks/erp?token=wrong", odd) == 401
    messages = await shop.until({"sent", "delivered", "superseded"})
    assert sorted((m["order_ref"], m["trigger"]) for m in messages if m["state"] != "superseded") == [
        ("W-727", "order.ready")
    ]
    await _commands(shop, tmp_path, odd)


async def _commands(shop: Shop, tmp_path: Path, odd: bytes) -> None:
    listed = shop.tether("sources", "list").stdout
    assert "webshop" in listed
    assert "/v1/hooks/erp" in listed
    assert "klar" in shop.tether("sources", "quarantine").stdout
    kept = json.loads(shop.tether("sources", "quarantine", "--json").stdout)[0]["id"]
    assert "E-1" in shop.tether("sources", "quarantine", kept).stdout
    failed = shop.tether("sources", "quarantine", "--replay", kept, check=False)
    assert failed.returncode == 1
    assert "not in the `statuses` table" in failed.stdout
    file = tmp_path / "body.json"
    file.write_bytes(odd.replace(b"klar", b"ready"))
    tried = shop.tether("sources", "try", "erp", str(file)).stdout
    assert "order.ready  order E-1" in tried
    assert "by twilio" in tried
    file.write_text(json.dumps({**ORDER, "id": 728, "number": "W-728", "status": "cancelled"}))
    tried = shop.tether("sources", "try", "webshop", str(file)).stdout
    assert "nobody would be told: its order was never placed" in tried
    file.write_bytes(odd)
    assert "not in the `statuses` table" in shop.tether("sources", "try", "erp", str(file), check=False).stderr
    shop.config.write_text(shop.config.read_text().replace('ready = "order.ready"', 'klar = "order.ready"'))
    shop.tether("reload")
    again = shop.tether("sources", "quarantine", "--replay", "all", check=False)
    assert again.returncode == 1
    assert "too large to be kept whole" in again.stdout
    assert f"{kept}: understood" in again.stdout, "what was refused keeps none of those behind it from being read"
    messages = await shop.until({"sent", "delivered", "superseded"})
    assert [m["order_ref"] for m in messages if m["trigger"] == "order.ready"] == ["E-1", "W-727"]
    replayed = shop.tether("replay", "--since", "1h").stdout
    assert "0 messages are planned" in replayed
    assert len(await shop.messages()) == len(messages)
    assert shop.tether("replay", "--since", "a while", check=False).returncode == 1


async def test_staff_ask_and_offer_from_the_command_line_and_the_record_says_who(shop: Shop) -> None:
    assert (
        await shop.post(
            {"id": "1", "type": "order.placed", "order": {"ref": "B-7"}, "customer": {"phone": "07700 900123"}}
        )
        == 202
    )
    words = (
        "--item",
        "Gold star",
        "--alternative",
        "Silver star",
        "--alternative",
        "Blue moon",
        "--note",
        "supplier is out",
    )
    shop.tether("orders", "status", "B-7", "order.out_of_stock", *words)
    await shop.until({"sent", "delivered", "superseded"})
    shop.tether("orders", "status", "B-7", "order.customization_needed", "--question", "Which name on it?")
    messages = await shop.until({"sent", "delivered", "superseded"})
    texts = [message["sent"]["text"] for message in await _attempts(shop, [m["id"] for m in messages])]
    assert any("Silver star" in text and "Blue moon" in text for text in texts)
    assert any("Which name on it?" in text for text in texts)
    acts = [entry for entry in (await shop.get("/v1/audit", order="B-7", limit=100))["items"] if entry["actor"]]
    assert {entry["actor"] for entry in acts} == {f"{getpass.getuser()} (uid {os.getuid()})"}
    assert "supplier is out" in shop.tether("orders", "show", "B-7").stdout


async def _attempts(shop: Shop, ids: list[str]) -> list[dict[str, Any]]:
    found = [await shop.get(f"/v1/messages/{id}") for id in ids]
    return [attempt for message in found for attempt in message["attempts"] if attempt["sent"]]


async def test_how_it_goes_with_a_shop_is_shown_as_it_is_with_channels(tmp_path: Path) -> None:
    """In the list of sources, in the status, in the figures; and it is asked again when somebody wants it."""
    asked: list[str] = []
    broken = [False]

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.query["modified_after"])
        return web.json_response({"code": "no", "message": "Sorry"}, status=401) if broken[0] else web.json_response([])

    web_shop = web.Application()
    web_shop.router.add_get("/wp-json/wc/v3/orders", answer)
    async with TestServer(web_shop) as server, open_shop(tmp_path) as shop:
        table = f'[sources.webshop]\nkind = "woocommerce"\nurl = "{server.make_url("/")}"\npoll = "10m"\n'
        shop.configure(["twilio"], extra=table)
        with (tmp_path / ".env").open("a") as env:
            env.write("WEBSHOP_KEY=ck\nWEBSHOP_SECRET=cs\n")
        await shop.start()
        while (row := (await shop.get("/v1/sources"))["items"][0])["state"] != "ready":
            await asyncio.sleep(0.05)
        assert (row["poll"], row["problem"], row["behind"] < 60) == (600.0, "", True)
        assert row["last_asked"] is not None
        count = len(asked)
        synced = await _told(shop, "sources", "sync", "webshop", "--since", "2026-01-02T00:00:00Z")
        assert (synced.returncode, len(asked) > count) == (0, True), synced.stderr
        assert "2026-01-02T00:00:00" in asked
        assert "every 600 s" in synced.stdout
        broken[0] = True
        refused = await _told(shop, "sources", "sync", "webshop")
        assert refused.returncode == 1
        assert "it answered 401: no Sorry" in refused.stderr
        assert "source    webshop failing" in (await _told(shop, "status")).stdout
        async with shop.session.get("/metrics") as figures:
            assert 'tether_source_up{source="webshop"} 0' in await figures.text()
        assert "did you mean 'webshop'?" in (await _told(shop, "sources", "sync", "webshp")).stderr
        assert (
            "no source 'nobody': add a [sources.nobody] table"
            in (await _told(shop, "sources", "sync", "nobody")).stderr
        )


async def _told(shop: Shop, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(lambda: shop.tether(*arguments, check=False))


async def test_a_shop_that_is_asked_tells_its_customers(tmp_path: Path) -> None:
    """The whole way: a shop's order becomes ready, the service asks, the customer is told; over a restart too."""
    orders: list[dict[str, Any]] = []
    web_shop = web.Application()

    async def answer(request: web.Request) -> web.Response:
        query = request.query
        assert query["oauth_consumer_key"] == "ck"  # over http the key signs, and does not travel
        found = [
            order
            for order in orders
            if query.get("modified_after", "") < str(order["date_modified_gmt"]) < query.get("modified_before", "9")
            and str(order["id"]) in query.get("include", str(order["id"])).split(",")
            and query["status"] == "any"
        ]
        return web.json_response(found, headers={"X-WP-Total": str(len(found))})

    def now() -> str:
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")

    web_shop.router.add_get("/wp-json/wc/v3/orders", answer)
    orders.append(
        {**ORDER, "id": 1, "number": "OLD", "date_created_gmt": "2020-01-01T00:00:00", "date_modified_gmt": now()}
    )
    async with TestServer(web_shop) as server, open_shop(tmp_path) as shop:
        table = f'[sources.webshop]\nkind = "woocommerce"\nurl = "{server.make_url("/")}"\npoll = "1s"\n'
        shop.configure(["twilio"], extra=table)
        with (tmp_path / ".env").open("a") as env:
            env.write("WEBSHOP_KEY=ck\nWEBSHOP_SECRET=cs\n")
        await shop.start()
        await _until(shop, {"OLD"})
        assert await shop.messages() == []
        await asyncio.sleep(
            1.1
        )  # the shop's moments are of whole seconds: this one is to lie after the service's start
        orders.append(
            {**ORDER, "number": "NEW", "status": "on-hold", "date_created_gmt": now(), "date_modified_gmt": now()}
        )
        await _until(shop, {"OLD", "NEW"})
        await shop.until({"sent", "delivered"})  # one that is killed while it is sent is looked up after half a minute
        shop.kill()
        await shop.start()
        await asyncio.sleep(1.1)  # and this one after the last
        orders[1] |= {"status": "ready-for-pickup", "date_modified_gmt": now()}
        while len(await shop.messages()) < 2:
            await asyncio.sleep(0.1)
        messages = await shop.until({"sent", "delivered", "superseded"})
        assert [(m["order_ref"], m["trigger"]) for m in messages] == [("NEW", "order.ready"), ("NEW", "order.placed")]


async def _until(shop: Shop, refs: set[str]) -> None:
    while {order["ref"] for order in (await shop.get("/v1/orders"))["items"]} != refs:
        await asyncio.sleep(0.1)
