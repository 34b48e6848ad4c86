"""A shop at the other end of a real connection: pages whole, and one that is cut in the middle."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from daemon.config import Settings
from daemon.http import open_http
from daemon.intake.door import Door
from daemon.intake.intake import Intake
from daemon.intake.polling.poller import Poller
from outbox import Outbox
from outbox.clock import SystemClock
from tests.support.outbox_box import open_box
from tests.support.sources import tell_all

TOTAL = 7


class Shop:
    """Seven orders on pages of three; `cuts` of the answers end in the middle. `meta`: what a plug-in keeps with each order."""

    def __init__(self, *, cuts: int = 0, meta: str = "") -> None:
        self.cuts = cuts
        self.meta = meta
        self.now = SystemClock().now() // 1000 + 5

    async def orders(self, request: web.Request) -> web.StreamResponse:
        if "include" in request.query:
            return web.json_response([self._order(int(id) - 1) for id in request.query["include"].split(",")])
        after = request.query["modified_after"]
        rows = [row for number in reversed(range(TOTAL)) if (row := self._order(number))["date_modified_gmt"] > after]
        first = int(request.query["offset"])
        body = msgspec.json.encode(rows[first : first + 3])
        headers = {"X-WP-Total": str(len(rows)), "Content-Length": str(len(body))}
        answer = web.StreamResponse(headers=headers)
        await answer.prepare(request)
        if first and self.cuts:
            self.cuts -= 1
            await answer.write(body[: len(body) // 2])
            assert request.transport is not None
            request.transport.abort()
            return answer
        await answer.write(body)
        return answer

    def _order(self, number: int) -> dict[str, object]:
        moment = datetime.fromtimestamp(self.now + number * 2, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return {
            "id": number + 1,
            "number": f"W-{number}",
            "status": "on-hold",
            "date_created_gmt": moment,
            "date_modified_gmt": moment,
            "meta_data": [{"id": 1, "key": "_preview", "value": self.meta}],
        }


@asynccontextmanager
async def asked(shop: Shop, folder: Path) -> AsyncIterator[tuple[Outbox, Poller]]:
    app, clock = web.Application(), SystemClock()
    app.router.add_get("/wp-json/wc/v3/orders", shop.orders)
    async with TestServer(app) as server, open_http(clock) as http, open_box(folder, clock) as box:
        table = {"kind": "woocommerce", "url": str(server.make_url("/")), "poll": "60s"}
        settings = Settings(sources={"webshop": table}, secrets={"WEBSHOP_KEY": "ck", "WEBSHOP_SECRET": "cs"})
        intake = Intake(settings, box, http, Door(box, tell_all), clock, random.Random(1), clock_trusted=lambda: True)
        yield box, intake.pollers["webshop"]


async def test_orders_with_much_in_them_are_read(tmp_path: Path) -> None:
    """A plug-in that keeps a picture of what the customer made with the order itself."""
    async with asked(Shop(meta="data:image/png;base64," + "A" * 400_000), tmp_path) as (box, poller):
        await poller.round()
        assert poller.status.problem == ""
        assert [event.order_ref for event in await box.replay.since(0, limit=50)] == [f"W-{n}" for n in range(TOTAL)]


async def test_a_page_that_is_cut_in_the_middle_is_asked_again(tmp_path: Path) -> None:
    async with asked(Shop(cuts=1), tmp_path) as (box, poller):
        await poller.round()
        assert "could not be read" in poller.status.problem
        assert await box.replay.since(0, limit=50) == []
        assert await poller.round() == 60
        assert poller.status.problem == ""
        assert [event.order_ref for event in await box.replay.since(0, limit=50)] == [f"W-{n}" for n in range(TOTAL)]
        assert len((await box.views.messages(limit=50)).items) == TOTAL
