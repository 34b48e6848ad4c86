"""Asking a shop: nothing is missed and nothing told twice, however it pages, throttles, moves orders about or dies."""

import asyncio
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.http import Response
from daemon.intake.polling import reader
from outbox.outcome import Deferred, Unknown
from tests.support.fake_clock import FakeClock, settle
from tests.support.shop_server import CUT, ShopServer
from tests.support.sources import NOW, FakeHttp, Shopfront, json_response, open_front

SECRETS = {"WEBSHOP_KEY": "ck_1", "WEBSHOP_SECRET": "cs_1", "WEBSHOP_ACCESS_TOKEN": "shpat"}
TABLES: Mapping[str, Mapping[str, Any]] = {
    "woocommerce": {"kind": "woocommerce", "url": "https://shop.example.com", "poll": "60s"},
    "shopify": {"kind": "shopify", "shop": "balloon-loft", "poll": "60s"},
}
KINDS = pytest.mark.parametrize("kind", TABLES)
PLACED = "order.placed"


async def first_round(front: Shopfront) -> None:
    """From here on what happens is news."""
    assert await front.poll() == 60
    await front.clock.advance(1)


async def placed(front: Shopfront) -> list[str]:
    return sorted(id.partition(":")[0] for id, _ in await front.events() if id.endswith(PLACED))


@KINDS
async def test_many_pages_are_read_to_the_end(tmp_path: Path, kind: str) -> None:
    shop = ShopServer()
    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(shop), webshop=TABLES[kind]) as front:
        await first_round(front)
        for number in range(100, 120):
            shop.change(number, "on-hold", front.clock.now() + (number - 100) * 2000)
        await front.clock.advance(60)
        assert await front.poll() == 60
        assert await placed(front) == [str(number) for number in range(100, 120)]
        assert len(await front.told()) == 20


@KINDS
async def test_many_orders_changed_in_the_same_second(tmp_path: Path, kind: str) -> None:
    """A bulk edit: the moment alone can't say where a page ended."""
    shop = ShopServer()
    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(shop), webshop=TABLES[kind]) as front:
        await first_round(front)
        for number in range(100, 111):
            shop.change(number, "on-hold", front.clock.now())
        await front.clock.advance(5)
        await front.poll()
        assert await placed(front) == [str(number) for number in range(100, 111)]


@pytest.mark.parametrize("apart", [0, 200, 40_000], ids=["in one second", "in a minute", "in three hours"])
async def test_more_orders_change_than_are_read_at_once(tmp_path: Path, apart: int) -> None:
    """A bulk edit, or a busy day: what a round goes back over must not keep it from what is new."""
    shop = ShopServer(page=10)
    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(shop), webshop=TABLES["shopify"]) as front:
        await first_round(front)
        for number in range(250):
            shop.change(1000 + number, "on-hold", front.clock.now() + number * apart)
        for _ in range(2):
            await front.clock.advance(250 * apart / 1000 + 1000)
            assert 60 in [await front.poll() for _ in range(3)]
            shop.change(2000, "on-hold", front.clock.now())
        assert await placed(front) == [*(str(number) for number in range(1000, 1250)), "2000"]


async def test_the_nightly_comparison_is_of_all_orders_however_many(tmp_path: Path) -> None:
    shop = ShopServer(page=10)
    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(shop), webshop=TABLES["shopify"]) as front:
        await first_round(front)
        for number in range(250):
            shop.change(1000 + number, "on-hold", front.clock.now() + number * 1000)
        await front.clock.advance(400)
        await front.intake.pollers["webshop"].sweep()
        assert len(front.intake.pollers["webshop"].status.mended) == 250


async def test_a_plug_in_that_touches_more_orders_than_can_be_read_at_once_blinds_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A WooCommerce list is told once it was read to its end: one that is too long is read in halves, and so is the bin."""
    monkeypatch.setattr(reader, "MOST_PAGES", 4)
    shop = ShopServer(page=25)
    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(shop), webshop=TABLES["woocommerce"]) as front:
        await first_round(front)
        begun, touched = front.clock.now(), range(1000, 1200)
        for number in touched:
            shop.change(number, "on-hold", begun + (number - 1000) * 18_000)
        await front.clock.advance(3600)
        shop.change(2000, "on-hold", front.clock.now())
        await front.clock.advance(60)
        waits = [await front.poll() for _ in range(20)]
        assert (waits[-1], front.intake.rows()[0].problem) == (60, "")
        assert await placed(front) == [*map(str, touched), "2000"]
        await front.intake.pollers["webshop"].sweep()
        assert front.intake.rows()[0].mended == ()
        for number in touched:
            shop.change(number, "trash", front.clock.now() + (number - 1000) * 1000)
        await front.clock.advance(1000)
        await front.poll()
        told = await front.events()
        assert sum(id.endswith(":order.deleted") for id, _ in told) == len(touched)


@KINDS
async def test_an_order_that_moves_between_pages_is_not_missed_nor_another_for_it(tmp_path: Path, kind: str) -> None:
    """Order 100 is changed while page two is asked for: all that come after it move up by one."""
    shop = ShopServer()
    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(shop), webshop=TABLES[kind]) as front:
        await first_round(front)
        for number in range(100, 112):
            shop.change(number, "on-hold", front.clock.now() + (number - 100) * 5000)
        await front.clock.advance(90)
        moved = iter(range(100, 108))
        shop.before_answer = [
            lambda: None,
            *[lambda: shop.change(next(moved), "ready-for-pickup", front.clock.now())] * 3,
        ]
        await front.poll()
        await front.clock.advance(60)
        await front.poll()
        assert await placed(front) == [str(number) for number in range(100, 112)]
        assert sorted(id for id, _ in await front.events() if "ready" in id) == [
            f"{number}:order.ready" for number in (100, 101, 102)
        ]
        told = await front.told()
        assert (told.count("order.placed"), told.count("order.ready")) == (12, 3)


FAULTS: Mapping[str, Any] = {
    "throttled": Response(status=429, headers={"retry-after": "7"}),
    "dies in mid-page": CUT,
    "no connection": Deferred("no connection", unreachable=True),
    "no answer": Unknown("no answer in time"),
    "maintenance": Response(status=503, headers={"content-type": "text/html"}, body=b"<html>back soon</html>"),
    "a login page": Response(
        status=200, headers={"content-type": "text/html"}, body=b"<!doctype html><title>Hi</title>"
    ),
    "nonsense": json_response({"what": "ever"}),
    "empty": Response(status=200),
    "a 500": Response(status=500, body=b"{}"),
}


@KINDS
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", [0, 1, 2])
async def test_what_goes_wrong_costs_nothing(tmp_path: Path, kind: str, fault: str, at: int) -> None:
    shop = ShopServer()
    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(shop), webshop=TABLES[kind]) as front:
        await first_round(front)
        for number in range(100, 110):
            shop.change(number, "on-hold", front.clock.now() + number * 100)
        await front.clock.advance(60)
        shop.faults = [*[None] * at, FAULTS[fault]]
        wait = await front.poll()
        assert front.intake.rows()[0].problem
        assert 7 <= wait <= 300
        await front.clock.advance(wait)
        assert await front.poll() == 60
        assert front.intake.rows()[0].problem == ""
        assert await placed(front) == [str(number) for number in range(100, 110)]
        assert len(await front.told()) == 10


@pytest.mark.parametrize(
    ("status", "lasting"), [(401, True), (403, True), (404, True), (402, True), (429, False), (503, False)]
)
async def test_what_will_not_mend_by_itself_is_asked_seldom(tmp_path: Path, status: int, lasting: bool) -> None:
    http = FakeHttp(lambda request: json_response({"code": "woocommerce_rest_cannot_view", "message": "Sorry"}, status))
    table = {**TABLES["woocommerce"], "poll": "5s"}
    async with open_front(tmp_path, secrets=SECRETS, http=http, webshop=table) as front:
        wait = await front.poll()
        assert (wait == 300) is lasting
        assert f"it answered {status}" in front.intake.rows()[0].problem


async def test_what_a_shop_says_is_shown_without_our_keys_and_without_addresses(tmp_path: Path) -> None:
    words = {"message": "the key ck_very_secret of ada@example.com is not known"}
    http = FakeHttp(lambda request: json_response(words, 401))
    secrets = {"WEBSHOP_KEY": "ck_very_secret", "WEBSHOP_SECRET": "cs_very_secret"}
    async with open_front(tmp_path, secrets=secrets, http=http, webshop=TABLES["woocommerce"]) as front:
        await front.poll()
        assert front.intake.rows()[0].problem == "it answered 401: the key [secret] of a…@example.com is not known"


async def test_the_wait_grows_while_it_fails(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop={**TABLES["woocommerce"], "poll": "2s"}) as front:
        waits = [await front.poll() for _ in range(12)]
        assert waits[0] <= 2
        assert 150 <= waits[-1] <= 300


async def test_a_shop_that_was_never_read_is_behind_since_it_was_set_up(tmp_path: Path) -> None:
    """Not since the first day of the history that is read silently."""
    http = FakeHttp(lambda asked: json_response({}, 503))
    async with open_front(tmp_path, secrets=SECRETS, http=http, webshop=TABLES["woocommerce"]) as front:
        await front.poll()
        await front.clock.advance(90)
        (row,) = front.intake.rows()
        assert (row.state, row.behind) == ("failing", 90.0)


async def test_the_cursor_outlives_a_restart_and_a_dead_disk(tmp_path: Path) -> None:
    shop, clock = ShopServer(), FakeClock()
    async with open_front(
        tmp_path, secrets=SECRETS, http=FakeHttp(shop), clock=clock, webshop=TABLES["woocommerce"]
    ) as front:
        await first_round(front)
    shop.change(100, "on-hold", clock.now())
    shop.change(101, "on-hold", clock.now() + 2000)
    await clock.advance(4 * 3600)
    async with open_front(
        tmp_path, secrets=SECRETS, http=FakeHttp(shop), clock=clock, webshop=TABLES["woocommerce"]
    ) as front:
        await front.poll()
        assert await placed(front) == ["100", "101"]
        assert len(await front.told()) == 2


@pytest.mark.parametrize("spoilt", ["9" * 5000, "1764\ufffd0", "-1", ""], ids=["long", "garbage", "negative", "empty"])
async def test_how_far_it_had_read_is_found_out_anew_where_a_failing_card_spoilt_it(
    tmp_path: Path, spoilt: str
) -> None:
    """And since when it was there: nobody is told of what is history, or again."""
    shop, clock = ShopServer(), FakeClock()
    async with open_front(
        tmp_path, secrets=SECRETS, http=FakeHttp(shop), clock=clock, webshop=TABLES["woocommerce"]
    ) as front:
        await first_round(front)
        shop.change(100, "on-hold", clock.now())
        await clock.advance(61)
        await front.poll()
        for what in ("cursor", "born"):
            await front.box.notes.set(f"source.webshop.{what}", spoilt)
    await clock.advance(3600)
    shop.change(101, "on-hold", clock.now())
    async with open_front(
        tmp_path, secrets=SECRETS, http=FakeHttp(shop), clock=clock, webshop=TABLES["woocommerce"]
    ) as front:
        await front.poll()
        await clock.advance(61)
        shop.change(102, "on-hold", clock.now())
        await front.poll()
        assert await placed(front) == ["100", "101", "102"]


async def test_while_the_clock_is_not_set_nothing_is_asked(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, trusted=False, webshop=TABLES["woocommerce"]) as front:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(front.intake.run(stop))
            await front.clock.advance(600)
            assert front.http.asked == []
            stop.set()


async def test_it_asks_on_its_own_and_stops_when_told(tmp_path: Path) -> None:
    shop = ShopServer()
    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(shop), webshop=TABLES["woocommerce"]) as front:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(front.intake.run(stop))
            while not front.http.asked:
                await settle()
            for _ in range(5):
                count = len(front.http.asked)
                while front.intake.pollers["webshop"].status.last_success is None or front.clock.sleepers < 2:
                    await asyncio.sleep(0.001)
                await front.clock.advance(61)
                while len(front.http.asked) == count:
                    await asyncio.sleep(0.001)
            stop.set()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(sorted(TABLES)),
    changes=st.lists(
        st.tuples(
            st.integers(100, 106),
            st.sampled_from(["on-hold", "ready-for-pickup", "completed", "cancelled"]),
            st.integers(1, 40),
        ),
        max_size=25,
    ),
    faults=st.lists(st.sampled_from([None, None, CUT, *FAULTS.values()]), max_size=12),
    page=st.integers(1, 4),
)
async def test_whatever_happens_it_ends_where_the_shop_stands(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    changes: list[tuple[int, str, int]],
    faults: list[Any],
    page: int,
) -> None:
    """Orders change in any order at any pace, pages and faults fall as they like: each order is placed once, and its last state is known."""
    shop = ShopServer(page)
    folder = tmp_path_factory.mktemp("shop")
    async with open_front(folder, secrets=SECRETS, http=FakeHttp(shop), webshop=TABLES[kind]) as front:
        await first_round(front)
        shop.faults = list(faults)
        for number, status, pause in changes:
            await front.clock.advance(pause)
            shop.change(number, status, front.clock.now())
            if pause % 3 == 0:
                await front.poll()
        shop.faults = []
        for _ in range(8):
            await front.clock.advance(30)
            await front.poll()
        known = await placed(front)
        assert set(known) <= {str(number) for number, _, _ in changes}
        assert len(known) == len(set(known))
        assert {str(number) for number, (status, _) in shop.orders.items() if status != "cancelled"} <= set(known)
        expected = {"ready-for-pickup": "order.ready", "completed": "order.completed", "cancelled": "order.cancelled"}
        for number, (status, _) in shop.orders.items():
            states = [
                event.type for event in await front.box.replay.told("webshop", str(number)) if event.type != PLACED
            ]
            if status in expected:
                assert states[-1] == expected[status]
            assert all(one != other for one, other in itertools.pairwise(states))
        assert front.clock.now() > NOW
