"""Damage that shows while the service works: it stops, the next start repairs the database, and the shop goes on."""

import asyncio
import time
from pathlib import Path

import aiohttp

from tests.support.damage import damage_table
from tests.support.shop import Shop, event, open_shop

ORDERS = 300


async def ends(shop: Shop, seconds: float = 60.0) -> None:
    """Read everything until the service has met the damage and ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for path in ("/v1/messages?limit=500", "/v1/audit/verify", "/v1/orders?limit=500"):
            try:
                async with shop.session.get(path) as answer:
                    await answer.read()
            except (aiohttp.ClientError, OSError):
                return
        await asyncio.sleep(0.1)
    raise AssertionError("it went on on a damaged database")


async def test_it_stops_and_the_next_start_repairs(tmp_path: Path) -> None:
    async with open_shop(tmp_path, pace=0.01) as shop:
        shop.configure(
            ["twilio"],
            '[planning]\ndefault_routes = false\n[[route]]\non = "order.ready"\nto = "customer"\nvia = ["twilio"]\n',
        )
        await shop.start()
        for number in range(ORDERS):
            assert await shop.post(event(number)) == 202
        await shop.stop()
        await shop.start()
        for table in ("message", "audit"):
            damage_table(tmp_path / "tether.db", table)
        await ends(shop)
        assert await shop.ended() == 1
        assert (tmp_path / "tether.db.damaged").exists()
        await shop.start()
        assert await shop.post(event("after")) == 202
        assert list(tmp_path.glob("tether.db.damaged-*"))
        assert not (tmp_path / "tether.db.damaged").exists()
        page = await shop.get("/v1/audit", kind="database.recovered")
        saved = page["items"][0]["detail"]["saved"]
        assert saved["orders"] == saved["event"] == ORDERS
        assert ORDERS / 2 < saved["message"] < ORDERS
