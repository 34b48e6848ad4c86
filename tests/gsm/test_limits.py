"""The SIM's limits: they count SMS, whoever's text it is, and a restart does not forget."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from daemon.modem.simulator import SimulatedModem, on_pty
from outbox.clock import SystemClock
from tests.support.shop import Shop, event, noon, open_shop

ROUTE = """
[counter]
grace = "0s"
[planning]
default_routes = false
[[route]]
on = "order.placed"
to = "customer"
via = ["modem"]
"""
MODEM = '[channels.modem]\ndevice = "{device}"\nrate = "100/s"\ndaily_limit = 5\n'
LONG = "Your balloons are ready. " * 14  # three SMS

pytestmark = pytest.mark.slow


async def _write(shop: Shop, order: int, text: str) -> None:
    body = {"text": text, "via": ["modem"]}
    async with shop.session.post(f"/v1/orders/B-{order}/messages", json=body) as answer:
        assert answer.status in (200, 201, 202), await answer.text()


async def _test(shop: Shop) -> dict[str, Any]:
    async with shop.session.post("/v1/channels/modem/test", json={"to": "+447700900123"}) as answer:
        assert answer.status == 200, await answer.text()
        found: dict[str, Any] = await answer.json()
        return found


async def _modem(shop: Shop) -> dict[str, Any]:
    [row] = [row for row in (await shop.get("/v1/channels"))["items"] if row["name"] == "modem"]
    return dict(row)


async def test_the_days_limit_counts_sms_and_holds_for_tests_and_after_a_restart(tmp_path: Path) -> None:
    clock, rng = SystemClock(), random.Random(2)
    modem = SimulatedModem(clock, rng)
    async with on_pty(modem, tmp_path / "modem", clock, rng) as plug, open_shop(tmp_path, pace=0.05) as shop:
        shop.configure([], ROUTE, extra=MODEM.format(device=plug.device), timezone=noon())
        await shop.start()
        for order in range(3):
            await shop.post(event(order, "order.completed"))
        await _write(shop, 0, LONG)
        await shop.until({"sent", "delivered"})
        await _write(shop, 1, LONG)
        while "no room" not in (waiting := (await shop.messages())[0])["reason"]:
            await asyncio.sleep(0.05)
        assert waiting["state"] == "queued"
        assert (await _modem(shop))["sent_today"] == 3

        assert (await _test(shop))["ok"]
        await _write(shop, 2, "Your balloons are ready.")
        while len(modem.sent) < 5:
            await asyncio.sleep(0.05)
        await shop.until({"sent", "delivered", "queued"})
        refused = await _test(shop)
        assert not refused["ok"]
        assert "daily_limit" in refused["summary"]

        await shop.stop()
        await shop.start()
        assert (await _modem(shop))["sent_today"] == 5
        assert not (await _test(shop))["ok"]
        assert len(modem.sent) == 5


async def test_a_text_that_is_refused_part_way_counts_as_far_as_it_went(tmp_path: Path) -> None:
    clock, rng = SystemClock(), random.Random(2)
    modem = SimulatedModem(clock, rng)
    modem.on_sent = lambda _: modem.faults.errors.update({"AT+CMGS": ["+CMS ERROR: 28"]})
    async with on_pty(modem, tmp_path / "modem", clock, rng) as plug, open_shop(tmp_path, pace=0.05) as shop:
        shop.configure([], ROUTE, extra=MODEM.format(device=plug.device), timezone=noon())
        await shop.start()
        await shop.post(event(1, "order.completed"))
        await _write(shop, 1, LONG)
        await shop.until({"failed"})
        for _ in range(2):
            assert (await _modem(shop))["sent_today"] == len(modem.sent) == 1
            assert (await shop.get("/v1/channels"))["sms"]["parts_today"] == 1
            await shop.stop()
            await shop.start()


async def test_names_and_short_codes_are_neither_opted_out_nor_answered(tmp_path: Path) -> None:
    """A parcel service or a bank that texts "STOP" or "HELP" to the store's number."""
    clock, rng = SystemClock(), random.Random(2)
    modem = SimulatedModem(clock, rng)
    for sender in ("Parcels", "60777", "8543219"):
        modem.receive("STOP", sender)
        modem.receive("HELP", sender)
    async with on_pty(modem, tmp_path / "modem", clock, rng) as plug, open_shop(tmp_path, pace=0.05) as shop:
        shop.configure([], ROUTE, extra=MODEM.format(device=plug.device))
        await shop.start()
        while len((await shop.get("/v1/replies"))["items"]) < 6:
            await asyncio.sleep(0.05)
        await _write_to_somebody(shop, modem)
        assert (await shop.get("/v1/optouts"))["items"] == []
        assert len(modem.sent) == 1


async def _write_to_somebody(shop: Shop, modem: SimulatedModem) -> None:
    """What would be answered would have been before this."""
    await shop.post(event(1, "order.completed"))
    await _write(shop, 1, "Hello")
    while not modem.sent:
        await asyncio.sleep(0.05)
