"""A disk that does not answer: a stick that dies, a share whose server is off."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
import structlog

from daemon.config import Backup, Settings
from daemon.runtime.housekeeping import Housekeeping
from daemon.upkeep import backup_store, slow_disk
from daemon.upkeep.copies import copies
from tests.support.busy import LONGEST, until
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import open_own_box


async def test_it_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole service waited for a share whose server was off, until systemd killed it, five minutes after each start."""
    clock, answered, asked = FakeClock(), threading.Event(), 0

    def hangs(path: Path) -> None:
        nonlocal asked
        asked += 1
        answered.wait(LONGEST)

    async def is_asked() -> bool:
        return asked > 0

    kept = tmp_path / "kept"
    kept.mkdir()
    settings = Settings(file=tmp_path / "tether.toml", backup=Backup(to=str(kept)))
    monkeypatch.setattr(backup_store, "bare_mount_point", hangs)
    monkeypatch.setattr(slow_disk, "LONGEST", 0.05)
    try:
        async with open_own_box(settings.folder, clock) as box:
            with structlog.testing.capture_logs() as told:
                assert await Housekeeping(box, lambda: settings, clock, lambda: True).round() == 0
            assert "has not answered yet what it was asked before" in told[-1]["error"]
            assert "has not answered yet" in (await copies(settings, clock, ())).unseen
            await until(is_asked)
            assert asked == 1, "one thread hangs, and no other"
    finally:
        answered.set()
    await answers_again(settings, clock, monkeypatch)


async def test_nor_does_its_folder_that_is_to_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link beside tether.toml leads to it: whoever looks whether it is there waits, too."""
    clock, answered, mkdir = FakeClock(), threading.Event(), Path.mkdir

    def hangs(path: Path, **how: Any) -> None:
        if path.name == "kept":
            answered.wait(30)
        mkdir(path, **how)

    settings = Settings(file=tmp_path / "tether.toml", backup=Backup(to="kept"))
    monkeypatch.setattr(Path, "mkdir", hangs)
    monkeypatch.setattr(slow_disk, "LONGEST", 0.05)
    try:
        assert "kept does not answer" in (await copies(settings, clock, ())).unseen
    finally:
        answered.set()
    await answers_again(settings, clock, monkeypatch)


async def answers_again(settings: Settings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_disk, "LONGEST", 30.0)
    async with asyncio.timeout(30):
        while (await copies(settings, clock, ())).unseen:
            await asyncio.sleep(0.01)
