"""The line goes while messages are under way: what revealed it costs nobody an attempt, however it failed."""

import asyncio
import os
import signal
from pathlib import Path

from tests.support.busy import MOST
from tests.support.shop import event, open_shop

ROUTES = """
[planning]
default_routes = false
[[route]]
on = "order.ready"
to = "customer"
via = ["twilio"]
"""


async def test_what_revealed_an_outage_counts_for_nothing(tmp_path: Path) -> None:
    async with open_shop(tmp_path, pace=0.3) as shop:
        shop.configure(["twilio"], ROUTES, '[uplink]\nevery = "1s"\n[retry]\nbase = "1s"\ncap = "2s"\n')
        await shop.start()
        await shop.post(event("before"))
        await shop.until({"sent", "delivered"})
        shop.sandbox.fault("timeout", "twilio", seconds=30)
        for number in range(8):
            await shop.post(event(number))
        await shop.until_under_way()
        await shop.sandbox.cut()
        await shop.until_line("down")
        async with asyncio.timeout(MOST):
            while await shop.messages(state="sending"):
                await asyncio.sleep(0.05)
        counted = {message["order_ref"]: message["attempt_count"] for message in await shop.messages()}
        assert counted == {"B-before": 1, **{f"B-{number}": 0 for number in range(8)}}


async def test_an_outage_began_when_it_did_also_after_a_reload_in_it(tmp_path: Path) -> None:
    async with open_shop(tmp_path, pace=0.3) as shop:
        shop.configure(["twilio"], ROUTES)
        await shop.start()
        await shop.sandbox.cut()
        await shop.post(event("before"))
        await shop.until_line("down")
        since = (await shop.get("/v1/channels"))["uplink"]["since"]
        shop.configure(["twilio", "sendgrid"], ROUTES)
        os.kill(shop.pid, signal.SIGHUP)
        async with asyncio.timeout(20):
            while len((await shop.get("/v1/channels"))["items"]) != 2:
                await asyncio.sleep(0.05)
        await shop.until_line("down")
        assert (await shop.get("/v1/channels"))["uplink"]["since"] == since
