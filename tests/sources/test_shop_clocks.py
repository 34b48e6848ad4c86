"""A shop whose clock is wrong, or goes back, or whose order is dated years ahead: nothing is lost, and nothing is blind for good."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from daemon.http import Request, Response
from tests.support.fake_clock import FakeClock
from tests.support.sources import AHook, FakeHttp, Shopfront, open_front
from tests.support.woo_shop import WooShop

SECRETS = {"WEBSHOP_KEY": "ck_1", "WEBSHOP_SECRET": "cs_1"}
TABLE = {"kind": "woocommerce", "url": "https://shop.example.com", "poll": "60s"}
HOUR, DAY = 3600.0, 86_400.0
CLOCKS_BACK = 1_792_889_400_000
"""2026-10-25T00:50:00Z: ten minutes before London's clocks go back from two to one."""


def asked(shop: WooShop) -> FakeHttp:
    return FakeHttp(lambda request: shop.answer(request.method, request.path, request.headers))


async def pass_time(front: Shopfront, seconds: float) -> None:
    await front.clock.advance(seconds)
    await front.poll()


async def told(front: Shopfront) -> list[str]:
    """The ids of the events that somebody is told of, in order."""
    page = await front.box.views.messages(limit=500)
    return [message.event_id for message in reversed(page.items)]


@pytest.mark.parametrize("hpos", [True, False])
async def test_an_order_dated_into_the_future_blinds_nobody(tmp_path: Path, hpos: bool) -> None:
    clock = FakeClock()
    shop = WooShop(clock.now, hpos=hpos)
    async with open_front(tmp_path, secrets=SECRETS, http=asked(shop), clock=clock, webshop=TABLE) as front:
        await front.poll()
        shop.ahead = 730 * DAY
        shop.save(1, "on-hold")
        shop.ahead = 0
        await pass_time(front, 60)
        for number in range(2, 5):
            shop.save(number, "on-hold")
            await pass_time(front, 60)
        assert await told(front) == [f"{number}:order.placed" for number in range(1, 5)]
        shop.save(1, "ready-for-pickup")
        await pass_time(front, 60)
        assert (await told(front))[-1] == "1:order.ready"


@pytest.mark.parametrize("hpos", [True, False])
async def test_the_night_the_clocks_go_back(tmp_path: Path, hpos: bool) -> None:
    """120 orders from before to after: as posts they are listed by a local time that comes twice."""
    clock = FakeClock(CLOCKS_BACK)
    shop = WooShop(clock.now, hpos=hpos)
    async with open_front(tmp_path, secrets=SECRETS, http=asked(shop), clock=clock, webshop=TABLE) as front:
        await front.poll()
        for number in range(120):
            await clock.advance(60)
            shop.save(100 + number, "on-hold")
            if number % 3 == 0 and number:
                shop.save(100 + number // 2, "ready-for-pickup")
            if number % 40 == 39:  # the line was away meanwhile
                await front.poll()
        placed = {id for id in await told(front) if id.endswith("order.placed")}
        assert placed == {f"{100 + number}:order.placed" for number in range(120)}
        ready = {id.partition(":")[0] for id in await told(front) if "order.ready" in id}
        assert ready == {str(order.id) for order in shop.orders.values() if order.status == "ready-for-pickup"}


@pytest.mark.parametrize("back", [0.5, 2.0])
async def test_a_shop_whose_clock_is_put_back_is_read_on(tmp_path: Path, back: float) -> None:
    clock = FakeClock()
    shop = WooShop(clock.now)
    async with open_front(tmp_path, secrets=SECRETS, http=asked(shop), clock=clock, webshop=TABLE) as front:
        await front.poll()
        await clock.advance(3 * HOUR)
        shop.save(1, "on-hold")
        await pass_time(front, 60)
        shop.ahead = -back * HOUR
        shop.save(1, "ready-for-pickup")
        shop.save(2, "on-hold")
        for _ in range(16):
            await pass_time(front, 60)
        assert sorted(await told(front)) == ["1:order.placed", "1:order.ready", "2:order.placed"]


async def test_our_own_clock_that_is_put_back_loses_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    shop = WooShop(clock.now)
    async with open_front(tmp_path, secrets=SECRETS, http=asked(shop), clock=clock, webshop=TABLE) as front:
        await front.poll()
        shop.save(1, "on-hold")
        await pass_time(front, 60)
        clock.step(-6 * HOUR)
        shop.save(2, "on-hold")
        await pass_time(front, 60)
        assert await told(front) == ["1:order.placed", "2:order.placed"]


@pytest.mark.parametrize("ahead", [2 * DAY, 365 * DAY])
async def test_a_source_that_was_first_there_while_our_clock_was_ahead_tells_once_that_is_right(
    tmp_path: Path, ahead: float
) -> None:
    """No battery, a date set by hand: until it was put back is not for as long again."""
    clock = FakeClock()
    shop = WooShop(clock.now)
    clock.step(ahead)
    async with open_front(tmp_path, secrets=SECRETS, http=asked(shop), clock=clock, webshop=TABLE) as front:
        await front.poll()
    clock.step(-ahead)
    async with open_front(tmp_path, secrets=SECRETS, http=asked(shop), clock=clock, webshop=TABLE) as front:
        await pass_time(front, 60)
        await clock.advance(30)
        shop.save(1, "on-hold")
        shop.save(2, "ready-for-pickup")
        await pass_time(front, 60)
        assert await told(front) == ["1:order.placed", "2:order.placed", "2:order.ready"]


async def test_the_nightly_comparison_mends_what_was_missed_and_names_it(tmp_path: Path) -> None:
    """A clock that was days off, a restored database: whatever it was, two weeks are looked at each night."""
    clock = FakeClock()
    shop = WooShop(clock.now)
    async with open_front(tmp_path, secrets=SECRETS, http=asked(shop), clock=clock, webshop=TABLE) as front:
        await front.poll()
        await clock.advance(2 * DAY)
        shop.save(2, "on-hold")
        await pass_time(front, HOUR)
        shop.ahead = -1.5 * DAY
        shop.save(1, "on-hold")
        shop.ahead = 0
        await pass_time(front, HOUR)
        assert await told(front) == ["2:order.placed"]
        await pass_time(front, DAY)
        assert await told(front) == ["2:order.placed", "1:order.placed"]
        (row,) = front.intake.rows()
        assert (list(row.mended), row.swept_at) == (["1"], clock.now())
        await pass_time(front, DAY)
        assert list(front.intake.rows()[0].mended) == []


async def test_an_order_that_was_deleted_for_good_is_found_gone_at_night(tmp_path: Path) -> None:
    clock = FakeClock()
    shop = WooShop(clock.now)
    async with open_front(tmp_path, secrets=SECRETS, http=asked(shop), clock=clock, webshop=TABLE) as front:
        await front.poll()
        for number in (1, 2):
            shop.save(number, "on-hold")
        await pass_time(front, HOUR)
        shop.delete(1)
        await pass_time(front, DAY)
        assert (await told(front))[2:] == ["1:order.deleted"]


async def test_orders_that_move_up_under_the_pages_are_all_read(tmp_path: Path) -> None:
    """While page after page is read, the shop trashes some: what follows them moves up, to a page that was read."""
    clock = FakeClock()
    shop = WooShop(clock.now)
    shop.most = 5
    questions: list[Any] = []

    def answer(request: Any) -> Any:
        questions.append(request)
        standing = [order.id for order in shop.orders.values() if order.status == "on-hold"]
        if len(questions) % 4 == 3 and len(standing) > 30:
            for number in standing[-3:]:
                shop.trash(number)
        return shop.answer(request.method, request.path, request.headers)

    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(answer), clock=clock, webshop=TABLE) as front:
        await front.poll()
        for number in range(100, 160):
            await clock.advance(20)
            shop.save(number, "on-hold")
        for _ in range(4):
            await pass_time(front, 30)
        left = {f"{order.id}:order.placed" for order in shop.orders.values() if order.status == "on-hold"}
        assert len(left) > 20
        assert left <= set(await told(front))


@pytest.mark.parametrize("age", [0, 20 * DAY])
@pytest.mark.parametrize("deed", ["edited", "deleted"])
async def test_what_the_shop_does_not_list_as_changed_is_seen_within_a_quarter_of_an_hour(
    tmp_path: Path, deed: str, age: float
) -> None:
    """An edit of an order that is kept as a post does not move its date; one that is deleted is in no list. A wedding is booked weeks ahead."""
    clock = FakeClock()
    shop = WooShop(clock.now)
    async with open_front(tmp_path, secrets=SECRETS, http=asked(shop), clock=clock, webshop=TABLE) as front:
        await front.poll()
        for number in (1, 2):
            shop.save(number, "on-hold", billing={"phone": "07400 123456"})
        for _ in range(60):
            await pass_time(front, 60)
        await pass_time(front, age)
        if deed == "edited":
            shop.save(1, "on-hold", billing={"phone": "07400 999999"})
        else:
            shop.delete(1)
        for _ in range(16):
            await pass_time(front, 60)
        assert (await told(front))[2:] == ["1:order.changed" if deed == "edited" else "1:order.deleted"]
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert order.customer.phone == ("07400 999999" if deed == "edited" else "07400 123456")


ERP = {
    "kind": "mapped",
    "type": "type",
    "order": {"ref": "ref", "source_id": "id"},
    "signature": {"kind": "token", "header": "x-token"},
}


@asynccontextmanager
async def shop_and_erp(folder: Path) -> AsyncIterator[tuple[WooShop, Shopfront]]:
    clock = FakeClock()
    shop = WooShop(clock.now)
    secrets = {**SECRETS, "ERP_WEBHOOK_SECRET": "t0k"}
    async with open_front(folder, secrets=secrets, http=asked(shop), clock=clock, webshop=TABLE, erp=ERP) as front:
        yield shop, front


def erp(type: str, **said: str) -> AHook:
    body = msgspec.json.encode({"type": type, "ref": "1", **said})
    return AHook(source="erp", body=body, headers={"x-token": "t0k"})


async def test_an_edit_that_moves_no_date_is_newer_than_what_others_told_since(tmp_path: Path) -> None:
    async with shop_and_erp(tmp_path) as (shop, front):
        await front.poll()
        shop.save(1, "on-hold", billing={"phone": "07400 123456"})
        await pass_time(front, 60)
        await front.take(erp("order.in_production"))
        shop.save(1, "on-hold", billing={"phone": "07400 999999"})
        for _ in range(16):
            await pass_time(front, 60)
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert (order.status, order.customer.phone) == ("order.in_production", "07400 999999")


async def test_what_a_payment_provider_or_an_erp_calls_an_order_does_not_hide_it_from_its_shop(tmp_path: Path) -> None:
    """The shop's own id is what its order is asked by, and what a note of ours is put at: of another's number the shop may have an order
    too, of somebody else."""
    async with shop_and_erp(tmp_path) as (shop, front):
        await front.poll()
        shop.save(1, "on-hold")
        await pass_time(front, 60)
        await front.take(erp("payment.confirmed", id="77"))
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert order.source_id == "1"
        shop.delete(1)
        for _ in range(16):
            await pass_time(front, 60)
        assert (await told(front))[-1] == "1:order.deleted"


async def test_a_payment_provider_that_is_first_to_tell_does_not_name_the_order_either(tmp_path: Path) -> None:
    """It tells of the payment before the shop is asked: a note to the customer goes to the shop's order all the same."""
    async with shop_and_erp(tmp_path) as (shop, front):
        await front.poll()
        shop.save(1, "on-hold")
        await front.clock.advance(5)
        await front.take(erp("payment.confirmed", id="77"))
        await pass_time(front, 60)
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert (order.source, order.source_id) == ("erp", "1")
        await front.take(erp("refund.issued", id="77"))
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert order.source_id == "1"
        shop.delete(1)
        for _ in range(16):
            await pass_time(front, 60)
        assert (await told(front))[-1] == "1:order.deleted", "it is looked at as any of the shop's"


async def test_an_order_at_a_status_that_lists_hide_is_not_taken_for_deleted(tmp_path: Path) -> None:
    clock = FakeClock()
    shop = WooShop(clock.now)
    async with open_front(tmp_path, secrets=SECRETS, http=asked(shop), clock=clock, webshop=TABLE) as front:
        await front.poll()
        shop.save(1, "on-hold")
        await pass_time(front, 60)
        shop.hidden.add("archived")
        shop.save(1, "archived", total="60.00")
        for _ in range(16):
            await pass_time(front, 60)
        assert await told(front) == ["1:order.placed", "1:order.changed"]


REFUSALS = pytest.mark.parametrize(
    "refusal",
    [
        Response(status=404, headers={"content-type": "application/json"}, body=b'{"code":"rest_no_route"}'),
        Response(
            status=403,
            headers={"content-type": "application/json"},
            body=b'{"code":"itsec_rest_api_access_restricted"}',
        ),
        Response(status=404, headers={"content-type": "text/html"}, body=b"<!DOCTYPE html><title>Not found</title>"),
    ],
)


@REFUSALS
async def test_a_plug_in_that_shuts_the_way_to_single_orders_deletes_none(tmp_path: Path, refusal: Response) -> None:
    """A hardening plug-in lets lists through and answers for every single order as if there were no such address; another hides a status
    from lists. Who is on the board stays there, and the shop is asked as often as ever."""
    clock = FakeClock()
    shop = WooShop(clock.now)

    def answer(request: Request) -> Response:
        listed = request.path.partition("?")[0].endswith("/orders")
        return shop.answer(request.method, request.path, request.headers) if listed else refusal

    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(answer), clock=clock, webshop=TABLE) as front:
        await front.poll()
        shop.save(1, "processing")
        await pass_time(front, 60)
        shop.hidden.add("processing")
        for _ in range(17):
            await pass_time(front, 60)
        assert await told(front) == ["1:order.placed", "1:order.confirmed"]
        assert front.intake.pollers["webshop"].status.problem == ""


@REFUSALS
async def test_a_firewall_that_lets_no_list_of_numbers_through_makes_the_shop_asked_no_more_seldom(
    tmp_path: Path, refusal: Response
) -> None:
    """`include=1,2,3` looks like an attack to some: every question failed with it, and customers heard five minutes late."""
    clock = FakeClock()
    shop = WooShop(clock.now)

    def answer(request: Request) -> Response:
        return refusal if "include=" in request.path else shop.answer(request.method, request.path, request.headers)

    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(answer), clock=clock, webshop=TABLE) as front:
        await front.poll()
        shop.save(1, "on-hold")
        for _ in range(17):
            await pass_time(front, 60)
        assert front.intake.pollers["webshop"].status.problem == ""
        shop.save(1, "processing")
        await pass_time(front, 60)
        assert await told(front) == ["1:order.placed", "1:order.confirmed"]


async def test_a_comparison_that_fails_makes_nobody_hear_later_and_is_told(tmp_path: Path) -> None:
    """An order of last week on which the shop's PHP breaks: it was asked for all two weeks with every question, and each counted as failed."""
    clock = FakeClock()
    shop = WooShop(clock.now)
    tries: list[int] = []
    broken = True

    def answer(request: Request) -> Response:
        since = dict(parse_qsl(urlsplit(request.path).query)).get("modified_after", "9")
        if broken and since < datetime.fromtimestamp(clock.now() / 1000 - 10 * DAY, UTC).isoformat():
            tries.append(clock.now())
            return Response(status=500, headers={"content-type": "application/json"}, body=b"{}")
        return shop.answer(request.method, request.path, request.headers)

    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(answer), clock=clock, webshop=TABLE) as front:
        broken = False
        await front.poll()
        await pass_time(front, HOUR)
        broken = True
        await clock.advance(DAY)
        for number in range(180):
            if number == 100:
                shop.save(1, "on-hold")
            assert await front.poll() == 60
            await clock.advance(60)
        assert await told(front) == ["1:order.placed"]
        assert len(tries) == 5
        (row,) = front.intake.rows()
        assert (row.state, row.swept_at) == ("ready", None)
        assert row.problem.endswith("can't be compared with the record: it answered 500")
        broken = False
        await pass_time(front, HOUR)
        (row,) = front.intake.rows()
        assert (row.problem, row.swept_at) == ("", clock.now())
