"""Both ends of the wire against programs made elsewhere: the simulator driven by gammu, the driver at oFono's phonesim."""

import asyncio
import os
import random
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon.modem.config import Config
from daemon.modem.driver import Driver
from daemon.modem.pdu import submits
from daemon.modem.simulator import SimulatedModem, on_pty
from daemon.modem.status import Stage
from outbox.clock import SystemClock
from tests.support.gsm import Ear, MemoryNotes
from tests.support.ports import free_port

needs_gammu = pytest.mark.skipif(not shutil.which("gammu"), reason="gammu is not installed (apt install gammu)")


async def _gammu(folder: Path, device: str, *arguments: str) -> str:
    config = folder / "gammurc"
    config.write_text(f"[gammu]\ndevice = {device}\nconnection = at115200\n")
    process = await asyncio.create_subprocess_exec(
        "gammu",
        "-c",
        str(config),
        *arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(40):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return out.decode("utf-8", "replace")


@pytest.fixture
def modem() -> SimulatedModem:
    return SimulatedModem(SystemClock(), random.Random(5))


@needs_gammu
async def test_gammu_sends_through_it(tmp_path: Path, modem: SimulatedModem) -> None:
    text = "Your balloons are ready, {Ada}: 5€ to pay. " * 5
    async with on_pty(modem, tmp_path / "modem", SystemClock(), random.Random(5)) as plug:
        out = await _gammu(tmp_path, plug.device, "sendsms", "TEXT", "+447700900123", "-len", "400", "-text", text)
        assert modem.texts() == [("+447700900123", text)], out


@needs_gammu
async def test_gammu_reads_from_it(tmp_path: Path, modem: SimulatedModem) -> None:
    async with on_pty(modem, tmp_path / "modem", SystemClock(), random.Random(5)) as plug:
        modem.receive("On my way! 🎈", "+447700900123")
        out = await _gammu(tmp_path, plug.device, "getallsms")
        assert "On my way!" in out


@asynccontextmanager
async def _phonesim() -> AsyncIterator[str]:
    """oFono's phone simulator: a modem that we did not write. Its rules are beside the program, or in its package's place."""
    program = os.environ.get("PHONESIM") or shutil.which("ofono-phonesim") or shutil.which("phonesim")
    if not program:
        pytest.skip("oFono's phonesim is not installed (PHONESIM may name it)")
    places = (
        Path(program).parent / "default.xml",
        Path("/usr/share/phonesim/default.xml"),
        Path("/usr/local/share/phonesim/default.xml"),
    )
    rules = next((place for place in places if place.exists()), None)
    if rules is None:
        pytest.skip("phonesim's default.xml is not there")
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        program,
        "-p",
        str(port),
        str(rules),
        stderr=subprocess.DEVNULL,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    try:
        yield f"socket://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


async def test_the_driver_works_with_phonesim() -> None:
    async with _phonesim() as device:
        clock, stop = SystemClock(), asyncio.Event()
        driver = Driver(Config(device=device), Ear(), MemoryNotes(), clock)
        async with asyncio.timeout(45), asyncio.TaskGroup() as group:
            group.create_task(driver.run(stop))
            while driver.status.stage is not Stage.READY:
                await asyncio.sleep(0.1)
            transmission = await driver.send(submits("+447700900123", "Ready 🎈 {5€}", reference=7), timeout=30)
            status = driver.status
            stop.set()
        assert transmission.references == (0,)
        assert (status.identity.manufacturer, status.registration_text) == ("MeeGo", "home")
        assert status.signal_dbm is not None


def _by_gsmmodem(module: Any, device: str) -> tuple[int, str]:
    """Whether a text of theirs was delivered by its report, and what the operator says of the credit."""
    theirs = module.GsmModem(device, 115200, requestDelivery=True)
    theirs.connect(waitingForModemToStartInSeconds=2)
    try:
        sent = theirs.sendSms(
            "+447700900123", "Your balloons are ready", waitForDeliveryReport=True, deliveryTimeout=10
        )
        return sent.report.deliveryStatus, theirs.sendUssd("*100#").message
    finally:
        theirs.close()


async def test_python_gsmmodem_sends_through_it_and_hears_the_report(tmp_path: Path, modem: SimulatedModem) -> None:
    module = pytest.importorskip("gsmmodem.modem", reason="python-gsmmodem-new is not installed")
    async with on_pty(modem, tmp_path / "modem", SystemClock(), random.Random(5)) as plug:
        assert await asyncio.to_thread(_by_gsmmodem, module, plug.device) == (0, "Your credit is 10.00")
        assert modem.texts() == [("+447700900123", "Your balloons are ready")]
