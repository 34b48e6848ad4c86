"""When things happened in a web shop: a payment that failed before another way was chosen, an order that was written long before it was
placed, an end that is not the shop's own."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from outbox.model import State
from tests.support import shopify
from tests.support.fake_clock import FakeClock
from tests.support.sources import FakeHttp, open_front, shopify_hook
from tests.support.street import ADA, DAY, PAID, POLLED, SECRETS, Street, heard, shipped
from tests.support.woo_shop import WooShop

HOUR = 3600.0


def at_shop(clock: FakeClock) -> str:
    """Now, as a shop writes it."""
    return datetime.fromtimestamp(clock.now() / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


PAID_LATE = {"date_paid_gmt": "2026-11-24T11:34:00"}


@pytest.mark.parametrize("status", ["processing", "on-hold"])
async def test_who_pays_otherwise_after_their_card_was_declined_is_not_asked_to_pay(
    street: Street, status: str
) -> None:
    """In cash on collection, or by transfer: the word of the failed payment waits ten minutes, and they would pay twice."""
    street.shop.save(1, "failed", billing=ADA)
    await street.later(120)
    street.shop.save(1, status)
    await street.later()
    page = await street.front.box.views.messages(limit=100)
    failed = [message.state for message in page.items if message.trigger == "payment.failed"]
    assert failed == [State.SUPERSEDED] * 2
    assert ("order.placed", "customer") in await heard(street)


@pytest.mark.parametrize(
    ("status", "fields", "also"),
    [
        ("processing", PAID_LATE, [("payment.confirmed", "customer")]),
        ("on-hold", {}, []),
        ("processing", {}, [("order.confirmed", "customer")]),
    ],
    ids=["paid late", "by transfer", "on collection"],
)
async def test_who_orders_after_the_shop_called_their_unpaid_order_off_is_an_order(
    street: Street, status: str, fields: dict[str, Any], also: list[tuple[str, str]]
) -> None:
    """A shop holds its stock for an hour for who does not pay, then calls the order off; a payment that is late brings it back."""
    street.shop.save(1, "pending", billing=ADA)
    await street.later(3600)
    street.shop.save(1, "cancelled")
    await street.later(1200)
    assert await heard(street) == []
    street.shop.save(1, status, **fields)
    await street.later()
    page = await street.front.box.views.messages(limit=100)
    told = [(one.trigger, one.audience) for one in reversed(page.items) if one.state is State.QUEUED]
    now = (await street.order()).status
    assert told == [*[("order.placed", "customer")] * (now == "order.placed"), ("order.placed", "team"), *also]
    assert now == ("order.confirmed" if ("order.confirmed", "customer") in also else "order.placed")
    street.shop.save(1, status, customer_note="at the door")
    await street.later()
    assert (await street.order()).status == now, "the board does not move for a note"


@pytest.mark.parametrize("seen", [True, False], ids=["a draft that is known", "first seen when paid"])
async def test_an_order_is_placed_when_it_is_paid_and_not_when_it_was_begun(tmp_path: Path, seen: bool) -> None:
    """Two hours at the checkout: the team's word of it was to be had for an hour, and that was over when it came."""
    desk = {"on": "order.placed", "to": "team", "via": ["slack"], "expires": "1h"}
    clock = FakeClock()
    shop = WooShop(clock.now)
    http = FakeHttp(lambda asked: shop.answer(asked.method, asked.path, asked.headers))
    async with open_front(
        tmp_path, secrets=SECRETS, http=http, clock=clock, plan=shipped(route=[desk]), webshop=POLLED
    ) as front:
        street = Street(front, shop, hooked=False)
        await street.later()
        shop.save(1, "pending", billing=ADA)
        if seen:
            await street.later()
        await clock.advance(2 * HOUR)
        shop.save(1, "processing", date_paid_gmt=at_shop(clock))
        await street.later()
        page = await front.box.views.messages(limit=10)
        (word,) = [message for message in page.items if message.audience == "team"]
        assert (word.trigger, word.state) == ("order.placed", State.QUEUED)
        assert word.expires_at is not None
        assert word.expires_at > clock.now()


async def test_a_draft_from_before_the_box_was_there_that_is_paid_after_is_told(tmp_path: Path) -> None:
    clock = FakeClock()
    shop = WooShop(clock.now)
    http = FakeHttp(lambda asked: shop.answer(asked.method, asked.path, asked.headers))
    shop.save(1, "pending", billing=ADA)
    await clock.advance(600)
    async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, plan=shipped(), webshop=POLLED) as front:
        street = Street(front, shop, hooked=False)
        await street.later()
        shop.save(1, "processing", date_paid_gmt=at_shop(clock))
        await street.later()
        assert ("order.placed", "team") in await heard(street)


async def test_a_quote_that_becomes_an_order_weeks_later_is_news(street: Street) -> None:
    street.shop.save(1, "pending", billing=ADA)
    await street.later(35 * DAY)
    street.shop.save(1, "on-hold")
    await street.later()
    assert ("order.placed", "team") in await heard(street)


async def test_an_end_of_the_store_s_own_is_not_of_when_the_shop_called_it_completed(tmp_path: Path) -> None:
    """There "completed" means that it was sent; a plug-in says two days later that it was delivered."""
    clock = FakeClock()
    shop = WooShop(clock.now)
    http = FakeHttp(lambda asked: shop.answer(asked.method, asked.path, asked.headers))
    own = {"completed": "order.out_for_delivery", "delivered": "order.completed"}
    async with open_front(
        tmp_path, secrets=SECRETS, http=http, clock=clock, plan=shipped(), webshop={**POLLED, "statuses": own}
    ) as front:
        street = Street(front, shop, hooked=False)
        await street.later()
        shop.save(1, "processing", billing=ADA, **PAID)
        await street.later()
        shop.save(1, "completed", date_completed_gmt="2026-11-24T10:17:00")
        await street.later(2 * DAY)
        shop.save(1, "delivered")
        await street.later()
        assert (await street.order()).status == "order.completed"
        (last,) = [each for each in await front.box.views.events_of_order("1") if each.type == "order.completed"]
        assert last.occurred_at == shop.orders[1].modified * 1000


async def test_a_shop_whose_clock_is_ahead_is_known_for_it_by_all_that_it_says(tmp_path: Path) -> None:
    """Where an order stands has no date but that of the order, which can't be so."""
    clock = FakeClock()
    shop = WooShop(clock.now)
    http = FakeHttp(lambda request: shop.answer(request.method, request.path, request.headers))
    async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, webshop=POLLED) as front:
        await front.poll()
        shop.ahead = 2 * HOUR
        for status in ("on-hold", "ready-for-pickup"):
            shop.save(1, status)
            await clock.advance(60)
            await front.poll()
            assert list(front.box.spool.source_clocks.ahead()) == ["webshop"]
        assert await front.told() == ["order.placed", "order.ready"]


@pytest.mark.parametrize("hooked", [True, False])
async def test_orders_of_years_ago_that_are_imported_into_shopify_are_told_to_nobody(
    tmp_path: Path, hooked: bool
) -> None:
    """Shopify creates them now: their own date is that of their payment."""
    table = {"kind": "shopify", "shop": "x", "poll": "60s"}
    async with open_front(tmp_path, secrets=shopify.SECRETS, webshop=table) as front:
        await shopify.both(front, shopify.nodes())
        await front.clock.advance(60)
        now, then = f"{at_shop(front.clock)}Z", "2024-05-04T10:00:00Z"
        if hooked:
            dates = {"created_at": now, "updated_at": now, "processed_at": then, "fulfillment_status": "fulfilled"}
            body = msgspec.json.decode(shopify.sample("orders-paid")) | dates
            await front.take(shopify_hook(msgspec.json.encode(body)))
        else:
            done = {"createdAt": now, "updatedAt": now, "processedAt": then, "displayFulfillmentStatus": "FULFILLED"}
            await shopify.both(front, shopify.nodes(done))
        assert await front.told() == []
        assert (await front.events())[0] == (f"{shopify.ORDER}:order.placed", "#1001")
