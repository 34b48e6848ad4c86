"""A shop's webhook that comes once more, by a relay that missed the first answer: it undoes nothing that happened since."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from daemon.http import Request, Response
from tests.support.fake_clock import FakeClock
from tests.support.sources import AHook, FakeHttp, open_front
from tests.support.street import ADA, HOOKED, POLLED, SECRETS, Street
from tests.support.woo_shop import WooShop

FIREWALL = Response(status=403, headers={"content-type": "text/html"}, body=b"<!DOCTYPE html><title>No</title>")


@asynccontextmanager
async def both_ways(folder: Path, *, asked: bool = True, firewall: bool = False) -> AsyncIterator[Street]:
    """A shop whose orders are posts, that tells by its hooks and (`asked`) is asked too."""
    clock = FakeClock()
    shop = WooShop(clock.now)

    def answer(request: Request) -> Response:
        if firewall and "include=" in request.path:
            return FIREWALL
        return shop.answer(request.method, request.path, request.headers)

    table = POLLED if asked else HOOKED
    async with open_front(folder, secrets=SECRETS, http=FakeHttp(answer), clock=clock, webshop=table) as front:
        if asked:
            await front.poll()
        yield Street(front, shop, hooked=True)


async def once_more(street: Street, hook: AHook) -> None:
    await street.front.take(msgspec.structs.replace(hook, now=street.front.clock.now()))


@pytest.mark.parametrize("asked", [True, False])
async def test_an_order_as_it_was_before_an_edit_undoes_no_edit(tmp_path: Path, asked: bool) -> None:
    async with both_ways(tmp_path, asked=asked) as street:
        street.shop.save(1, "on-hold", billing=ADA)
        (first,) = street.sent
        await street.later()
        street.shop.save(1, "on-hold", billing={**ADA, "phone": "07400 111111"})
        await street.later()
        await once_more(street, first)
        if asked:
            await street.front.poll()
        assert (await street.order()).customer.phone == "07400 111111"
        assert await street.told() == ["1:order.placed", "1:order.changed"]


async def test_an_edit_that_was_taken_back_is_seen_when_the_shop_is_asked(tmp_path: Path) -> None:
    async with both_ways(tmp_path) as street:
        street.shop.save(1, "on-hold", billing=ADA)
        await street.later()
        await street.front.poll()
        for phone in ("07400 111111", ADA["phone"]):
            street.shop.save(1, "on-hold", billing={**ADA, "phone": phone})
            await street.later()
        await street.front.clock.advance(1000)
        await street.front.poll()
        assert (await street.order()).customer.phone == ADA["phone"]


async def test_a_deletion_that_is_said_once_more_takes_no_restored_order_off_the_board(tmp_path: Path) -> None:
    await the_restored_order_stays(tmp_path)


async def test_nor_does_it_while_the_shop_is_away_for_a_moment(tmp_path: Path) -> None:
    await the_restored_order_stays(tmp_path, hiccup=Response(status=502))


async def the_restored_order_stays(tmp_path: Path, *, hiccup: Response | None = None) -> None:
    async with both_ways(tmp_path) as street:
        street.shop.save(1, "ready-for-pickup", billing=ADA)
        await street.later()
        street.shop.trash(1)
        (deletion,) = street.sent
        await street.later()
        await street.front.poll()
        assert (await street.order()).status == "order.deleted"
        street.shop.restore(1)
        await street.later()
        assert (await street.order()).status == "order.ready"
        if hiccup is not None:
            await with_answer(street, hiccup)
        await once_more(street, deletion)
        await street.front.poll()
        assert (await street.order()).status == "order.ready"


async def with_answer(street: Street, answer: Response) -> None:
    """One question, to which the shop has no other answer."""
    usual, street.front.http.answer = street.front.http.answer, lambda request: answer
    await street.front.poll()
    street.front.http.answer = usual


@pytest.mark.parametrize("firewall", [False, True])
async def test_what_is_deleted_for_good_leaves_the_board_with_the_next_question(tmp_path: Path, firewall: bool) -> None:
    """Also where the shop shows no orders by their numbers: then its word has to do."""
    async with both_ways(tmp_path, firewall=firewall) as street:
        street.shop.save(1, "completed", billing=ADA)
        await street.later()
        await street.front.poll()
        street.shop.delete(1)
        await street.later()
        assert street.front.intake.pollers["webshop"].wake.is_set()
        await street.front.poll()
        assert (await street.order()).status == "order.deleted"


@pytest.mark.parametrize("known", [True, False], ids=["known before", "found out with the next question"])
async def test_what_is_deleted_leaves_the_board_also_while_the_shop_takes_no_key_of_ours(
    tmp_path: Path, known: bool
) -> None:
    async with both_ways(tmp_path) as street:
        street.shop.save(1, "ready-for-pickup", billing=ADA)
        await street.later()
        street.front.http.answer = lambda request: Response(status=401)
        if known:
            await street.front.poll()
        street.shop.delete(1)
        await street.later()
        if not known:
            await street.front.poll()
        assert (await street.order()).status == "order.deleted"


async def test_nor_does_it_stay_where_a_firewall_lets_no_question_of_ours_through(tmp_path: Path) -> None:
    async with both_ways(tmp_path) as street:
        street.shop.save(1, "ready-for-pickup", billing=ADA)
        await street.later()
        street.front.http.answer = lambda request: FIREWALL
        await street.front.poll()
        street.shop.delete(1)
        await street.later()
        await street.front.poll()
        assert (await street.order()).status == "order.deleted"
