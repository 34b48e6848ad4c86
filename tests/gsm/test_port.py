"""Ports: opened, locked, lost, and found among the others."""

import asyncio
import errno
import os
import random
import termios
import tty
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from serial.tools.list_ports_linux import SysFS

from daemon.modem import probe
from daemon.modem.config import AUTO, Config
from daemon.modem.driver import Driver
from daemon.modem.errors import NoAnswer, PortLost
from daemon.modem.port import open_port
from daemon.modem.simulator import SimulatedModem, on_pty, on_tcp
from daemon.modem.status import Stage
from tests.support.gsm import Ear, MemoryNotes, PassingClock, deaf_port, plugged


@pytest.mark.parametrize(
    ("device", "why"),
    [
        ("/dev/no-such-modem", "no such device"),
        ("socket://127.0.0.1:1", "can't be opened"),
        ("socket://127.0.0.1:x", "can't be opened"),
        ("socket://[::1:4001", "can't be opened"),
    ],
)
async def test_what_can_not_be_opened_says_why(device: str, why: str) -> None:
    with pytest.raises(PortLost, match=why):
        await open_port(device, 115200)


async def test_one_that_the_unit_lets_nobody_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd's list of devices refuses with another error than a file's mode does."""

    def forbidden(*_: object) -> int:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(PortLost, match="restart tether"):
        await open_port("/dev/ttyUSB2", 115200)


async def test_what_is_no_terminal(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(PortLost):
        await open_port(str(file), 115200)


async def test_one_that_is_pulled_out_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: int) -> None:
        raise termios.error(errno.EIO, "Input/output error")

    clock, rng = PassingClock(), random.Random(1)
    async with on_pty(SimulatedModem(clock, rng), tmp_path / "modem", clock, rng) as plug:
        monkeypatch.setattr(termios, "tcflush", gone)
        with pytest.raises(PortLost, match="can't be opened"):
            await open_port(plug.device, 115200)
        monkeypatch.undo()
        with pytest.raises(PortLost, match="can't be opened"):
            await open_port(plug.device, 2**40)


async def test_a_port_is_ours_alone_and_free_again_when_closed(tmp_path: Path) -> None:
    clock, rng = PassingClock(), random.Random(1)
    async with on_pty(SimulatedModem(clock, rng), tmp_path / "modem", clock, rng) as plug:
        port = await open_port(plug.device, 115200)
        with pytest.raises(PortLost, match="another program holds it"):
            await open_port(plug.device, 115200)
        port.close()
        for _ in range(200):  # closing takes a thread
            try:
                again = await open_port(plug.device, 115200)
            except PortLost:
                await asyncio.sleep(0.01)
            else:
                again.close()
                break
        else:
            pytest.fail("it stayed locked")


async def _forever(action: Callable[[], Awaitable[object]]) -> None:
    while True:
        await action()
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("kind", ["pty", "tcp"])
async def test_pulling_it_out_ends_reading_and_writing(tmp_path: Path, kind: str) -> None:
    clock, rng = PassingClock(), random.Random(1)
    on = (
        on_pty(SimulatedModem(clock, rng), tmp_path / "m", clock, rng)
        if kind == "pty"
        else on_tcp(SimulatedModem(clock, rng), clock, rng)
    )
    async with on as plug:
        port = await open_port(plug.device, 115200)
        await port.write(b"AT\r")
        assert await port.read()
        plug.pull()
        with pytest.raises(PortLost):
            await _forever(port.read)
        with pytest.raises(PortLost):
            await _forever(lambda: port.write(b"AT\r"))
        port.close()
        port.close()


async def test_a_port_that_takes_nothing_for_a_while_holds_up_nobody(tmp_path: Path) -> None:
    """A stick that hangs takes no octets either."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    port = await open_port(os.ttyname(theirs), 115200)
    sent, heard = bytes(range(256)) * 160, bytearray()
    for start in range(0, len(sent), 16):
        await port.write(sent[start : start + 16])
    asyncio.get_running_loop().add_reader(ours, lambda: heard.extend(os.read(ours, 4096)))
    while len(heard) < len(sent):
        await asyncio.sleep(0.001)
    assert heard == sent
    asyncio.get_running_loop().remove_reader(ours)
    port.close()
    os.close(ours)
    os.close(theirs)


async def test_the_modem_is_found_among_other_ports(tmp_path: Path) -> None:
    clock, rng = PassingClock(), random.Random(1)
    modem = SimulatedModem(clock, rng)
    with deaf_port(tmp_path / "a-scale", clock.traffic):
        async with plugged("pty", modem, clock, rng, tmp_path), asyncio.TaskGroup() as group:
            passing = group.create_task(clock.pass_by())
            devices = await probe.candidates([str(tmp_path / "*")])
            assert devices == [str(tmp_path / "a-scale"), str(tmp_path / "modem")]
            assert await probe.find(devices, 115200, clock) == str(tmp_path / "modem")
            with pytest.raises(NoAnswer, match="a-scale"):
                await probe.find(devices[:1], 115200, clock)
            with pytest.raises(PortLost, match="no modem is plugged in"):
                await probe.find([], 115200, clock)
            passing.cancel()


def test_only_ports_of_makers_of_modems_are_tried_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [
        SimpleNamespace(device="/dev/ttyUSB9", vid=0x0403, location="1-1:1.0"),  # a receipt printer
        SimpleNamespace(device="/dev/ttyS0", vid=None, location=None),
        SimpleNamespace(device="/dev/ttyUSB0", vid=0x2C7C, location="1-2:1.0"),
        SimpleNamespace(device="/dev/ttyUSB1", vid=0x2C7C, location="1-2:1.1"),
        SimpleNamespace(device="/dev/ttyUSB2", vid=0x2C7C, location="1-2:1.2"),
        SimpleNamespace(device="/dev/ttyUSB5", vid=0x12D1, location="1-3:1.0"),
    ]
    monkeypatch.setattr(probe.list_ports, "comports", lambda: ports)
    assert probe._candidates(()) == ["/dev/ttyUSB2", "/dev/ttyUSB5", "/dev/ttyUSB0", "/dev/ttyUSB1"]


def test_a_port_that_goes_while_it_is_looked_at_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyserial reads the kernel's files of each port one by one, and stumbles over one that is gone."""
    monkeypatch.setattr(SysFS, "read_line", lambda *_: None)
    monkeypatch.setattr("os.path.exists", lambda _: True)
    monkeypatch.setattr("os.path.realpath", lambda path: "/sys/usb" if "subsystem" in path else path)
    monkeypatch.setattr("glob.glob", lambda pattern: ["/dev/ttyUSB0"] if "USB" in pattern else [])
    assert probe._candidates(()) == []


def test_a_device_of_two_names_is_tried_once(tmp_path: Path) -> None:
    (tmp_path / "z").touch()
    (tmp_path / "a").symlink_to(tmp_path / "z")
    assert probe._candidates([str(tmp_path / "*")])[:1] == [str(tmp_path / "a")]
    assert str(tmp_path / "z") not in probe._candidates([str(tmp_path / "*")])


async def test_auto_finds_it_and_finds_it_again_elsewhere(tmp_path: Path) -> None:
    clock, rng, stop = PassingClock(), random.Random(1), asyncio.Event()
    modem = SimulatedModem(clock, rng)
    driver = Driver(Config(device=AUTO, probe=(str(tmp_path / "*"),)), Ear(), MemoryNotes(), clock)
    with clock.traffic.watched("pty"):
        asyncio.get_running_loop().set_default_executor(clock.threads)
        async with asyncio.TaskGroup() as group:
            passing = group.create_task(clock.pass_by())
            running = group.create_task(driver.run(stop))
            await clock.until(lambda: driver.status.stage is Stage.ABSENT)
            assert "no modem is plugged in" in driver.status.trouble
            for name in ("ttyUSB2", "ttyUSB7"):
                async with on_pty(modem, tmp_path / name, clock, rng):
                    await clock.until(lambda: driver.status.stage is Stage.READY)
                    assert driver.status.device == str(tmp_path / name)
                await clock.until(lambda: driver.status.stage is Stage.ABSENT)
            stop.set()
            await running
            passing.cancel()


async def test_why_a_port_can_not_be_opened_is_told_also_where_it_is_looked_for(tmp_path: Path) -> None:
    """ModemManager holds the one that takes commands; at the stick's others nobody answers."""
    clock, rng, stop = PassingClock(), random.Random(1), asyncio.Event()
    modem = SimulatedModem(clock, rng)
    driver = Driver(Config(device=AUTO, probe=(str(tmp_path / "*"),)), Ear(), MemoryNotes(), clock)
    with deaf_port(tmp_path / "ttyUSB0", clock.traffic):
        async with plugged("pty", modem, clock, rng, tmp_path) as plug, asyncio.TaskGroup() as group:
            held = await open_port(plug.device, 115200)
            passing = group.create_task(clock.pass_by())
            running = group.create_task(driver.run(stop))
            await clock.until(lambda: driver.status.stage is Stage.ABSENT)
            assert "another program holds it" in driver.status.reason
            held.close()
            await clock.until(lambda: driver.status.stage is Stage.READY)
            stop.set()
            await running
            passing.cancel()
