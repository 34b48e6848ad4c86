"""The line is cut and the modem takes over; a customer answers STOP; the line comes back. Everyone is told once, and the one who
stopped is not told again."""

import asyncio
import random
from pathlib import Path

from daemon.modem.simulator import SimulatedModem, on_pty
from outbox.clock import SystemClock
from tests.support.busy import MOST
from tests.support.shop import event, open_shop

ROUTES = """
[planning]
default_routes = false
[[route]]
on = "order.ready"
to = "customer"
via = ["twilio", "modem"]
modem_after = "1s"
[[route]]
on = "order.completed"
to = "customer"
via = ["twilio", "modem"]
supersede = false
"""


async def test_the_modem_takes_over_and_nobody_is_told_twice(tmp_path: Path) -> None:
    clock, rng = SystemClock(), random.Random(5)
    modem = SimulatedModem(clock, rng)
    async with on_pty(modem, tmp_path / "modem", clock, rng) as plug, open_shop(tmp_path, pace=0.05) as shop:
        shop.configure(
            ["twilio"],
            ROUTES + f'[channels.modem]\ndevice = "{plug.device}"\nrate = "20/s"\n',
            '[uplink]\nevery = "1s"\n',
        )
        await shop.start()
        await shop.post(event("before", phone="+447700900100"))
        await shop.until({"sent", "delivered"})

        await shop.sandbox.cut()
        for number in range(5):
            await shop.post(event(number, phone=f"+44770090012{number}"))
        await shop.until({"sent", "delivered"})
        by_modem = modem.texts()
        assert sorted(number for number, _ in by_modem) == [f"+44770090012{number}" for number in range(5)]
        assert len(shop.sandbox.messages) == 1

        modem.receive("Stop!", "+447700900123")
        await _until(lambda: ("+447700900123", True) in [(n, "no more texts" in t) for n, t in modem.texts()], shop.log)
        [reply] = (await shop.get("/v1/replies"))["items"]
        assert (reply["order_ref"], reply["consent"]) == ("B-3", "stop")

        await shop.sandbox.restore()
        for number in range(5):
            await shop.post(event(number, "order.completed", phone=f"+44770090012{number}"))
        messages = await shop.until({"sent", "delivered", "suppressed"})
        told = {
            message["order_ref"]
            for message in messages
            if message["trigger"] == "order.completed" and message["state"] != "suppressed"
        }
        assert told == {"B-0", "B-1", "B-2", "B-4"}
        assert not any(message["possible_duplicate"] for message in messages)
        arrived = [arrival.to for arrival in shop.sandbox.messages]
        assert sorted(arrived) == ["+447700900100", *(f"+44770090012{number}" for number in (0, 1, 2, 4))]
        assert len(modem.texts()) == 6, "five notices and the answer to STOP"


async def _until(holds, log: str, seconds: float = MOST) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, log[-3000:]
        await asyncio.sleep(0.05)
