"""The simulator driven by programs made elsewhere: that it behaves as a modem is not our word alone."""

import asyncio
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from daemon.modem.simulator import SimulatedModem, on_pty
from outbox.clock import SystemClock


async def _gammu(folder: Path, device: str, *arguments: str) -> str:
    if not shutil.which("gammu"):
        pytest.skip("gammu is not installed (apt install gammu)")
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


async def test_gammu_sends_through_it(tmp_path: Path, modem: SimulatedModem) -> None:
    text = "Your balloons are ready, {Ada}: 5€ to pay. " * 5
    async with on_pty(modem, tmp_path / "modem", SystemClock(), random.Random(5)) as plug:
        out = await _gammu(tmp_path, plug.device, "sendsms", "TEXT", "+447700900123", "-len", "400", "-text", text)
        assert modem.texts() == [("+447700900123", text)], out


async def test_gammu_reads_from_it(tmp_path: Path, modem: SimulatedModem) -> None:
    async with on_pty(modem, tmp_path / "modem", SystemClock(), random.Random(5)) as plug:
        modem.receive("On my way! 🎈", "+447700900123")
        out = await _gammu(tmp_path, plug.device, "getallsms")
        assert "On my way!" in out
