"""Orders that are open for weeks: an edit of one is in no list of what changed, so they are looked at, those that matter first."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from daemon.http import Request, Response
from tests.support.fake_clock import FakeClock
from tests.support.sources import FakeHttp, open_front
from tests.support.street import ADA, DAY, POLLED, SECRETS
from tests.support.woo_shop import WooShop

MANY = 60
"""Of a store that never completes its orders: more than are looked at at once."""
WEDDING = {"meta_data": [{"key": "pickup", "value": "2027-01-02 10:00"}]}
NEW = {**ADA, "phone": "07400 999999"}


async def test_many_old_ones_are_looked_at_in_turn_and_what_is_promised_for_later_each_time(tmp_path: Path) -> None:
    clock = FakeClock()
    shop = WooShop(clock.now)
    http = FakeHttp(lambda asked: shop.answer(asked.method, asked.path, asked.headers))
    async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, webshop=POLLED) as front:
        await front.poll()
        for number in range(100, 100 + MANY):
            shop.save(number, "on-hold", billing=ADA)
        shop.save(999, "on-hold", billing=ADA, **WEDDING)
        await front.poll()
        await clock.advance(20 * DAY)
        await front.poll()

        async def edited() -> int:
            found = await front.box.views.orders_by_ref([str(number) for number in shop.orders])
            return sum(order.customer.phone == NEW["phone"] for order in found)

        for number in shop.orders:
            shop.save(number, "on-hold", billing=NEW)
        seen = []
        for _ in range(3):
            await clock.advance(900)
            await front.poll()
            (wedding,) = await front.box.views.orders_by_ref(["999"])
            assert wedding.customer.phone == NEW["phone"]
            seen.append(await edited())
        assert seen == [1 + 25, 1 + 35, 1 + MANY]


@pytest.mark.parametrize("broken", ["modified_after", "include"])
async def test_a_comparison_that_fails_leaves_the_other_to_be_made(tmp_path: Path, broken: str) -> None:
    """The shop's PHP breaks on an order of last week, or on one that is open."""
    clock = FakeClock()
    shop = WooShop(clock.now)
    is_broken = False

    def answer(request: Request) -> Response:
        query = dict(parse_qsl(urlsplit(request.path).query))
        old = datetime.fromtimestamp(clock.now() / 1000 - 10 * DAY, UTC).isoformat()
        breaks = {"modified_after": query.get("modified_after", "9") < old, "include": "include" in query}
        if is_broken and breaks[broken]:
            return Response(status=500, headers={"content-type": "application/json"}, body=b"{}")
        return shop.answer(request.method, request.path, request.headers)

    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(answer), clock=clock, webshop=POLLED) as front:
        await front.poll()
        shop.save(1, "on-hold", billing=ADA)
        await front.poll()
        is_broken = True
        await clock.advance(DAY)
        for number in (2, 3):
            shop.save(number, "on-hold", billing=ADA)
            await front.poll()
            await clock.advance(900)
        shop.save(1, "on-hold", billing=NEW)
        await front.poll()
        (order,) = await front.box.views.orders_by_ref(["1"])
        (row,) = front.intake.rows()
        assert row.problem.endswith("can't be compared with the record: it answered 500")
        if broken == "modified_after":
            assert (order.customer.phone, row.swept_at) == (NEW["phone"], None)
            for _ in range(2):
                await clock.advance(7 * 3600)
                await front.poll()
            assert front.intake.rows()[0].problem == row.problem, "it is not over at midnight"
        else:
            assert row.swept_at is not None
