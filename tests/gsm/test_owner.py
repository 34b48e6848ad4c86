"""What the owner sees of the modem: `modem info|test|ussd`, `channels` and `doctor`, with a real service at a simulated modem."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon.modem.simulator import Plug, Sim, SimulatedModem, on_pty
from outbox.clock import SystemClock
from tests.support.shop import Shop, open_shop

pytestmark = pytest.mark.slow
MODEM = '[channels.modem]\ndevice = "{device}"\n'


@asynccontextmanager
async def _shop(
    folder: Path, stage: str, *, sim: Sim | None = None, absent: bool = False
) -> AsyncIterator[tuple[Shop, SimulatedModem, Plug]]:
    clock, rng = SystemClock(), random.Random(2)
    modem = SimulatedModem(clock, rng, character="ec25", sim=sim)
    async with on_pty(modem, folder / "modem", clock, rng) as plug, open_shop(folder, pace=0.05) as shop:
        if absent:
            plug.pull()
        shop.configure([], extra=MODEM.format(device=plug.device))
        await shop.start()
        while (await _row(shop))["detail"].get("stage") != stage:
            await asyncio.sleep(0.05)
        yield shop, modem, plug


async def _row(shop: Shop) -> dict[str, Any]:
    [row] = [row for row in (await shop.get("/v1/channels"))["items"] if row["name"] == "modem"]
    return dict(row)


async def _tether(shop: Shop, *words: str) -> tuple[int, str]:
    done = await asyncio.to_thread(shop.tether, *words, check=False)
    return done.returncode, done.stdout + done.stderr


async def _doctor(shop: Shop) -> dict[str, Any]:
    _, said = await _tether(shop, "doctor", "--offline", "--json")
    [found] = [finding for finding in json.loads(said) if finding["check"] == "channel modem"]
    return dict(found)


async def test_a_modem_that_works(tmp_path: Path) -> None:
    async with _shop(tmp_path, "ready") as (shop, modem, _):
        code, info = await _tether(shop, "modem", "info")
        assert code == 0
        for words in (
            "modem         ready",
            "Simulated Mobile, 4G, home, signal -73 dBm, 4 of 4 bars",
            "Quectel EC25",
            "0 of 200 SMS",
        ):
            assert words in info
        assert not set("{}") & set(info)
        modem.say("UNDER-VOLTAGE WARNNING")  # a trouble that passed is no reason to call it wrong for good
        while not (await _row(shop))["detail"]["trouble"]:
            await asyncio.sleep(0.05)
        assert (await _doctor(shop))["level"] == "ok"
        assert "last trouble  the modem's voltage is too low" in (await _tether(shop, "modem", "info"))[1]
        assert await _tether(shop, "modem", "ussd", "*100#") == (0, "Your credit is 10.00\n")
        code, refused = await _tether(shop, "modem", "ussd", "*999#")
        assert (code, refused) == (1, "tether: No answer to *999#: not supported by this network.\n")
        code, refused = await _tether(
            shop, "modem", "test", "--to", "85432"
        )  # a short number: never, and not in another country
        assert code == 1
        assert "85432" not in str(modem.texts())
        assert refused.startswith("tether: GSM modem was not asked: ")


async def test_a_modem_that_is_not_there(tmp_path: Path) -> None:
    async with _shop(tmp_path, "absent", absent=True) as (shop, _, plug):
        row = await _row(shop)
        assert row["state"] == "open"
        assert "no such device" in row["reason"]
        for words in (
            ("modem", "info"),
            ("modem", "test", "--to", "+447700900123"),
            ("modem", "ussd", "*100#"),
            ("channels",),
        ):
            code, said = await _tether(shop, *words)
            assert code == (0 if words == ("channels",) else 1)
            assert "no such device" in said
            assert "Traceback" not in said
        found = await _doctor(shop)
        assert (found["level"], found["remedy"]) == ("problem", "plug the modem in, or correct [channels.modem] device")
        plug.put()
        while (await _row(shop))["state"] != "ready":
            await asyncio.sleep(0.05)
        assert (await _doctor(shop))["level"] == "ok"


async def test_a_modem_that_needs_the_owner(tmp_path: Path) -> None:
    what, remedy = "SIM wants its PIN", "MODEM_PIN"
    async with _shop(tmp_path, "needs_person", sim=Sim(pin="1111")) as (shop, _, _plug):
        row = await _row(shop)
        assert row["state"] == "open"
        assert row["reason"].startswith(f"{what}: ")
        code, info = await _tether(shop, "modem", "info")
        assert code == 1
        assert f"needs you: {what}" in info
        assert remedy in info
        found = await _doctor(shop)
        assert (found["level"], found["summary"]) == ("problem", what)
        assert remedy in found["remedy"]
        code, said = await _tether(shop, "modem", "ussd", "*100#")
        assert (code, said) == (1, f"tether: No answer to *100#: {what}.\n")
