"""Power cuts: the service is killed with SIGKILL at random moments under a steady load of posts and sends.

Afterwards every acknowledged event is there, every message reached its provider at least once, and what was sent twice is no
more than what was in flight at the kills, each marked as a possible duplicate on record.
"""

import asyncio
import random
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from tests.support.shop import Shop, event, open_shop

KILLS = 12
CONCURRENCY = 4
ROUTES = """
[planning]
default_routes = false
[[route]]
on = "order.ready"
to = "customer"
via = ["twilio"]
"""


class Till:
    """Posts events without pause, and remembers what was acknowledged."""

    def __init__(self, shop: Shop, shard: int) -> None:
        self.shop = shop
        self.shard = shard
        self.next = 0
        self.acknowledged: list[str] = []
        self.stop = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(self._post_on())

    async def _post_on(self) -> None:
        while not self.stop.is_set():
            self.next += 1
            posted = event(f"{self.shard}-{self.next}")
            while not self.stop.is_set():
                try:
                    status = await self.shop.post(posted)
                except (aiohttp.ClientError, OSError, TimeoutError):
                    await asyncio.sleep(0.02)
                    continue
                assert status in (200, 202), status
                self.acknowledged.append(posted["id"])
                break
            await asyncio.sleep(0.02)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("shard", range(2))
async def test_nothing_is_lost_and_hardly_anything_sent_twice(tmp_path: Path, shard: int) -> None:
    rng = random.Random(shard)
    async with open_shop(tmp_path, pace=0.1) as shop:
        shop.configure(["twilio"], ROUTES, twilio={"concurrency": CONCURRENCY, "rate": "200/s"})
        shop.sandbox.fault("latency", "twilio", seconds=0.03)
        await shop.start()
        till = Till(shop, shard)
        async with asyncio.TaskGroup() as group:
            posting = group.create_task(till.run())
            for _ in range(KILLS):
                await asyncio.sleep(rng.uniform(0.05, 0.5))
                shop.kill()
                await shop.start()
            till.stop.set()
            await posting
        messages = await shop.until({"sent", "delivered"}, seconds=120)

        acknowledged = set(till.acknowledged)
        assert len(acknowledged) > KILLS, "the load was real"
        assert acknowledged <= {message["event_id"] for message in messages}, "an acknowledged event is on the disk"

        arrived = Counter(arrival.mark for arrival in shop.sandbox.messages)
        assert len(arrived) == len(messages), "every message reached the provider"
        twice = {mark for mark, count in arrived.items() if count > 1}
        assert sum(count - 1 for count in arrived.values()) <= KILLS * CONCURRENCY
        marked = {message["order_ref"] for message in messages if message["possible_duplicate"]}
        unmarked = [mark for mark in twice if not any(f"(order {ref})" in mark for ref in marked)]
        assert unmarked == [], "what was sent twice is marked"
        assert (await shop.get("/v1/audit/verify"))["ok"]
