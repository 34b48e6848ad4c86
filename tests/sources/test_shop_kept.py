"""What a shop still shows of people and orders that are gone here: it does not come back by asking, and is no news by webhook."""

from pathlib import Path
from typing import Any

import pytest

from daemon.config import Data, Duration
from outbox.model import Customer, Order, Plan, Posted
from tests.support.fake_clock import FakeClock
from tests.support.sources import AHook, FakeHttp, open_front
from tests.support.woo_shop import WooHook, WooShop

SECRETS = {"WEBSHOP_KEY": "ck_1", "WEBSHOP_SECRET": "cs_1", "WEBSHOP_WEBHOOK_SECRET": "wc_secret"}
POLLED = {"kind": "woocommerce", "url": "https://shop.example.com", "poll": "60s"}
ADA = {"first_name": "Ada", "email": "ada@example.com"}
DAY = 86_400


def nobody_is_told(posted: Posted, before: Order | None, after: Order) -> Plan:
    return Plan()


def a_shop(clock: FakeClock) -> tuple[WooShop, FakeHttp]:
    shop = WooShop(clock.now)
    return shop, FakeHttp(lambda asked: shop.answer(asked.method, asked.path, asked.headers))


async def test_who_was_forgotten_is_not_gathered_again_until_something_happens(tmp_path: Path) -> None:
    clock = FakeClock()
    shop, http = a_shop(clock)
    async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, webshop=POLLED) as front:
        await front.poll()
        shop.save(1, "on-hold", billing=ADA, total="48.50")
        await front.poll()
        await front.box.people.forget("ada@example.com", actor="Mia")
        await clock.advance(DAY)
        await front.intake.pollers["webshop"].sweep()
        await front.poll()
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert order.customer == Customer()
        shop.save(1, "completed")
        await front.poll()
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert order.customer.email == "ada@example.com"


async def test_what_went_when_it_was_due_is_not_brought_back(tmp_path: Path) -> None:
    clock, data = FakeClock(), Data(retention=Duration(3 * DAY))
    shop, http = a_shop(clock)
    async with open_front(
        tmp_path, secrets=SECRETS, http=http, clock=clock, plan=nobody_is_told, data=data, webshop=POLLED
    ) as front:
        await front.poll()
        shop.save(1, "completed", billing=ADA)
        await front.poll()
        await clock.advance(4 * DAY)
        await front.box.retention.prune(before=clock.now() - 3 * DAY * 1000)
        await front.intake.pollers["webshop"].sweep()
        await front.poll()
        assert await front.box.views.orders_by_ref(["1"]) == []


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        ("cancelled", {}),
        ("completed", {}),
        ("refunded", {"refunds": [{"id": 740, "total": "-48.50"}]}),
        ("processing", {"refunds": [{"id": 740, "total": "-5.00"}]}),
    ],
)
@pytest.mark.parametrize(("days", "is_told"), [(80, False), (20, True)])
async def test_a_plug_in_that_touches_all_old_orders_texts_nobody_by_the_shops_hooks(
    tmp_path: Path, status: str, fields: dict[str, Any], days: int, is_told: bool
) -> None:
    """A hook comes with every save: of an order that may have been open when the box came it is believed, of one long before it is not."""
    sent: list[AHook] = []

    def deliver(headers: Any, body: bytes) -> int:
        sent.append(AHook(headers=headers, body=body))
        return 200

    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "woocommerce"}) as front:
        shop = WooShop(front.clock.now, hpos=True)
        shop.ahead = -days * DAY
        shop.save(1, status, billing=ADA, total="48.50", date_paid_gmt="2026-09-05T10:00:00", **fields)
        shop.ahead = 0
        shop.hooks = [WooHook("order.updated", "wc_secret", deliver)]
        shop.save(1, status, meta_data=[{"id": 1, "key": "exported", "value": "yes"}])
        await front.take(sent.pop())
        told = "refund.issued" if fields else f"order.{status}"
        assert await front.told() == ([told] if is_told else [])
        await front.clock.advance(60)
        shop.save(1, "ready-for-pickup")
        await front.take(sent.pop())
        assert (await front.told())[-1] == "order.ready"


async def test_what_can_not_be_kept_of_an_order_is_no_change_each_night(tmp_path: Path) -> None:
    clock = FakeClock()
    shop, http = a_shop(clock)
    async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, webshop=POLLED) as front:
        await front.poll()
        shop.save(1, "on-hold", billing=ADA, currency="USDT", total="0.00004850")
        await front.poll()
        for _ in range(2):
            await clock.advance(DAY)
            await front.intake.pollers["webshop"].sweep()
        ((id, _),) = await front.events()
        assert id == "1:order.placed"
        (placed,) = await front.box.views.events(id)
        assert b"'USDT' can't be one" in placed.raw
