"""A start takes as long as the database is large, and systemd is asked to wait for it."""

import asyncio
import random
import socket
from pathlib import Path

import pytest
import structlog

from daemon.config import Settings
from daemon.runtime import app
from daemon.runtime.notify import Notifier
from outbox.clock import Clock
from outbox.errors import AlreadyRunning
from tests.support.fake_clock import FakeClock


async def test_a_long_repair_is_not_killed_by_the_start_s_own_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd gives a start two minutes (TimeoutStartSec), and would begin the repair anew until it gives up on the service."""
    clock, mended = FakeClock(), asyncio.Event()

    async def long(database: Path, clock: Clock) -> None:
        await mended.wait()
        raise AlreadyRunning("that is enough")

    monkeypatch.setattr(app, "make_sound", long)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    settings = Settings(file=tmp_path / "tether.toml")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        start = asyncio.ensure_future(
            app.serve(settings, lambda: settings, clock=clock, rng=random.Random(1), ready=lambda url: pytest.fail(url))
        )
        for _ in range(10):
            await clock.advance(60)
            asked = systemd.recv(256).decode()
            assert asked.startswith("EXTEND_TIMEOUT_USEC=")
            assert int(asked.partition("=")[2]) > 60_000_000
            while _waits(systemd):
                systemd.recv(256)
        mended.set()
        with pytest.raises(AlreadyRunning):
            await start
        await clock.advance(600)
        assert not _waits(systemd)


def test_a_systemd_that_can_t_be_told_ends_nothing(tmp_path: Path) -> None:
    """Where no descriptor was left for a moment, the word to systemd was what ended the service."""
    notifier = Notifier(FakeClock(), {"NOTIFY_SOCKET": str(tmp_path / "nobody listens")})
    with structlog.testing.capture_logs() as told:
        notifier.alive()
    assert [each["what"] for each in told] == ["WATCHDOG=1"]


def _waits(systemd: socket.socket) -> bool:
    try:
        return bool(systemd.recv(256, socket.MSG_PEEK))
    except BlockingIOError:
        return False
