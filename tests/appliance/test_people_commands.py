"""`tether forget` and `tether export-person` as they are typed, with the service running and stopped."""

import asyncio
import json
from pathlib import Path

from tests.support.shop import event, open_shop

ROUTES = '[planning]\ndefault_routes = false\n[[route]]\non = "order.ready"\nto = "customer"\nvia = ["twilio"]\n'


async def test_what_is_kept_and_taking_it_out(tmp_path: Path) -> None:
    async with open_shop(tmp_path, pace=0.02) as shop:
        shop.configure(["twilio"], ROUTES)
        await shop.start()
        for number in (1, 2):
            assert await shop.post(event(number, email="ada@example.com")) == 202
        assert await shop.post(event(3, phone="07700 900999", name="Grace")) == 202
        unplanned = {**event(4, email="ada@example.com"), "type": "order.placed"}
        assert await shop.post(unplanned) == 202
        aside = tmp_path / "tether.db.before-restore-20260101T000000Z"
        aside.write_bytes(b"Ada was here")
        await shop.until({"sent", "delivered"})
        person = json.loads((await asyncio.to_thread(shop.tether, "export-person", "07700 900123")).stdout)
        assert [order["ref"] for order in person["orders"]] == ["B-1", "B-2", "B-4"]
        assert person["orders"][0]["events"][0]["content"]["customer"]["name"] == "Ada"
        assert "B-1" in person["orders"][0]["messages"][0]["attempts"][0]["text"]
        dry = await asyncio.to_thread(shop.tether, "forget", "07700 900123", "--dry-run")
        assert dry.stdout.startswith("3 orders with 3 events, 2 messages")
        assert json.loads((await asyncio.to_thread(shop.tether, "export-person", "07700 900123")).stdout)["orders"]
        done = await asyncio.to_thread(shop.tether, "forget", "ADA@example.com", "--yes")
        assert f"{aside.name} still holds what it held; it is removed by" in done.stdout
        await shop.stop()
        database = (tmp_path / "tether.db").read_bytes()
        for theirs in (b'"Ada"', b"Hi Ada", b"447700900123"):
            assert theirs not in database
        left = json.loads((await asyncio.to_thread(shop.tether, "export-person", "+447700900999")).stdout)
        assert [order["ref"] for order in left["orders"]] == ["B-3"]
        await asyncio.to_thread(shop.tether, "audit", "verify")
        refused = await asyncio.to_thread(shop.tether, "forget", "nobody", "--yes", check=False)
        assert refused.returncode == 1
