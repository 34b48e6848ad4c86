"""A shop shows all of an order with whatever happens to it: what it shows unchanged is no news, and does not undo what others said since."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from outbox.model import Order, Plan, Posted
from outbox.orders import to_ms
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import posted
from tests.support.planning import plan, route, store
from tests.support.sources import FakeHttp, Shopfront, open_front
from tests.support.woo_shop import WooShop

SECRETS = {"WEBSHOP_KEY": "ck_1", "WEBSHOP_SECRET": "cs_1"}
WEBSHOP = {
    "kind": "woocommerce",
    "url": "https://shop.example.com",
    "poll": "60s",
    "promised": "pickup",
    "statuses": {"late": "order.delayed"},
}
ADA = {"first_name": "Ada", "phone": "07400 123456", "email": "ada@example.com", "country": "GB"}
STORE = store("twilio", route=[route()], planning={"default_routes": False})


def routes(event: Posted, before: Order | None, after: Order) -> Plan:
    return plan(STORE, event, after, before)


def promised(hour: int) -> dict[str, Any]:
    return {"meta_data": [{"key": "pickup", "value": f"2026-11-25T{hour}:00"}]}


@asynccontextmanager
async def polled(folder: Path) -> AsyncIterator[tuple[Shopfront, WooShop]]:
    clock = FakeClock()
    shop = WooShop(clock.now, hpos=True)
    http = FakeHttp(lambda asked: shop.answer(asked.method, asked.path, asked.headers))
    async with open_front(folder, secrets=SECRETS, http=http, clock=clock, plan=routes, webshop=WEBSHOP) as front:
        await later(front)
        yield front, shop


async def later(front: Shopfront) -> None:
    await front.poll()
    await front.clock.advance(60)


async def test_what_staff_noted_holds_while_the_shop_shows_what_it_showed(tmp_path: Path) -> None:
    """A number that is put right and another time: with its next word the shop brought the old ones back, and told again what staff had told."""
    async with polled(tmp_path) as (front, shop):
        shop.save(1, "on-hold", billing=ADA, **promised(12))
        await later(front)
        noted: list[tuple[str, dict[str, Any]]] = [
            ("staff.contact", {"customer": {"phone": "07400 999999", "email": "ada@example.org"}}),
            ("order.changed", {"order": {"promised_at": "2026-11-25T15:00:00Z"}}),
            ("order.ready", {}),
        ]
        for type, said in noted:
            by_hand = posted(f"k-{type}", type, "1", source="counter", at=front.clock.now(), **said)
            await front.box.spool.accept(by_hand, routes)
        await later(front)
        shop.save(1, "ready-for-pickup")
        await later(front)
        assert await front.told() == ["order.ready"]
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert (order.customer.phone, order.customer.email) == ("07400 999999", "ada@example.org")
        assert order.customer.country is None, "of the number that the shop still shows"
        assert order.promised_at == to_ms(datetime(2026, 11, 25, 15, tzinfo=UTC))
        shop.save(1, "completed", billing={**ADA, "phone": "07400 111111"}, **promised(16))
        await later(front)
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert (order.customer.phone, order.customer.email) == ("07400 111111", "ada@example.org")
        assert order.promised_at == to_ms(datetime(2026, 11, 25, 16, tzinfo=UTC))


@pytest.mark.parametrize("own", [{"seen": True}, {"seen": 9_999_999_999_999}, {"as_of": "yes"}, {"as_of": {"a": 1}}])
async def test_what_a_till_keeps_with_its_events_by_a_name_of_ours_is_its_own(
    tmp_path: Path, own: dict[str, Any]
) -> None:
    """A till whose token is good wants the service to end, or takes `seen` for a good name: what it adds is kept, and is no mark of the shop's."""
    async with polled(tmp_path) as (front, shop):
        shop.save(1, "on-hold", billing=ADA, **promised(12))
        await later(front)
        event = posted("t1", "order.in_production", "1", source="till", at=front.clock.now(), **own)
        await front.box.spool.accept(event, routes)
        assert set(own) <= set(msgspec.json.decode(event.raw))
        await later(front)
        shop.save(1, "ready-for-pickup", billing={**ADA, "phone": "07400 111111"})
        await later(front)
        assert front.intake.rows()[0].problem == ""
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert (order.status, order.customer.phone) == ("order.ready", "07400 111111")


async def test_what_fails_inside_while_a_shop_is_asked_is_a_problem_of_the_shop_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended the service, and each start of it anew."""
    async with polled(tmp_path) as (front, shop):
        shop.save(1, "on-hold", billing=ADA)
        with monkeypatch.context() as broken:
            broken.setattr(front.intake._recorder, "news", lambda *args, **more: 1 / 0)
            assert await front.poll() == 300
            assert front.intake.rows()[0].problem == "taking what it told failed inside: ZeroDivisionError"
        await later(front)
        assert (await front.events(), front.intake.rows()[0].problem) == ([("1:order.placed", "1")], "")


async def test_a_delay_tells_a_new_time_only_where_the_shop_gave_one(tmp_path: Path) -> None:
    """ "New time: 12:00" is what was promised already."""
    async with polled(tmp_path) as (front, shop):
        for number in (1, 2, 3, 4):
            shop.save(number, "on-hold", billing=ADA, **promised(12))
        await later(front)
        shop.save(2, "on-hold", **promised(15))
        shop.save(4, "on-hold", **promised(15))
        await later(front)
        shop.save(4, "processing", date_paid_gmt=f"{datetime.fromtimestamp(shop.clock(), UTC):%Y-%m-%dT%H:%M:%S}")
        await later(front)
        shop.save(1, "late")
        shop.save(2, "late")
        shop.save(3, "late", **promised(15))
        shop.save(4, "late")
        await later(front)
        assert "payment.confirmed" in [one.type for one in await front.box.views.events_of_order("4")]
        told = []
        for number in (1, 2, 3, 4):
            (delayed,) = await front.box.views.events(f"{number}:order.delayed")
            told.append(msgspec.json.decode(delayed.raw)["order"].get("promised_at"))
        assert told == [None, *["2026-11-25T15:00:00Z"] * 3], "of the fourth its payment was told, which says no time"
        kept = await front.box.views.orders_by_ref(["1"])
        assert [order.promised_at for order in kept] != [None], "on the board it is late by what was promised"


async def test_an_edit_that_was_seen_late_holds_from_the_shop_s_next_word_on(tmp_path: Path) -> None:
    """The line was down while the number was put right in the shop, and the mail address at the counter: the number was lost for good."""
    async with polled(tmp_path) as (front, shop):
        shop.save(1, "on-hold", billing=ADA, **promised(12))
        await later(front)
        shop.save(1, "on-hold", billing={**ADA, "phone": "07400 111111"}, **promised(15))
        await front.clock.advance(20)
        mended = {"customer": {"email": "ada@example.org"}}
        noted = posted("k-1", "staff.contact", "1", source="counter", at=front.clock.now(), **mended)
        await front.box.spool.accept(noted, routes)
        await later(front)
        shop.save(1, "ready-for-pickup")
        await later(front)
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert (order.customer.phone, order.customer.email) == ("07400 111111", "ada@example.org")
        assert order.promised_at == to_ms(datetime(2026, 11, 25, 15, tzinfo=UTC))
