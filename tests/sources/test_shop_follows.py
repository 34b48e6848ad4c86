"""The board follows the shop: unpaid drafts, edits, what is cancelled and taken up again, trashed, restored and deleted."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.intake.base import Body
from daemon.planner.rules.stages import stage_of
from outbox.model import State
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import posted
from tests.support.sources import FakeHttp, open_front
from tests.support.street import ADA, DAY, HOOKED, PAID, POLLED, SECRETS, Street, heard, shipped
from tests.support.woo_shop import WooHook, WooShop


async def test_an_unpaid_order_that_is_abandoned_tells_nobody(street: Street) -> None:
    street.shop.save(1, "pending", billing=ADA)
    await street.later(3600)
    street.shop.save(1, "cancelled")
    await street.later()
    assert await heard(street) == []
    assert await street.told() == ["1:payment.pending", "1:order.cancelled"]
    assert stage_of((await street.order()).status) == "done"


async def test_an_unpaid_order_is_placed_once_it_is_paid(street: Street) -> None:
    street.shop.save(1, "pending", billing=ADA)
    await street.later()
    assert await heard(street) == []
    street.shop.save(1, "processing", **PAID)
    await street.later()
    assert await heard(street) == [
        ("order.placed", "customer"),
        ("order.placed", "team"),
        ("payment.confirmed", "customer"),
    ]


async def test_a_cancellation_of_what_was_placed_is_told(street: Street) -> None:
    street.shop.save(1, "on-hold", billing=ADA)
    await street.later()
    street.shop.save(1, "cancelled")
    await street.later()
    assert ("order.cancelled", "customer") in await heard(street)


async def test_a_quote_at_a_status_that_the_store_silences_is_no_order_until_it_is_paid(tmp_path: Path) -> None:
    clock = FakeClock()
    shop = WooShop(clock.now)
    http = FakeHttp(lambda asked: shop.answer(asked.method, asked.path, asked.headers))
    webshop = {**POLLED, "statuses": {"ywraq-new": "", "processing": ""}}
    async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, webshop=webshop) as front:
        street = Street(front, shop, hooked=False)
        await street.later()
        shop.save(1, "ywraq-new", billing=ADA)
        await street.later(3600)
        assert await street.told() == []
        shop.save(1, "processing", **PAID)
        await street.later()
        assert await street.told() == ["1:order.placed", "1:payment.confirmed"]
        for status in ("ready-for-pickup", "processing", "ready-for-pickup"):
            shop.save(1, status)
            await street.later()
        assert (await street.told())[2:] == ["1:order.ready", "1:order.reopened", "1:order.ready:2"]
        shop.save(2, "processing", billing=ADA)
        await street.later()
        assert (await street.told())[-1] == "2:order.placed", "to be paid on collection"


@pytest.mark.parametrize(
    ("table", "expected"),
    [({"pending": ""}, []), ({"pending": "order.placed"}, ["1:order.placed"]), ({}, ["1:payment.pending"])],
)
async def test_what_the_store_makes_of_pending(tmp_path: Path, table: dict[str, str], expected: list[str]) -> None:
    clock = FakeClock()
    shop = WooShop(clock.now)
    http = FakeHttp(lambda asked: shop.answer(asked.method, asked.path, asked.headers))
    webshop = {**POLLED, "statuses": table}
    async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, webshop=webshop) as front:
        await front.poll()
        shop.save(1, "pending", billing=ADA)
        await front.poll()
        assert [id for id, _ in await front.events()] == expected


async def test_on_hold_that_the_store_silences_is_placed_once_it_is_paid(tmp_path: Path) -> None:
    clock = FakeClock()
    shop = WooShop(clock.now)
    http = FakeHttp(lambda asked: shop.answer(asked.method, asked.path, asked.headers))
    webshop = {**POLLED, "statuses": {"on-hold": ""}}
    async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, plan=shipped(), webshop=webshop) as front:
        street = Street(front, shop, hooked=False)
        await street.later()
        shop.save(1, "on-hold", billing=ADA)
        shop.save(2, "on-hold", billing=ADA)
        await street.later()
        shop.save(2, "cancelled")
        await street.later()
        assert await heard(street) == []
        shop.save(1, "processing", **PAID)
        await street.later()
        page = await front.box.views.messages(limit=100)
        told = [(one.trigger, one.audience) for one in reversed(page.items) if one.state is State.QUEUED]
        assert told == [("order.placed", "customer"), ("order.placed", "team"), ("payment.confirmed", "customer")]


async def test_a_reminder_that_was_switched_on_waits_an_hour_and_is_dropped_when_it_is_paid(tmp_path: Path) -> None:
    clock = FakeClock()
    shop = WooShop(clock.now)
    http = FakeHttp(lambda asked: shop.answer(asked.method, asked.path, asked.headers))
    plan = shipped("payment.pending")
    async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, plan=plan, webshop=POLLED) as front:
        await front.poll()
        link = {"payment_url": "https://shop.example.com/pay/1", "needs_payment": True}
        for number in (1, 2, 3):
            shop.save(number, "pending", billing=ADA, **link)
        await front.poll()
        await clock.advance(60)
        shop.save(2, "processing", **PAID)
        shop.save(3, "cancelled")
        await front.poll()
        page = await front.box.views.messages(limit=100)
        reminders = {one.order_ref: one for one in page.items if one.trigger == "payment.pending"}
        assert {ref: one.state.value for ref, one in reminders.items()} == {
            "1": "queued",
            "2": "superseded",
            "3": "superseded",
        }
        assert 3_500_000 < reminders["1"].due_at - clock.now() < 3_600_000
        (pending,) = await front.box.views.events("1:payment.pending")
        assert msgspec.json.decode(pending.raw)["data"]["pay_url"] == link["payment_url"]


async def test_an_edit_reaches_the_record_and_says_what_changed(street: Street) -> None:
    items = [{"name": "Helium bouquet", "quantity": 2, "total": "40.00", "total_tax": "0.00"}]
    street.shop.save(1, "on-hold", billing=ADA, total="40.00", line_items=items)
    await street.later()
    before = await heard(street)
    changes: list[tuple[dict[str, Any], list[str]]] = [
        ({"billing": {**ADA, "phone": "07400 999999"}}, ["phone"]),
        ({"total": "60.00", "line_items": [{**items[0], "quantity": 3}]}, ["total", "items"]),
        ({"shipping_lines": [{"method_id": "local_pickup"}], "customer_note": "at the door"}, ["fulfilment", "note"]),
        ({"customer_note": "at the back door"}, ["note"]),
        ({"shipping_lines": [{"method_id": "flat_rate"}]}, ["fulfilment"]),
        ({"meta_data": [{"key": "pickup", "value": "2026-11-25T12:00"}]}, ["promised_at"]),
        ({"meta_data": [{"key": "pickup", "value": "2026-11-25T15:00"}]}, ["promised_at"]),
    ]
    for fields, names in changes:
        street.shop.save(1, "on-hold", **fields)
        await street.later()
        newest = (await street.front.box.replay.since(0, limit=1000))[-1]
        assert msgspec.json.decode(newest.raw)["data"] == {"changed": names}, fields
    now = await street.order()
    assert (now.total, now.fulfilment, now.note, now.customer.phone) == (
        "60.00",
        "delivery",
        "at the back door",
        "07400 999999",
    )
    assert (now.status, now.items[0].quantity) == ("order.placed", 3)
    assert await heard(street) == before, "it is off by default"


async def test_an_edit_of_an_order_that_is_kept_as_a_post_is_seen_at_once_by_webhook(tmp_path: Path) -> None:
    """Such a shop does not move an order's date for it; nor does it undo what staff put right before."""
    async with open_front(tmp_path, secrets=SECRETS, plan=shipped(), webshop=HOOKED) as front:
        street = Street(front, WooShop(front.clock.now, hpos=False), hooked=True)
        street.shop.save(1, "on-hold", billing=ADA)
        await street.later()
        said = {"customer": {"phone": "07400 999999", "email": "ada@example.org"}}
        by_hand = posted("k-1", "staff.contact", "1", source="counter", at=front.clock.now(), **said)
        await front.box.spool.accept(by_hand, front.plan)
        await street.later()
        for _ in range(2):
            street.shop.save(1, "on-hold", billing={**ADA, "phone": "07400 111111"}, customer_note="at the door")
            await street.later()
        assert await street.told() == ["1:order.placed", "k-1", "1:order.changed"]
        now = await street.order()
        assert (now.customer.phone, now.customer.email, now.note) == ("07400 111111", "ada@example.org", "at the door")


async def test_a_save_that_changes_nothing_is_no_news(street: Street) -> None:
    street.shop.save(1, "on-hold", billing=ADA)
    await street.later()
    street.shop.save(1, "on-hold")
    await street.later()
    assert await street.told() == ["1:order.placed"]


@pytest.mark.parametrize(
    ("steps", "stages", "told"),
    [
        (["on-hold", "cancelled", "processing"], ["to_confirm", "done", "making"], 1),
        (
            ["on-hold", "ready-for-pickup", "processing", "ready-for-pickup"],
            ["to_confirm", "ready", "making", "ready"],
            2,
        ),
        (["on-hold", "completed", "on-hold"], ["to_confirm", "done", "making"], 1),
    ],
)
async def test_the_board_follows_the_shop_back(street: Street, steps: list[str], stages: list[str], told: int) -> None:
    seen = []
    for status in steps:
        street.shop.save(1, status, billing=ADA)
        await street.later()
        seen.append(stage_of((await street.order()).status))
    assert seen == stages
    customer = [
        trigger for trigger, audience in await heard(street) if audience == "customer" and trigger != "order.placed"
    ]
    assert len(customer) == told
    assert "order.reopened" in {id.split(":")[1] for id in await street.told()}


@pytest.mark.parametrize("back", ["processing", "trash"])
async def test_a_mistake_that_is_taken_back_in_time_is_not_told(street: Street, back: str) -> None:
    """The line is down, or the night is quiet: that it is ready waits."""
    street.shop.save(1, "processing", billing=ADA, **PAID)
    await street.later()
    street.shop.save(1, "ready-for-pickup")
    await street.later()
    if back == "trash":
        street.shop.trash(1)
    else:
        street.shop.save(1, back)
    await street.later(3 * 3600)
    await street.later()
    page = await street.front.box.views.messages(limit=100)
    states = [one.state for one in page.items if one.trigger == "order.ready"]
    assert states == [State.SUPERSEDED]


async def test_what_is_trashed_leaves_the_board_and_comes_back_untold(street: Street) -> None:
    street.shop.save(1, "on-hold", billing=ADA)
    await street.later()
    street.shop.save(1, "ready-for-pickup")
    await street.later()
    before = await heard(street)
    street.shop.trash(1)
    await street.later(1000)
    await street.later()
    assert (await street.order()).status == "order.deleted"
    assert stage_of("order.deleted") == "done"
    street.shop.restore(1)
    await street.later()
    assert (await street.order()).status == "order.ready"
    assert await heard(street) == before


async def test_what_is_restored_stands_again_though_the_shops_clock_is_behind_the_deletion(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, plan=shipped(), webshop=HOOKED) as front:
        street = Street(front, WooShop(front.clock.now), hooked=True)
        street.shop.ahead = -5
        street.shop.save(1, "processing", billing=ADA, **PAID)
        street.shop.save(1, "ready-for-pickup")
        street.shop.trash(1)
        await street.later(1)
        before = await heard(street)
        assert (await street.order()).status == "order.deleted"
        street.shop.restore(1)
        street.shop.tell("order.restored", street.shop.shown(street.shop.orders[1]))
        await street.later(60)
        street.shop.tell("order.updated", street.shop.shown(street.shop.orders[1]))
        await street.later()
        assert (await street.order()).status == "order.ready"
        assert await heard(street) == before
        street.shop.save(1, "completed")
        await street.later()
        assert (await street.order()).status == "order.completed"


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("product.deleted", {"id": 1}),
        ("customer.deleted", {"id": 1}),
        ("product.updated", {"id": 1, "status": "publish"}),
    ],
)
async def test_what_another_topic_says_of_an_orders_number_is_not_of_the_order(
    tmp_path: Path, topic: str, body: dict[str, Any]
) -> None:
    """All that a deletion says is a number, and an order may have the same."""
    async with open_front(tmp_path, secrets=SECRETS, webshop=HOOKED) as front:
        street = Street(front, WooShop(front.clock.now), hooked=True)
        street.shop.save(1, "on-hold", billing=ADA)
        street.shop.hooks[0].topic = topic
        street.shop.tell(topic, body)
        await street.later()
        assert (await street.order()).status == "order.placed"
        assert await front.waiting() == []


async def test_a_deletion_of_what_nobody_knows_is_nothing(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop=HOOKED) as front:
        street = Street(front, WooShop(front.clock.now), hooked=True)
        street.shop.save(9, "checkout-draft")
        street.shop.delete(9)
        await street.later()
        assert (await front.events(), await front.waiting()) == ([], [])


async def test_a_draft_that_is_placed_a_day_later_is_told(street: Street) -> None:
    street.shop.save(2, "on-hold")
    street.shop.save(1, "checkout-draft", billing=ADA)
    await street.later(1.5 * DAY)
    street.shop.save(1, "processing")
    await street.later()
    assert ("order.placed", "customer") in await heard(street)
    (placed,) = await street.front.box.views.events("1:order.placed")
    assert placed.occurred_at == street.shop.orders[1].modified * 1000


@pytest.mark.parametrize(
    ("status", "fields", "told"),
    [
        ("ready-for-pickup", {}, ["order.ready"]),
        ("cancelled", PAID, []),
        ("completed", {"date_completed_gmt": "2026-09-01T10:00:00"}, []),
    ],
)
async def test_an_order_from_long_before_is_followed_from_its_next_change_on(
    tmp_path: Path, status: str, fields: dict[str, Any], told: list[str]
) -> None:
    """Of an end without a date nobody knows when it was: a plug-in that touches all old orders must text nobody."""
    clock = FakeClock()
    shop = WooShop(clock.now)
    shop.ahead = -80 * DAY
    shop.save(1, "processing", billing=ADA)
    shop.ahead = 0
    http = FakeHttp(lambda asked: shop.answer(asked.method, asked.path, asked.headers))
    async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, webshop=POLLED) as front:
        await front.poll()
        assert await front.events() == []
        await clock.advance(3600)
        shop.save(1, status, **fields)
        await front.poll()
        assert await front.told() == told
        await clock.advance(60)
        shop.save(1, "processing")
        await front.poll()
        (known,) = await front.box.views.orders_by_ref(["1"])
        assert known.status == "order.reopened"


@pytest.mark.parametrize(
    ("thing", "body"),
    [
        ("a product", {"id": 7, "status": "publish", "name": "Bouquet", "sku": "HB-12", "type": "simple"}),
        ("a coupon", {"id": 7, "status": "publish", "code": "TEN", "discount_type": "percent"}),
        ("a customer", {"id": 7, "username": "ada", "role": "customer", "billing": ADA}),
        ("a subscription", {"id": 7, "status": "active", "number": "7", "line_items": [], "billing_period": "month"}),
    ],
)
async def test_a_hook_of_another_topic_is_no_order(tmp_path: Path, thing: str, body: dict[str, Any]) -> None:
    dates = {"date_created_gmt": "2026-11-24T10:00:00", "date_modified_gmt": "2026-11-24T10:00:00"}
    async with open_front(tmp_path, secrets=SECRETS, webshop=HOOKED) as front:
        street = Street(front, WooShop(front.clock.now), hooked=True)
        street.shop.hooks[0].topic = "product.updated"
        street.shop.tell("product.updated", {**body, **dates})
        await street.later()
        assert (await front.events(), await front.waiting()) == ([], [])
        tried = await front.intake.try_out("webshop", Body(msgspec.json.encode({**body, **dates})))
        assert thing in tried.note


@pytest.mark.parametrize(("key", "locale"), [("wpml_language", "de"), ("_locale", "fr_FR"), ("other", None)])
async def test_the_customers_language_is_read(street: Street, key: str, locale: str | None) -> None:
    street.shop.save(1, "on-hold", billing=ADA, meta_data=[{"id": 1, "key": key, "value": locale or "de"}])
    await street.later()
    assert (await street.order()).customer.locale == locale


async def test_a_hook_that_fails_is_disabled_and_what_it_would_have_told_is_asked_for(tmp_path: Path) -> None:
    clock = FakeClock()
    shop = WooShop(clock.now)
    shop.hooks = [WooHook("order.created", "wc_secret", lambda headers, body: 503)]
    http = FakeHttp(lambda asked: shop.answer(asked.method, asked.path, asked.headers))
    async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, webshop=POLLED) as front:
        await front.poll()
        for number in range(1, 9):
            shop.save(number, "on-hold")
        assert shop.hooks[0].status == "disabled"
        await front.poll()
        assert len(await front.events()) == 8
