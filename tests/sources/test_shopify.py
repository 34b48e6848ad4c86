"""Shopify: the samples by webhook and by poller, in any order, become the same events once."""

import asyncio
import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.config import ConfigError, Data, Duration
from daemon.intake.base import Body, HookRefused
from tests.support.shopify import ORDER, SECRETS, both, nodes, sample
from tests.support.sources import NOW, json_response, open_front, shopify_hook, source_of


@pytest.mark.parametrize("webhook_first", [True, False])
async def test_webhook_and_poller_tell_the_same_once(tmp_path: Path, webhook_first: bool) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify", "shop": "x", "poll": "60s"}) as front:
        paid = shopify_hook(sample("orders-paid"))
        if webhook_first:
            await front.take(paid)
        brought = {"fulfillmentOrders": {"nodes": [{"status": "OPEN", "deliveryMethod": {"methodType": "LOCAL"}}]}}
        await both(front, nodes(brought))
        await front.take(paid)
        await front.take(paid)
        await both(front, nodes({**brought, "updatedAt": "2026-11-24T10:16:00Z"}))
        assert await front.events() == [(f"{ORDER}:order.placed", "#1001"), (f"{ORDER}:payment.confirmed", "#1001")]
        (order,) = await front.box.views.orders_by_ref(["#1001"])
        assert (order.total, order.currency, order.customer.email) == ("34.90", "EUR", "ada@example.com")
        assert (order.status, order.payment) == ("order.placed", "payment.confirmed")


async def test_both_shapes_of_a_pick_up_say_the_same(tmp_path: Path) -> None:
    """Its shipping line has the name of the place, and there may be several telephone numbers: an order must not change with who tells."""
    hooked = msgspec.json.decode(sample("orders-paid"))
    hooked["shipping_lines"][0] |= {"code": "Santa Venera", "title": "Santa Venera"}
    hooked |= {"phone": None, "customer": hooked["customer"] | {"phone": "+4915100000001"}, "shipping_address": None}
    picked_up = {"nodes": [{"status": "OPEN", "deliveryMethod": {"methodType": "PICK_UP"}}]}
    billed = {"phone": "+4915112345678", "countryCodeV2": "DE"}
    asked = {"fulfillmentOrders": picked_up, "phone": None, "shippingAddress": None, "billingAddress": billed}
    hooked["billing_address"] |= {"phone": billed["phone"], "country_code": "DE"}
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify", "shop": "x", "poll": "60s"}) as front:
        for minute in (16, 17, 18):
            moment = f"2026-11-24T10:{minute}:00Z"
            await front.clock.advance(60)
            await front.take(shopify_hook(msgspec.json.encode(hooked | {"updated_at": moment})))
            await both(front, nodes(asked | {"updatedAt": moment}))
        (order,) = await front.box.views.orders_by_ref(["#1001"])
        assert (order.fulfilment, order.customer.phone) == ("pickup", "+4915112345678")
        assert not [id for id, _ in await front.events() if "changed" in id]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
async def test_webhooks_in_any_order_end_in_the_same_order(tmp_path: Path, order: tuple[int, ...]) -> None:
    """Updated, paid, out for delivery, refunded in part: however they come, and twice each."""
    hooks = [
        shopify_hook(sample(name))
        for name in ("orders-updated", "orders-paid", "fulfillments-update", "refunds-create")
    ]
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify"}) as front:
        for index in order:
            await front.take(hooks[index])
            await front.take(hooks[index])
        for kept in reversed((await front.box.quarantine.list(state="waiting", limit=10)).items):
            assert await front.intake.reread(await front.box.quarantine.get(kept.seq)) == ""
        assert {id for id, _ in await front.events()} == {
            f"{ORDER}:order.placed",
            f"{ORDER}:payment.confirmed",
            f"{ORDER}:order.out_for_delivery",
            f"{ORDER}:refund.issued:930000000001",
        }
        (now,) = await front.box.views.orders_by_ref(["#1001"])
        assert (now.status, now.payment, now.after_sale) == (
            "order.out_for_delivery",
            "payment.confirmed",
            "refund.issued",
        )
        assert await front.waiting() == []


@pytest.mark.parametrize(
    ("currency", "given", "amount"), [("EUR", "34.9", "34.90"), ("KWD", "12.345", "12.345"), ("JPY", "3490.0", "3490")]
)
def test_amounts_have_their_currencys_decimals(currency: str, given: str, amount: str) -> None:
    money = {"shopMoney": {"amount": given, "currencyCode": currency}}
    node = {
        "legacyResourceId": "1",
        "name": "#1",
        "updatedAt": "2026-11-24T10:15:00Z",
        "currentTotalPriceSet": money,
        "lineItems": {"nodes": [{"name": "Balloon", "quantity": 1, "originalUnitPriceSet": money}]},
        "refunds": [{"legacyResourceId": "7", "totalRefundedSet": money}],
    }
    asked = source_of("shopify").read_nodes({"nodes": [node]}).snapshots[0]  # type: ignore[attr-defined]
    paid = {"status": "success", "amount": given, "currency": currency}
    refund = {
        "id": 7,
        "order_id": 1,
        "created_at": "2026-11-24T10:15:00Z",
        "refund_line_items": [],
        "transactions": [paid],
    }
    (hooked,) = source_of("shopify").read(Body(msgspec.json.encode(refund)), now=NOW).snapshots
    assert (asked.order.total, asked.order.items[0].price) == (amount, amount)
    assert [fact.data for one in (asked, hooked) for fact in one.facts if fact.type == "refund.issued"] == [
        {"amount": amount, "currency": currency, "full": False},
        {"amount": amount, "currency": currency},
    ]


def test_a_refund_without_money_gives_nothing_back() -> None:
    """Shopify lists so what was taken out of an order, or only put back into stock."""
    refund = {"id": 7, "order_id": 1, "created_at": "2026-11-24T10:15:00Z", "refund_line_items": [], "transactions": []}
    (hooked,) = source_of("shopify").read(Body(msgspec.json.encode(refund)), now=NOW).snapshots
    assert [fact.data.get("amount") for fact in hooked.facts] == ["0.00"]


@pytest.mark.parametrize(("status", "told"), [("success", 1), ("pending", 1), ("failure", 0), ("error", 0)])
async def test_a_refund_that_failed_is_none(tmp_path: Path, status: str, told: int) -> None:
    refund = msgspec.json.decode(sample("refunds-create"))
    for transaction in refund["transactions"]:
        transaction["status"] = status
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify"}) as front:
        await front.take(shopify_hook(sample("orders-updated")))
        await front.take(shopify_hook(msgspec.json.encode(refund)))
        assert (await front.told()).count("refund.issued") == told
        assert await front.waiting() == []


async def test_a_refund_of_an_order_nobody_named_is_kept_until_it_is(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify"}) as front:
        await front.take(shopify_hook(sample("refunds-create")))
        assert await front.events() == []
        assert "no order is known by that id" in (await front.waiting())[0]


async def test_where_the_shop_is_asked_too_that_refund_only_makes_it_sooner(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify", "shop": "x", "poll": "60s"}) as front:
        await front.take(shopify_hook(sample("refunds-create")))
        assert await front.waiting() == []
        assert front.intake.pollers["webshop"].wake.is_set()


async def test_a_failed_payment_says_so_with_its_amount(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify"}) as front:
        await front.take(shopify_hook(sample("order-transactions-create-failed")))
        (event,) = await front.box.views.events(f"{ORDER}:payment.failed:6400000000001")
        assert event.order_ref == "#1001"
        assert msgspec.json.decode(event.raw)["data"] == {"amount": "34.90", "currency": "EUR"}


async def test_a_checkouts_number_is_not_taken_for_the_orders(tmp_path: Path) -> None:
    """Webhooks come in any order: what the first one calls the order, the customer would read in every text."""
    failed = msgspec.json.decode(sample("order-transactions-create-failed")) | {"payment_id": "c901414060.1"}
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify"}) as front:
        await front.take(shopify_hook(msgspec.json.encode(failed)))
        assert "no order is known by that id" in (await front.waiting())[0]
        await front.take(shopify_hook(sample("orders-updated")))
        (kept,) = (await front.box.quarantine.list(state="waiting", limit=5)).items
        assert await front.intake.reread(await front.box.quarantine.get(kept.seq)) == ""
        assert {ref for _, ref in await front.events()} == {"#1001"}


async def test_cancelled_and_refunded_tells_both(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify"}) as front:
        await front.take(shopify_hook(sample("orders-cancelled")))
        assert await front.told() == ["order.placed", "order.cancelled", "refund.issued"]


async def test_an_older_snapshot_that_comes_late_changes_nothing(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify"}) as front:
        await front.take(shopify_hook(sample("orders-cancelled")))
        before = await front.events()
        late = msgspec.json.decode(sample("orders-updated"))
        late |= {"tags": "in production"}
        await front.take(shopify_hook(msgspec.json.encode(late)))
        assert await front.events() == before


async def test_tags_attributes_and_statuses_mean_what_the_table_says(tmp_path: Path) -> None:
    statuses = {"tag: In Production": "order.in_production", "attribute:stage=ready": "order.ready", "authorized": ""}
    source = source_of("shopify", statuses={key.replace(": ", ":"): value for key, value in statuses.items()})
    order = msgspec.json.decode(sample("orders-updated")) | {"financial_status": "authorized"}

    def state(**changes: Any) -> list[str]:
        from daemon.intake.base import Body

        body = Body(msgspec.json.encode(order | changes))
        return [fact.type for fact in source.read(body, now=NOW).snapshots[0].facts if fact.state and not fact.usual]

    assert state() == []
    assert state(tags="vip, in production") == ["order.in_production"]
    assert state(tags="in production", note_attributes=[{"name": "Stage", "value": "Ready"}]) == ["order.ready"]
    assert state(tags="in production", fulfillment_status="fulfilled") == ["order.completed"]


@pytest.mark.parametrize(
    ("parcel", "expected"),
    [
        ("ready_for_pickup", ["order.ready"]),
        ("out_for_delivery", ["order.out_for_delivery"]),
        ("delivered", ["order.completed"]),
        ("in_transit", []),
        ("never heard of", ["order.completed"]),
        (None, ["order.completed"]),
    ],
)
async def test_what_a_parcel_says(tmp_path: Path, parcel: str | None, expected: list[str]) -> None:
    order = msgspec.json.decode(sample("orders-paid"))
    order |= {"fulfillment_status": "fulfilled", "fulfillments": [{"id": 1, "shipment_status": parcel}]}
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify"}) as front:
        await front.take(shopify_hook(msgspec.json.encode(order)))
        assert (await front.told())[2:] == expected


@pytest.mark.parametrize("shipment", [None, "delivered"])
async def test_a_part_of_an_order_that_went_out_does_not_complete_it(tmp_path: Path, shipment: str | None) -> None:
    """Half of the balloons today, the others on the wedding morning."""
    parcel = msgspec.json.decode(sample("fulfillments-update")) | {"shipment_status": None}
    order = msgspec.json.decode(sample("orders-paid"))
    part = order | {"fulfillment_status": "partial", "fulfillments": [parcel | {"shipment_status": shipment}]}
    whole = order | {"fulfillment_status": "fulfilled", "updated_at": "2026-11-26T09:00:00+01:00"}
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify"}) as front:
        for body, told in ((part, 2), (parcel, 2), (whole, 3)):
            await front.take(shopify_hook(msgspec.json.encode(body)))
            assert len(await front.told()) == told
        assert (await front.told())[2:] == ["order.completed"]


async def test_ready_again_after_it_was_not_is_told_again(tmp_path: Path) -> None:
    order = msgspec.json.decode(sample("orders-paid"))
    async with open_front(
        tmp_path, secrets=SECRETS, webshop={"kind": "shopify", "statuses": {"making": "order.in_production"}}
    ) as front:
        for minute, changes in enumerate(({"tags": "making"}, READY, {"tags": "making"}, READY, READY), start=10):
            state = order | {"fulfillments": []} | changes | {"updated_at": f"2026-11-24T11:{minute}:00+01:00"}
            await front.take(shopify_hook(msgspec.json.encode(state)))
        assert [id.removeprefix(f"{ORDER}:") for id, _ in await front.events()][2:] == [
            "order.in_production",
            "order.ready",
            "order.in_production:2",
            "order.ready:2",
        ]


READY = {"fulfillments": [{"id": 1, "shipment_status": "ready_for_pickup"}]}


@pytest.mark.parametrize("hooked", [True, False])
async def test_ready_by_mistake_and_taken_back_is_told_once_it_is_ready(tmp_path: Path, hooked: bool) -> None:
    """Whoever marks the wrong order as ready cancels its fulfilment; the shop goes on showing that parcel."""
    parcel: dict[str, Any] = {"id": 1, "status": "success", "shipment_status": "ready_for_pickup"}
    parcel |= {"displayStatus": "READY_FOR_PICKUP"}
    gone = parcel | {"status": "cancelled", "displayStatus": "CANCELED"}
    table = {"kind": "shopify"} if hooked else {"kind": "shopify", "shop": "x", "poll": "60s"}
    order = msgspec.json.decode(sample("orders-paid"))
    steps: list[list[dict[str, Any]]] = [[], [parcel], [gone], [gone, parcel | {"id": 2}]]
    async with open_front(tmp_path, secrets=SECRETS, webshop=table) as front:
        for minute, parcels in enumerate(steps, start=16):
            await front.clock.advance(60)
            moment = f"2026-11-24T10:{minute}:00Z"
            if hooked:
                told = {"updated_at": moment, "fulfillments": parcels, "fulfillment_status": None}
                await front.take(shopify_hook(msgspec.json.encode(order | told)))
                for one in parcels:
                    part = {**one, "order_id": int(ORDER), "name": "#1001.1", "tracking_number": None}
                    await front.take(shopify_hook(msgspec.json.encode(part | {"updated_at": moment})))
            else:
                await both(front, nodes({"updatedAt": moment, "createdAt": moment, "fulfillments": parcels}))
        assert [id.removeprefix(f"{ORDER}:") for id, _ in await front.events()][2:] == [
            "order.ready",
            "order.reopened",
            "order.ready:2",
        ]
        assert (await front.told()).count("order.ready") == 2


async def test_history_is_known_and_told_to_nobody(tmp_path: Path) -> None:
    """The first question looks back; later changes of what it found are news."""
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify", "shop": "x", "poll": "60s"}) as front:
        await both(front, nodes({}))
        assert len(await front.events()) == 2
        assert await front.told() == []
        ready = {"fulfillments": [{"displayStatus": "READY_FOR_PICKUP"}], "updatedAt": "2026-11-24T10:20:00Z"}
        await both(front, nodes(ready))
        assert await front.told() == ["order.ready"]
        assert b"updated_at:>='2026-10-25T10:15:00Z'" in front.http.asked[0].body


async def test_what_was_told_of_an_order_and_is_kept_no_more_is_not_told_again(tmp_path: Path) -> None:
    """Balloons that were ordered two weeks ahead, at a shop that keeps a week."""
    first = msgspec.json.decode(sample("orders-paid"))
    moments = {"created_at": "2026-11-24T11:30:00+01:00", "updated_at": "2026-11-24T11:31:00+01:00"}
    order = first | moments | {"id": 5678901234568, "name": "#1002"}
    ready = order | READY | {"updated_at": "2026-12-08T11:00:00+01:00"}
    data = Data(retention=Duration(7 * 86_400))
    async with open_front(tmp_path, secrets=SECRETS, data=data, webshop={"kind": "shopify"}) as front:
        for body in (first, order):
            await front.take(shopify_hook(msgspec.json.encode(body)))
            await front.clock.advance(3600)
        for message in (await front.box.views.messages(limit=10)).items:
            await front.box.spool.cancel(message.id, actor="Mia", reason="")
        await front.clock.advance(14 * 86_400)
        await front.box.retention.prune(before=front.clock.now() - 7 * 86_400_000)
        await front.take(shopify_hook(msgspec.json.encode(ready)))
        assert await front.told() == ["order.ready"]


async def test_a_tag_on_an_order_of_long_ago_tells_nobody_that_it_is_complete(tmp_path: Path) -> None:
    old = {"created_at": "2026-08-01T10:00:00+02:00", "fulfillment_status": "fulfilled", "tags": "2026"}
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify"}) as front:
        await front.take(shopify_hook(msgspec.json.encode(msgspec.json.decode(sample("orders-paid")) | old)))
        assert await front.told() == []
        assert (await front.events())[-1] == (f"{ORDER}:order.completed", "#1001")


CHECKOUT = {
    "abandoned_checkout_url": "https://x.myshopify.com/1/checkouts/ac/a/recover",
    "line_items": [{"title": "Bouquet"}],
}


@pytest.mark.parametrize("fields", [{"name": "#450789469", **CHECKOUT}, {"name": "Balloon Loft", "active": True}])
async def test_what_an_owner_lets_the_shop_send_beside_orders_is_no_order(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    """Checkouts, of which most are left, and places, themes and the shop itself have a number, a name and times as well."""
    times = {"created_at": "2026-11-24T10:14:00Z", "updated_at": "2026-11-24T10:14:00Z"}
    body = msgspec.json.encode({"id": 450789469, "email": "ada@example.com", **times, **fields})
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify"}) as front:
        await front.take(shopify_hook(body))
        assert (await front.events(), await front.waiting()) == ([], [])


async def test_test_orders_count_where_they_are_to(tmp_path: Path) -> None:
    body = msgspec.json.encode(msgspec.json.decode(sample("orders-paid")) | {"test": True})
    for wanted, told in ((False, 0), (True, 2)):
        async with open_front(
            tmp_path / str(wanted), secrets=SECRETS, webshop={"kind": "shopify", "test_orders": wanted}
        ) as front:
            await front.take(shopify_hook(body))
            assert len(await front.events()) == told


async def test_forged_or_unsigned_bodies_get_nowhere(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify"}) as front:
        hook = shopify_hook(sample("orders-paid"))
        for bad in (shopify_hook(hook.body, "other"), msgspec.structs.replace(hook, headers={})):
            with pytest.raises(HookRefused):
                await front.take(bad)
        assert await front.events() == []


METAFIELD = {"metafield:shop.stage=tied": "order.ready"}


async def test_metafields_are_asked_for_and_webhooks_which_lack_them_do_not_contradict(tmp_path: Path) -> None:
    table = {"kind": "shopify", "shop": "x", "poll": "60s", "statuses": {**METAFIELD, "authorized": "order.confirmed"}}
    async with open_front(tmp_path, secrets=SECRETS, webshop=table) as front:
        await both(front, nodes())
        tied = {"metafields": {"nodes": [{"namespace": "shop", "key": "stage", "value": "Tied"}]}}
        await both(front, nodes({"updatedAt": "2026-11-24T10:20:00Z", **tied}))
        order = {"financial_status": "authorized", "updated_at": "2026-11-24T11:21:00+01:00"}
        await front.take(shopify_hook(msgspec.json.encode(msgspec.json.decode(sample("orders-updated")) | order)))
        assert [id.partition(":")[2] for id, _ in await front.events()][-1] == "order.ready"
        assert b"metafields(first: 10)" in front.http.asked[0].body


async def test_an_answer_that_a_reader_fails_on_is_a_problem_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify", "shop": "x", "poll": "60s"}) as front:
        front.http.answer = lambda request: json_response(nodes())
        monkeypatch.setattr(front.intake._sources["webshop"], "page", lambda response, turn: 1 / 0)
        assert await front.poll() == 300
        assert front.intake.rows()[0].problem == "reading its answer failed inside: ZeroDivisionError"


@pytest.mark.parametrize("name", ["counter", "cli", "my shop", "", "x" * 61])
def test_names_that_others_have(name: str) -> None:
    with pytest.raises(ConfigError, match="choose another name"):
        source_of("shopify", name=name)


async def test_webhooks_at_once_for_many_orders_and_for_one(tmp_path: Path) -> None:
    order = msgspec.json.decode(sample("orders-paid"))
    hooks = [shopify_hook(msgspec.json.encode(order | {"id": n, "name": f"#{n}"})) for n in range(20)] * 3
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify"}) as front:
        async with asyncio.TaskGroup() as group:
            for hook in hooks:
                group.create_task(front.take(hook))
        assert len(await front.events()) == 40
        conflicts = await front.box.audit.list(kind="event.conflict", limit=5)
        assert conflicts.items == []
