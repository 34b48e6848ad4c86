"""The screen as people start it: a process on a terminal."""

import asyncio
import codecs
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.busy import sharing_its_processor
from tests.support.fake_clock import FakeClock
from tests.support.fake_service import FakeService
from tests.support.sample_shop import SampleShop
from tui.run import run_tui
from tui.terminal.printing import print_out


class Terminal:
    """A pseudo terminal of 80x24, to have the screen in."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.set_blocking(self._master, False)
        self.seen = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @asynccontextmanager
    async def running(self, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """The screen in it. It is gone afterwards, whatever a test made of it."""
        process = await self._start(*arguments)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            self.vanish()

    def vanish(self) -> None:
        """As where a window is closed whose program is told of nothing."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    async def _start(self, *arguments: str) -> asyncio.subprocess.Process:
        environment = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        try:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tui",
                *arguments,
                stdin=self._slave,
                stdout=self._slave,
                stderr=self._slave,
                env=environment,
            )
        finally:
            os.close(self._slave)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    async def type(self, text: str, per_second: float) -> None:
        for number, character in enumerate(text):
            await asyncio.sleep(1 / per_second if number else 0)
            self.press(character)

    async def brings(self, keys: str, sign: str) -> None:
        """This is written once they were pressed."""
        self.seen = ""
        self.press(keys)
        await self.until(sign)

    async def until(self, sign: str) -> None:
        until = asyncio.get_running_loop().time() + 60
        while sign not in self.seen:
            try:
                data = self._decoder.decode(os.read(self._master, 65536))
            except BlockingIOError:
                assert asyncio.get_running_loop().time() < until, f"{sign!r} did not come, but:\n{self.seen[-3000:]}"
                await asyncio.sleep(0.01)
                continue
            except OSError:
                raise AssertionError(f"it ended before {sign!r} came, and wrote:\n{self.seen[-3000:]}") from None
            self.seen += re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", data)

    async def leave(self, process: asyncio.subprocess.Process) -> None:
        self.press("\x03")
        await self.until("Press ^c again to leave.")
        self.press("\x03")
        async with asyncio.timeout(20):
            assert await process.wait() == 0


async def test_it_starts_shows_the_shop_and_leaves(tmp_path: Path) -> None:
    async with FakeService.serving(SampleShop.ordinary(), FakeClock(), tmp_path / "t.sock") as service:
        terminal = Terminal()
        async with terminal.running(service.where) as process:
            await terminal.until("NOT TOLD: no phone")
            terminal.press("n")
            await terminal.until("READY")
            terminal.press("\x1b")
            terminal.press("\x03")
            await terminal.until("Press ^c again to leave.")
            terminal.press("\x03")
            async with asyncio.timeout(20):
                assert await process.wait() == 0


async def test_it_starts_while_the_service_is_away(tmp_path: Path) -> None:
    terminal = Terminal()
    async with terminal.running(
        str(tmp_path / "none.sock"), "--language", "de", "--theme", "contrast", "--read-only"
    ) as process:
        await terminal.until("DIENST WEG")
        terminal.press("\x03\x03")
        async with asyncio.timeout(20):
            assert await process.wait() == 0


async def test_it_ends_when_its_terminal_has_gone(tmp_path: Path) -> None:
    """Nothing is left of a window that was closed: a screen without one would keep the processor busy for good."""
    terminal = Terminal()
    async with terminal.running(str(tmp_path / "none.sock"), "--language", "en") as process:
        await terminal.until("SERVICE AWAY")
        terminal.vanish()
        async with asyncio.timeout(20):
            assert await process.wait() in (1, 120)  # 120 is Python's own, where it has something left to write


def test_what_can_not_be_opened_is_refused_before_anything_is_drawn() -> None:
    with pytest.raises(ValueError, match="there is no theme 'pink'; there are dark, light"):
        run_tui("/tmp/x.sock", theme="pink")
    with pytest.raises(ValueError, match="does not speak 'nl'"):
        run_tui("/tmp/x.sock", language="nl")
    with pytest.raises(ValueError, match="http://host:port"):
        run_tui("gopher://pi")


def test_without_a_terminal_it_says_so_and_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui", str(tmp_path / "none.sock")],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs a terminal" in done.stderr


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize("others", [0, 3], ids=["idle", "busy"])
async def test_what_is_typed_or_scanned_is_text_at_any_speed(others: int, tmp_path: Path) -> None:
    """A scan opens its order, and its second line end does nothing; what is typed on the board finds or says that nothing fits."""
    async with FakeService.serving(SampleShop.ordinary(), FakeClock(), tmp_path / "t.sock") as service:
        terminal = Terminal()
        async with terminal.running(service.where) as process:
            await terminal.until("NOT TOLD: no phone")
            with sharing_its_processor(process.pid, others):
                await terminal.brings("]C0B-1043\r\n", "CONFIRMED")
                await terminal.brings("\x1b", "NOT TOLD: no phone")
                for typed, per_second in (("nesrin 5012345678900", 1_000), ("nesrin 5012345678901", 30)):
                    await terminal.type(typed, per_second)
                    await terminal.until("nothing here fits")
                    await terminal.brings("\r", f"Nothing here is called “{typed}”.")
                    await terminal.brings("\x1b", "type or scan")
                await terminal.type("noor", per_second=1.4)
                await terminal.until("enter opens it")
                await terminal.brings("\r", "OUT FOR DELIVERY")
                for end in ("\r\n", "\t", "\n"):
                    await terminal.brings(f"]C0B-1043{end}", "CONFIRMED")
                    await terminal.brings(f"]C0B-1036{end}", "OUT FOR DELIVERY")
            assert not service.posts, "what was typed did something"
            await terminal.leave(process)


async def test_a_printer_gets_the_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printer = tmp_path / "lp"
    printer.write_text(f"#!/bin/sh\n/bin/cat > {tmp_path}/paper\n")
    printer.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await print_out("hello", "x.txt", tmp_path) is None
    assert (tmp_path / "paper").read_text() == "hello"
    printer.write_text("#!/bin/sh\nexit 1\n")
    assert await print_out("hello", "x.txt", tmp_path) == tmp_path / "x.txt"
