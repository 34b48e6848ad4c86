"""Orders that are open for weeks: an edit of one is in no list of what changed, so they are looked at, those that matter first."""

from pathlib import Path

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
