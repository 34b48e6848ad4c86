"""A token speaks for itself only: attacks by whoever holds a till's token on the record, on other sources and on customers."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from daemon.api.plumbing import voices
from daemon.api.plumbing.route import Caller
from daemon.api.schema.body import convert
from daemon.api.schema.event import Event
from daemon.api.schema.problem import Problem
from daemon.config import ConfigError
from daemon.config import Store as StoreTable
from daemon.intake.registry import build
from outbox.model import State
from tests.support.face import Face, event, opened, serving
from tests.support.shop import Shop, open_shop
from tests.support.small_store import open_store, store_settings

KEY = base64.b64encode(b"pay-secret-of-the-balloon-shop").decode()
CLOUD = {"Content-Type": "application/cloudevents+json"}
SHOP = """
[planning]
default_routes = false
[[route]]
on = "order.*"
to = "customer"
via = ["twilio"]
[[route]]
on = "refund.issued"
to = "customer"
via = ["twilio"]
[sources.pay]
kind = "pos"
"""


def cloud(id: str = "evt_1", source: str = "pay", type: str = "order.ready", ref: str = "B-1042") -> dict[str, Any]:
    customer = {"name": "Ada", "phone": "+447700900123"}
    return {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": type,
        "data": {"order": {"ref": ref}, "customer": customer},
    }


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"], SHOP)
        with (tmp_path / ".env").open("a") as env:
            env.write(f"PAY_WEBHOOK_SECRET=whsec_{KEY}\n")
        await shop.start()
        yield shop


@pytest.fixture
async def face() -> AsyncIterator[Face]:
    async with opened() as face:
        yield face


async def by_token(shop: Shop, secret: str, body: Any, **headers: str) -> tuple[int, Any]:
    bearer = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json", **headers}
    url = f"{shop.url}/v1/events"
    async with aiohttp.ClientSession() as tcp, tcp.post(url, data=json.dumps(body), headers=bearer) as answer:
        return answer.status, await answer.json(content_type=None)


async def signed(shop: Shop, body: dict[str, Any]) -> int:
    """The payment provider's own webhook."""
    raw, now = json.dumps(body).encode(), str(int(time.time()))
    seal = base64.b64encode(hmac.digest(base64.b64decode(KEY), f"msg_1.{now}.".encode() + raw, hashlib.sha256)).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": now, "webhook-signature": f"v1,{seal}"}
    async with shop.session.post("/v1/hooks/pay", data=raw, headers=headers) as answer:
        return answer.status


def tether(shop: Shop, *arguments: str, check: bool = True) -> Any:
    return asyncio.to_thread(shop.tether, *arguments, check=check)


async def test_a_till_can_not_speak_as_the_payment_provider_nor_at_another_orders_expense(shop: Shop) -> None:
    """Who holds a till's token wants the provider's signed refund swallowed as a duplicate, an order cancelled in staff's name,
    and a text of their own sent in the shop's."""
    till = (await tether(shop, "token", "new", "till-1", "--scope", "events")).stdout.strip()
    for source, type in (("pay", "refund.issued"), ("counter", "order.cancelled"), ("till-1", "order.ready")):
        status, _ = await by_token(shop, till, cloud(source=source, type=type, id=f"evt_{type}"), **CLOUD)
        assert status == 202
        (told,) = [each for each in (await shop.get("/v1/orders/B-1042"))["timeline"] if each.get("type") == type][:1]
        assert told["source"] == f"till-1/{source}"
    genuine = {"id": "evt_refund.issued", "type": "refund.issued", "order": {"ref": "B-1042"}}
    assert await signed(shop, genuine) == 200
    assert (await shop.get("/v1/events/evt_refund.issued", source="pay"))["source"] == "pay"
    entries = (await shop.get("/v1/audit", order="B-1042", limit=100))["items"]
    ours = [each for each in entries if each["kind"].startswith(("event.", "message.q"))]
    assert {each["detail"]["source"].partition("/")[0] for each in ours} == {"till-1", "pay"}

    for name in ("pay", "PAY", "counter", "pos", "cli", "tether"):
        refused = await tether(shop, "token", "new", name, "--scope", "events", check=False)
        assert refused.returncode == 1, name
        assert "choose another" in refused.stderr

    bound = ("token", "new", "till-2", "--scope", "events", "--type", "order.*", "--own-orders")
    second = (await tether(shop, *bound)).stdout.strip()
    assert (await by_token(shop, second, event("e-1", "refund.issued", "T-2")))[0] == 403
    status, problem = await by_token(shop, second, event("e-2", "order.cancelled", "B-1042"))
    assert (status, problem["errors"][0]["field"]) == (403, "order.ref")
    status, several = await by_token(
        shop, second, [event("e-3", "order.placed", "T-2"), event("e-4", "payment.failed", "T-2")]
    )
    assert (status, [each["status"] for each in several["items"]]) == (207, [202, 403])
    assert (await by_token(shop, second, cloud("e-5", "theirs", ref="T-2"), **CLOUD))[0] == 202
    listed = (await tether(shop, "token", "list")).stdout
    assert "order.*; own orders" in listed
    assert "all types; any order" in listed
    await shop.stop()
    await shop.start()
    assert (await by_token(shop, second, event("e-6", "order.cancelled", "B-1042")))[0] == 403, "kept over a restart"


QUESTION = "Your parcel is held. Ring 0900 123456 now and have your card ready to pay the fee of 9.99."


async def test_what_a_till_writes_is_no_text_of_the_shops(shop: Shop) -> None:
    """Who holds a till's token wants a sentence of their own sent to a number of their choice: in a question, a reference, a name."""
    plain = (await tether(shop, "token", "new", "till-1", "--scope", "events")).stdout.strip()
    trusted = (await tether(shop, "token", "new", "till-2", "--scope", "events", "--own-words")).stdout.strip()
    asked = event("e-1", "order.customization_needed", "T-1", data={"question": QUESTION})
    assert (await by_token(shop, plain, asked))[0] == 202
    long_ref = event("e-2", "order.ready", QUESTION)
    long_ref["customer"]["name"] = "evil-shop.com"
    assert (await by_token(shop, plain, long_ref))[0] == 202
    assert (await by_token(shop, trusted, {**asked, "order": {"ref": "T-2"}}))[0] == 202
    await shop.until({"sent", "delivered"})
    by_order = {order: [one.text for one in shop.sandbox.messages if order in one.text] for order in ("T-1", "T-2")}
    assert "0900" not in by_order["T-1"][0]
    assert "0900" in by_order["T-2"][0]
    assert sum("pay the fee" in one.text for one in shop.sandbox.messages) == 1
    assert not any("evil-shop" in one.text for one in shop.sandbox.messages)
    replayed = await tether(shop, "replay", "--since", "2026-01-01T00:00:00Z")
    assert replayed.returncode == 0


async def test_no_text_of_the_shops_leads_where_a_till_wants(face: Face) -> None:
    """Who holds a till's token wants the button in the shop's own mail: an order's page stays with it, whoever tells of it next."""
    evil = event("e-1", "order.changed", order={"url": "https://evil.example/pay"})
    assert (await face.post("/v1/events", evil, as_="till-2")).status == 202
    assert (await face.get("/v1/orders/B-1042")).json["url"] is None
    own = event("e-2", "order.changed", order={"url": "https://shop.example/my/1042"})
    assert (await face.post("/v1/events", own, as_="owner")).status == 202
    assert (await face.get("/v1/orders/B-1042")).json["url"] == "https://shop.example/my/1042"


async def test_what_a_till_wrote_is_not_staffs_word_when_a_step_is_taken_back(face: Face) -> None:
    """Who holds a till's token waits for a slip at the counter: what the customer is told once more is not in the till's words either."""
    asked = event("e-1", "order.customization_needed", data={"question": QUESTION})
    await face.post("/v1/events", asked, as_="till-2")
    await face.post("/v1/orders/B-1042/status", {"status": "order.ready", "id": "k-1"}, as_="desk")
    assert (await face.post("/v1/orders/B-1042/undo", {"event_id": "k-1"}, as_="desk")).status == 200
    waits = [each for each in await face.store.messages() if each.state is State.QUEUED and each.audience == "customer"]
    assert [(each.trigger, each.policy.plain) for each in waits] == [("order.customization_needed", True)]


def test_who_may_only_post_events_at_the_door_is_no_staff() -> None:
    """A till's program on the box itself, in a group that may post events, wants what no till's token may."""
    sam = Caller("counter", frozenset({"events"}), "sam (uid 1001)", "sam (uid 1001)")
    root = Caller("counter", frozenset({"admin"}), "root (uid 0)", "root (uid 0)")
    url = "https://evil.example/pay"
    asked = convert(event(type="order.customization_needed", data={"question": QUESTION}, order={"url": url}), Event)
    theirs = voices.posted(sam, asked, b"{}", now=0, sources=())
    assert (theirs.plain, theirs.event.order.url) == (True, None)
    ours = voices.posted(root, asked, b"{}", now=0, sources=())
    assert (ours.plain, ours.event.order.url) == (False, url)
    with pytest.raises(Problem) as refused:
        voices.posted(sam, convert(event(type="staff.message"), Event), b"{}", now=0, sources=())
    assert refused.value.status == 403


async def test_staffs_own_acts_are_no_tokens(face: Face) -> None:
    """A till's token wants what it wrote to stand in an order's story as what staff wrote."""
    forged = event(type="staff.message", data={"text": "We owe you a refund"})
    assert (await face.post("/v1/events", forged, as_="till-2")).fields == ["type"]


async def test_no_order_hides_from_the_lists(face: Face) -> None:
    """A till's token wants an order that staff do not see: the record keeps strays apart by their first letter."""
    assert (await face.post("/v1/events", event(ref="~1"), as_="till-2")).fields == ["order.ref"]


async def test_a_token_that_is_older_than_the_source_of_its_name_is_shut_out() -> None:
    """A token called `webshop` was made before `[sources.webshop]`: it must not go on as that source."""
    async with opened(store_settings(sources={"till-2": {"kind": "pos"}})) as face:
        answer = await face.post("/v1/events", event(), as_="till-2")
    assert answer.status == 403
    assert "another name" in answer.problem["detail"]


async def test_nobody_at_the_door_is_another_source(tmp_path: Path) -> None:
    """A cashier's login wants the payment provider's next event swallowed: `X-Tether-Source` names the door's own voices only."""
    async with open_store() as store, serving(store, socket=tmp_path / "tether.sock") as face:
        for number, name in enumerate(("pay", "webshop", "till-2", "pos", "cli")):
            await face.post("/v1/events", event(f"e-{number}"), as_=None, headers={"X-Tether-Source": name})
        assert [each.source for each in await store.events()] == ["counter"] * 4 + ["cli"]


@pytest.mark.parametrize(
    "wish",
    [
        {"name": "t", "scopes": ["read"], "types": ["order.*"]},
        {"name": "t", "scopes": ["events", "admin"], "own_orders": True},
        {"name": "t", "scopes": ["events"], "types": ["Order"]},
    ],
)
async def test_bounds_that_would_bind_nothing_are_refused(face: Face, wish: dict[str, Any]) -> None:
    assert (await face.post("/v1/tokens", wish)).status == 422


def test_who_stood_at_the_counters_door_is_not_known_afterwards() -> None:
    """Who may only post events there calls itself `cli`, and waits for the owner to replay what no route named: it wants its own sentence told."""
    assert not voices.may_write("cli", (), ())
    assert not voices.may_write("counter/till", (), ())
    assert voices.may_write("pos", (), ())


@pytest.mark.parametrize(
    ("name", "secrets", "why"),
    [
        ("pos", {"TETHER_WEBHOOK_SECRET": f"whsec_{KEY}"}, "signed for POST /v1/events"),
        ("tether", {}, "TETHER_WEBHOOK_SECRET"),
        ("Tether", {}, "TETHER_WEBHOOK_SECRET"),
        ("command-line", {}, "the counter's own door"),
        ("counter", {}, "the counter's own door"),
        ("cli", {}, "the counter's own door"),
    ],
)
def test_no_source_has_the_name_of_another_voice(name: str, secrets: dict[str, str], why: str) -> None:
    """A second till's hook and the signed checkout both told of `1001` as `pos`: the one order's customer heard nothing, or the checkout got 409."""
    with pytest.raises(ConfigError, match=why):
        build(name, {"kind": "pos"}, secrets, StoreTable())


def test_a_till_that_is_the_only_one_to_sign_may_be_called_pos() -> None:
    assert build("pos", {"kind": "pos"}, {"POS_WEBHOOK_SECRET": f"whsec_{KEY}"}, StoreTable()).name == "pos"
