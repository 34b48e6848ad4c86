"""The same orders from three sources, out of order, twice and interleaved: the same orders in the end, and each notice once."""

import asyncio
import hashlib
import hmac
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.config import Settings, Store, decode
from daemon.planner.plan import make_planner
from daemon.planner.routes import compile_routes
from outbox.model import Order, Planner, State
from tests.support.planning import REACH
from tests.support.sources import AHook, Shopfront, open_front, woo_hook

SECRETS = {"WEBSHOP_WEBHOOK_SECRET": "wc_secret", "PAY_WEBHOOK_SECRET": "whsec_pay", "ERP_WEBHOOK_SECRET": "t0k"}
ERP = {
    "kind": "mapped",
    "id": "id",
    "type": "status",
    "at": "at",
    "order": {"ref": "order"},
    "statuses": {"making": "order.in_production", "ready": "order.ready", "done": "order.completed"},
    "signature": {"kind": "token", "header": "x-token"},
}
SOURCES: dict[str, Any] = {
    "webshop": {"kind": "woocommerce"},
    "pay": {"kind": "mapped", "preset": "stripe"},
    "erp": ERP,
}
REFS = ("B-1", "B-2")


def routes() -> Planner:
    """What the shipped routes plan, for a store with a text and a mail channel."""
    table = {"channels": {"twilio": {}, "sendgrid": {}}}
    store = msgspec.structs.replace(decode(table, Settings, where="tether.toml"), store=Store(currency="EUR"))
    reach = {name: REACH[name] for name in store.channels}
    return make_planner(compile_routes(store, REACH), store, reach)


def moment(minute: int) -> str:
    return f"2026-11-24T10:{minute:02}:00"


def shop(ref: str, minute: int, status: str, *, paid: bool, **changes: Any) -> AHook:
    order = {
        "id": int(ref[2:]),
        "number": ref,
        "status": status,
        "total": "48.50",
        "currency": "EUR",
        "date_created_gmt": moment(1),
        "date_modified_gmt": moment(minute),
        "date_paid_gmt": moment(2) if paid else None,
        "billing": {"first_name": "Ada", "phone": "07700 900123", "email": "ada@example.com"},
    }
    return woo_hook(msgspec.json.encode(order | changes))


def pay(ref: str, type: str = "payment_intent.succeeded", **changes: Any) -> AHook:
    intent = {"id": f"pi_{ref}", "amount": 4850, "currency": "eur", "metadata": {"order_ref": ref}}
    body = msgspec.json.encode(
        {
            "id": f"evt_{ref}",
            "type": type,
            "created": 1795514520,
            "livemode": True,
            "data": {"object": intent | changes},
        }
    )
    stamp = 1795515300

    given = hmac.digest(b"whsec_pay", f"{stamp}.".encode() + body, hashlib.sha256).hex()
    return AHook(source="pay", body=body, headers={"stripe-signature": f"t={stamp},v1={given}"})


def erp(ref: str, minute: int, status: str) -> AHook:
    body = {"id": f"{ref}-{status}", "status": status, "at": f"{moment(minute)}Z", "order": ref}
    return AHook(source="erp", body=msgspec.json.encode(body), headers={"x-token": "t0k"})


def day(ref: str) -> list[AHook]:
    """An order's day as three systems tell it: placed, paid, made, ready, collected."""
    return [
        shop(ref, 1, "pending", paid=False),
        shop(ref, 2, "processing", paid=True),
        pay(ref),
        erp(ref, 4, "making"),
        erp(ref, 6, "ready"),
        shop(ref, 7, "ready-for-pickup", paid=True),
        erp(ref, 9, "done"),
        shop(ref, 10, "completed", paid=True),
    ]


STREAM = [hook for ref in REFS for hook in day(ref)]


async def stands(front: Shopfront) -> dict[str, tuple[object, ...]]:
    orders = await front.box.views.orders_by_ref(REFS)
    return {order.ref: _stands(order) for order in orders}


def _stands(order: Order) -> tuple[object, ...]:
    return (order.status, order.status_at, order.payment, order.total, order.currency, order.customer)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[object, ...]]:
    """How the orders stand once each was told of in its turn."""

    async def played() -> dict[str, tuple[object, ...]]:
        async with open_front(tmp_path_factory.mktemp("a"), secrets=SECRETS, plan=routes(), **SOURCES) as front:
            for hook in STREAM:
                await front.take(hook)
            return await stands(front)

    return asyncio.run(played())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=st.permutations([*range(len(STREAM)), *range(len(STREAM))]))
async def test_any_interleaving_ends_the_same_and_tells_each_once(
    tmp_path_factory: pytest.TempPathFactory, straight: dict[str, tuple[object, ...]], stream: list[int]
) -> None:
    async with open_front(tmp_path_factory.mktemp("b"), secrets=SECRETS, plan=routes(), **SOURCES) as front:
        for index in stream:
            await front.take(STREAM[index])
        assert await front.waiting() == []
        assert await stands(front) == straight
        await _each_notice_once(front)


async def _each_notice_once(front: Shopfront) -> None:
    page = await front.box.views.messages(limit=500)
    live = Counter(
        (message.order_ref, message.recipient, message.trigger)
        for message in page.items
        if message.state is State.QUEUED and message.recipient == "customer"
    )
    assert set(live.values()) <= {1}, live
    assert len({message.id for message in page.items}) == len(page.items)


async def test_in_the_order_in_which_it_happened_each_source_adds_only_what_is_news(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, plan=routes(), **SOURCES) as front:
        for hook in day("B-1"):
            await front.take(hook)
            await front.take(hook)
        page = await front.box.views.messages(limit=100)
        told = [message.trigger for message in reversed(page.items) if message.recipient == "customer"]
        assert told.count("order.ready") == 1
        assert told.count("order.completed") == 1
        assert told.count("order.in_production") == 1
        assert told.count("order.placed") == 1
        assert told.count("payment.confirmed") == 1


@pytest.mark.parametrize("shop_first", [True, False])
async def test_each_of_several_refunds_is_told_once_by_whoever_told_the_first(tmp_path: Path, shop_first: bool) -> None:
    async with open_front(tmp_path, secrets=SECRETS, plan=routes(), **SOURCES) as front:
        await front.take(shop("B-1", 2, "processing", paid=True))
        refunds = [{"id": 740, "total": "-5.00"}, {"id": 741, "total": "-2.50"}]
        for count, cents in enumerate((500, 750), start=1):
            told = [
                shop("B-1", 2 + count, "processing", paid=True, refunds=refunds[:count]),
                pay("B-1", "charge.refunded", payment_intent="pi_B-1", amount_refunded=cents),
            ]
            for hook in told if shop_first else reversed(told):
                await front.take(hook)
            await front.clock.advance(3600)
        page = await front.box.views.messages(limit=100)
        told_by = [one.event_id for one in page.items if one.trigger == "refund.issued" and one.recipient == "customer"]
        assert len(told_by) == 2
        assert all(id.startswith("1:refund.issued:" if shop_first else "pi_B-1:") for id in told_by)


GIFT = {"receipt_email": "payer@example.com", "shipping": {"name": "Bea", "phone": "+49 1520 1234567"}}
GIFT["shipping"]["address"] = {"country": "DE"}  # type: ignore[index]
BILLED = {"billing_details": {"name": "Cem", "phone": "+49 1520 7654321", "address": {"country": "DE"}}}


@pytest.mark.parametrize("paid", [{}, GIFT, GIFT | BILLED], ids=["no contact", "for a gift", "by another"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["placed first", "paid first"])
async def test_who_pays_and_who_is_given_it_do_not_take_the_place_of_who_ordered(
    tmp_path: Path, paid: dict[str, Any], order: tuple[int, ...]
) -> None:
    """That the bouquet is ready was texted to the friend it was a present for."""
    async with open_front(tmp_path, secrets=SECRETS, plan=routes(), **SOURCES) as front:
        told = [shop("B-1", 2, "processing", paid=True), pay("B-1", **paid)]
        for index in order:
            await front.take(told[index])
        await front.take(pay("B-1", "charge.refunded", payment_intent="pi_B-1", amount_refunded=500, **paid))
        await front.take(shop("B-1", 14, "ready-for-pickup", paid=True))
        page = await front.box.views.messages(limit=100)
        (ready,) = [one for one in page.items if one.trigger == "order.ready" and one.recipient == "customer"]
        assert ready.addresses["phone"] == "+447700900123"
        (now,) = await front.box.views.orders_by_ref(["B-1"])
        assert (now.customer.name, now.customer.email) == ("Ada", "ada@example.com")


async def test_a_payer_s_address_fills_a_gap(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, plan=routes(), **SOURCES) as front:
        await front.take(shop("B-1", 2, "processing", paid=True, billing={"first_name": "Ada"}))
        await front.take(pay("B-1", **GIFT))
        (now,) = await front.box.views.orders_by_ref(["B-1"])
        assert (now.customer.name, now.customer.email, now.customer.phone) == ("Ada", "payer@example.com", None)


FAILED = [
    shop("B-1", 3, "failed", paid=False),
    pay("B-1", "payment_intent.payment_failed", latest_charge="ch_1"),
    pay("B-1", "payment_intent.payment_failed", latest_charge="ch_2"),
]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
async def test_a_payment_that_fails_is_told_once_whoever_says_so_and_however_often(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    async with open_front(tmp_path, secrets=SECRETS, plan=routes(), **SOURCES) as front:
        await front.take(shop("B-1", 2, "on-hold", paid=False))
        for index in order:
            await front.take(FAILED[index])
        page = await front.box.views.messages(limit=100)
        told = [one.event_id for one in page.items if one.trigger == "payment.failed" and one.state is State.QUEUED]
        assert len(told) == 1
