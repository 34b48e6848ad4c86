"""A web shop beside a box, for tests of what the box makes of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.fake_clock import FakeClock
from tests.support.sources import FakeHttp, open_front
from tests.support.street import HOOKED, POLLED, SECRETS, Street, shipped
from tests.support.woo_shop import WooShop


@pytest.fixture(params=["asked", "hooked"])
async def street(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Street]:
    clock = FakeClock()
    shop = WooShop(clock.now, hpos=True)
    http = FakeHttp(lambda asked: shop.answer(asked.method, asked.path, asked.headers))
    hooked = request.param == "hooked"
    table = HOOKED if hooked else POLLED
    async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, plan=shipped(), webshop=table) as front:
        made = Street(front, shop, hooked=hooked)
        await made.later()
        yield made
