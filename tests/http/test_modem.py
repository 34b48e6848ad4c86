"""What the HTTP face shows of a modem: the real channel on a simulated one."""

import asyncio
import random
from pathlib import Path

from daemon.modem.simulator import SimulatedModem
from tests.support.face import serving
from tests.support.gsm import PassingClock, plugged
from tests.support.small_store import CHANNELS, open_store, store_settings


async def test_signal_and_operator_are_shown_once_the_modem_is_there(tmp_path: Path) -> None:
    clock, rng, stop = PassingClock(), random.Random(3), asyncio.Event()
    modem = SimulatedModem(clock, rng)
    async with plugged("tcp", modem, clock, rng, tmp_path) as plug:
        settings = store_settings(channels={**CHANNELS, "modem": {"device": plug.device}})
        async with open_store(settings, clock=clock) as store, serving(store) as face, asyncio.TaskGroup() as group:
            passing = group.create_task(clock.pass_by())
            running = group.create_task(store.engine.run(stop))
            await clock.until(lambda: store.engine.lanes["modem"].state == "ready")
            passing.cancel()
            await clock.still()
            shown = {each["name"]: each for each in (await face.get("/v1/channels")).json["items"]}["modem"]
            glance = (await face.get("/v1/status")).json["modem"]
            metrics = (await face.get("/metrics")).body.decode().splitlines()
            passing = group.create_task(clock.pass_by())
            code = await face.post("/v1/channels/modem/ussd", {"code": "*100#"})
            stop.set()
            await running
            passing.cancel()
    assert (shown["state"], shown["detail"]["operator"]) == ("ready", "Simulated Mobile")
    assert shown["detail"]["bars"] in range(1, 6)
    assert glance == {**shown["detail"], "state": "ready", "reason": ""}
    assert f'tether_modem_bars{{channel="modem"}} {shown["detail"]["bars"]}' in metrics
    assert code.json["ok"], code.json
