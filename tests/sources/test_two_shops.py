"""Two shops at one box count their orders each for itself: what tells them apart is put before the numbers of one."""

from pathlib import Path
from typing import Any

import msgspec

from daemon.http import Request
from tests.support.fake_clock import FakeClock
from tests.support.sources import AHook, FakeHttp, open_front
from tests.support.woo_shop import WooShop

SECRETS = {
    "WEBSHOP_KEY": "ck_1",
    "WEBSHOP_SECRET": "cs_1",
    "TRADE_KEY": "ck_1",
    "TRADE_SECRET": "cs_1",
    "PAY_WEBHOOK_SECRET": "t0k",
}
WEBSHOP = {"kind": "woocommerce", "url": "https://shop.example.com", "poll": "60s"}
TRADE = {"kind": "woocommerce", "url": "https://trade.example.com", "poll": "60s", "ref_prefix": "#", "ref_add": "T-"}
PAY = {
    "kind": "mapped",
    "type": "type",
    "order": {"ref": "ref"},
    "signature": {"kind": "token", "header": "x-token"},
    "ref_add": "T-",
}


async def test_orders_of_one_number_are_two_and_each_customer_hears_of_their_own(tmp_path: Path) -> None:
    clock = FakeClock()
    shops = {"https://shop.example.com": WooShop(clock.now), "https://trade.example.com": WooShop(clock.now)}

    class TwoShops(FakeHttp):
        async def exchange(self, base: str, request: Request, seconds: float) -> Any:
            return shops[base].answer(request.method, request.path, request.headers)

    tables: dict[str, dict[str, Any]] = {"webshop": WEBSHOP, "trade": TRADE, "pay": PAY}
    async with open_front(tmp_path, secrets=SECRETS, http=TwoShops(), clock=clock, **tables) as front:
        for name in ("webshop", "trade"):
            await front.poll(name)
        webshop, trade = shops.values()
        webshop.save(1001, "on-hold", billing={"first_name": "Ada", "phone": "07400 123456"})
        trade.save(1001, "on-hold", number="#1001", billing={"first_name": "Ben", "phone": "07400 999999"})
        for status in ("on-hold", "ready-for-pickup"):
            webshop.save(1001, status)
            await clock.advance(60)
            for name in ("webshop", "trade"):
                await front.poll(name)
        paid = msgspec.json.encode({"type": "payment.confirmed", "ref": "1001"})
        await front.take(AHook(source="pay", body=paid, headers={"x-token": "t0k"}))
        ada, ben = await front.box.views.orders_by_ref(["1001", "T-1001"])
        assert (ada.customer.phone, ada.status, ada.payment) == ("07400 123456", "order.ready", "")
        assert (ben.customer.phone, ben.status, ben.payment) == ("07400 999999", "order.placed", "payment.confirmed")
        assert sorted(await front.told()) == ["order.placed", "order.placed", "order.ready", "payment.confirmed"]


async def test_another_shop_by_the_name_of_one_is_told_of_until_somebody_says_that_it_is_the_same(
    tmp_path: Path,
) -> None:
    """The test shop's clone counts on as the live shop does: of order 727 of the one nothing is told that was told of the other's."""
    clock = FakeClock()
    shop = WooShop(clock.now)
    http = FakeHttp(lambda request: shop.answer(request.method, request.path, request.headers))
    staging = {**WEBSHOP, "url": "https://staging.example.com/shop/"}
    secrets = {**SECRETS, "STAGING_KEY": "ck_1", "STAGING_SECRET": "cs_1"}
    for url in (staging["url"], "https://staging.example.com/shop"):
        async with open_front(
            tmp_path, secrets=secrets, http=http, clock=clock, webshop={**staging, "url": url}
        ) as front:
            await front.poll()
            assert front.intake.rows()[0].problem == ""
    async with open_front(tmp_path, secrets=secrets, http=http, clock=clock, webshop=WEBSHOP, staging=staging) as front:
        for name in ("webshop", "staging"):
            await front.poll(name)
        webshop, test_shop = front.intake.rows()
        assert webshop.state == "ready"
        assert webshop.problem.startswith(
            "it was staging.example.com/shop before: another shop needs a table of another name"
        )
        assert test_shop.problem == ""
    async with open_front(tmp_path, secrets=secrets, http=http, clock=clock, webshop=WEBSHOP) as front:
        await front.poll()
        assert front.intake.rows()[0].problem != "", "a restart changes nothing"
        front.intake.pollers["webshop"].sync(None)
        await front.poll()
        assert front.intake.rows()[0].problem == ""


async def test_open_orders_that_another_shop_by_the_name_of_one_does_not_have_are_not_gone(tmp_path: Path) -> None:
    clock = FakeClock()
    shop, empty = WooShop(clock.now), WooShop(clock.now)

    async def status(of: WooShop, **table: Any) -> str:
        http = FakeHttp(lambda request: of.answer(request.method, request.path, request.headers))
        async with open_front(tmp_path, secrets=SECRETS, http=http, clock=clock, webshop={**WEBSHOP, **table}) as front:
            await front.poll()
            of.save(2, "on-hold")
            for _ in range(2):
                await clock.advance(1000)
                await front.poll()
            return {order.ref: order.status for order in await front.box.views.orders_by_ref(["1", "2"])}["1"]

    shop.save(1, "on-hold")
    assert await status(shop) == "order.placed"
    assert await status(empty, url="https://staging.example.com") == "order.placed"
    shop.delete(1)
    assert await status(shop) == "order.deleted"
