"""The line goes down: the modem takes over in a real service, hears STOP, and nothing goes twice when the line returns."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemon.modem.simulator import Plug, SimulatedModem, on_pty
from outbox.clock import SystemClock
from tests.support.busy import MOST
from tests.support.shop import Shop, event, open_shop

ROUTE = """
[planning]
default_routes = false
[[route]]
on = "*"
to = "customer"
via = ["twilio", "modem"]
modem_after = "1s"
"""
SETTINGS = """
[uplink]
every = "1s"
[channels.modem]
device = "{device}"
rate = "10/s"
"""


@asynccontextmanager
async def _shop(folder: Path) -> AsyncIterator[tuple[Shop, SimulatedModem, Plug]]:
    clock, rng = SystemClock(), random.Random(2)
    modem = SimulatedModem(clock, rng)
    async with on_pty(modem, folder / "modem", clock, rng) as plug, open_shop(folder, pace=0.05) as shop:
        shop.configure(["twilio"], ROUTE, extra=SETTINGS.format(device=plug.device))
        await shop.start()
        await _until(shop, lambda: _ready(shop))
        yield shop, modem, plug


async def _ready(shop: Shop) -> bool:
    rows = (await shop.get("/v1/channels"))["items"]
    modem = next(row for row in rows if row["name"] == "modem")
    return bool((modem.get("detail") or {}).get("stage") == "ready")


async def _until(shop: Shop, holds: Callable[[], Awaitable[bool]], *, seconds: float = MOST) -> None:
    end = asyncio.get_running_loop().time() + seconds
    while not await holds():
        assert asyncio.get_running_loop().time() < end, shop.log[-4000:]
        await asyncio.sleep(0.05)


async def _delivered(shop: Shop, least: int) -> bool:
    """By the modem, as the network reports it half a second later, and a busy machine reads that later still."""
    rows = (await shop.get("/v1/messages?limit=100"))["items"]
    return sum(row["channel"] == "modem" and row["state"] == "delivered" for row in rows) >= least


def _heard(shop: Shop, modem: SimulatedModem) -> Counter[str]:
    """How often each number was told, by whichever way."""
    by_cloud = [arrival.to for arrival in shop.sandbox.messages if arrival.provider == "twilio"]
    return Counter([*by_cloud, *(number for number, _ in modem.texts())])


def _phone(number: int) -> str:
    return f"+4477009001{number:02d}"


pytestmark = pytest.mark.slow


async def test_an_outage_is_bridged_and_everybody_is_told_once(tmp_path: Path) -> None:
    async with _shop(tmp_path) as (shop, modem, _):
        await shop.post(event(1, phone=_phone(1)))  # while all is well
        await shop.until({"sent", "delivered"})
        assert modem.texts() == []

        modem.faults.report_seconds = 0.5
        await shop.sandbox.cut()
        for number in range(2, 6):
            assert await shop.post(event(number, phone=_phone(number))) == 202
        await _told(shop, modem, 5)
        assert {number for number, _ in modem.texts()} == {_phone(number) for number in range(2, 6)}

        modem.receive("STOP", _phone(3))
        await _until(shop, lambda: _opted_out(shop))

        await shop.sandbox.restore()
        await _until(shop, lambda: _line_is(shop, "up"))
        for number in range(2, 6):
            await shop.post(event(f"{number}0", phone=_phone(number)))
        messages = await shop.until({"sent", "delivered", "suppressed"})
        heard = _heard(shop, modem)
        assert heard[_phone(1)] == 1
        assert [heard[_phone(number)] for number in (2, 4, 5)] == [2, 2, 2]  # once for each of their two orders
        stopped = [message for message in messages if message["order_ref"] == "B-30"]
        assert [message["state"] for message in stopped] == ["suppressed"]
        await _until(shop, lambda: _delivered(shop, 4))
        confirmations = heard[_phone(3)] - 1  # of the order before STOP
        assert confirmations <= 1
        assert (await shop.get("/v1/audit/verify"))["ok"]


async def test_a_service_killed_amid_a_text_learns_that_it_went_out_and_sends_it_no_more(tmp_path: Path) -> None:
    async with _shop(tmp_path) as (shop, modem, _):
        modem.faults.report_status = None
        modem.on_sent = lambda _: shop.kill()  # the network has it; its answer is not heard
        await shop.sandbox.cut()
        await shop.post(event(1, phone=_phone(1)))
        await _until(shop, lambda: _is(bool(modem.sent)))
        modem.on_sent, taken_at = lambda _: None, SystemClock().now()
        await shop.start()
        await _until(shop, lambda: _ready(shop))
        modem.report(modem.references[0], _phone(1), 0x00, taken_at=taken_at)
        await shop.until({"delivered"})
        assert len(modem.sent) == 1


async def _told(shop: Shop, modem: SimulatedModem, count: int) -> None:
    await _until(shop, lambda: _is(sum(_heard(shop, modem).values()) >= count))


async def _is(holds: bool) -> bool:
    return holds


async def _opted_out(shop: Shop) -> bool:
    return len((await shop.get("/v1/optouts"))["items"]) == 1


async def _line_is(shop: Shop, state: str) -> bool:
    return bool((await shop.get("/v1/channels"))["uplink"]["state"] == state)
