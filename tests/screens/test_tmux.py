"""The screen in tmux, as people keep it open over ssh: keys come through a terminal that is not ours, and what stands there is what it shows."""

import asyncio
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.busy import sharing_its_processor
from tests.support.fake_clock import FakeClock
from tests.support.fake_service import FakeService
from tests.support.sample_shop import SampleShop

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")]


class Tmux:
    """A server of its own with one window of 80x24."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "tmux"

    def run(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-S", str(self._socket), "-f", "/dev/null", *words],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        return done.stdout

    def open(self, *program: str) -> int:
        """The pid of the program in the window."""
        self.run("new-session", "-d", "-x", "80", "-y", "24", "exec " + shlex.join(program))
        return int(self.run("display-message", "-p", "#{pane_pid}"))

    def type(self, text: str) -> None:
        self.run("send-keys", "-l", text)

    async def until(self, sign: str) -> None:
        """Seen before the test's own time is up, or else it is said what stood there."""
        until = asyncio.get_running_loop().time() + 40
        while sign not in (seen := self.run("capture-pane", "-p")):
            assert asyncio.get_running_loop().time() < until, f"{sign!r} did not come, but:\n{seen}"
            await asyncio.sleep(0.05)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    server = Tmux(tmp_path)
    yield server
    server.run("kill-server")


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize(
    ("typed", "at_once", "pause"),
    [("nour", 1, 0.5), ("nesrin 5012345678900", 1, 1 / 30), ("nesrin 5012345678900", 20, 0.0)],
    ids=["2 a second", "30 a second", "1,000 a second"],
)
async def test_whatever_is_typed_or_scanned_on_a_busy_machine_is_text(
    tmux: Tmux, tmp_path: Path, typed: str, at_once: int, pause: float
) -> None:
    async with FakeService.serving(SampleShop.ordinary(), FakeClock(), tmp_path / "t.sock") as service:
        pid = tmux.open(sys.executable, "-m", "tui", service.where, "--language", "en")
        await tmux.until("NOT TOLD: no phone")
        with sharing_its_processor(pid, 3):
            loop = asyncio.get_running_loop()
            began = loop.time()
            for start in range(0, len(typed), at_once):
                await asyncio.sleep(began + start * pause - loop.time())  # tmux takes its time, too
                tmux.type(typed[start : start + at_once])
            await tmux.until(typed)
            tmux.run("send-keys", "Enter")
            await tmux.until(f"Nothing here is called “{typed}”.")
        assert not service.posts, "what was typed did something"


@pytest.mark.usefixtures("processor")
async def test_a_scan_opens_its_order_on_a_busy_machine(tmux: Tmux, tmp_path: Path) -> None:
    async with FakeService.serving(SampleShop.ordinary(), FakeClock(), tmp_path / "t.sock") as service:
        pid = tmux.open(sys.executable, "-m", "tui", service.where, "--language", "en")
        await tmux.until("NOT TOLD: no phone")
        with sharing_its_processor(pid, 3):
            for end in ("\r\n", "\t", "\n"):
                tmux.type(f"]C0B-1043{end}")
                await tmux.until("CONFIRMED")
                tmux.type(f"]C0B-1036{end}")
                await tmux.until("OUT FOR DELIVERY")
        assert not service.posts
