"""Headquarters that is away, lies or is silent costs the store nothing; and a store that is in no fleet has nothing of it at all."""

import asyncio
import contextlib
import gc
import json
import os
import random
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog

from daemon.fleet.gate import ConsentGate
from daemon.fleet.link import Link
from daemon.fleet.membership import Membership
from daemon.fleet.nats_connection import SOCKET_SECONDS, NatsAway
from daemon.fleet.nkey import KeyPair
from daemon.fleet.wire import Health
from outbox import Outbox
from outbox.clock import Clock, SystemClock
from tests.support.busy import until
from tests.support.fake_clock import FakeClock
from tests.support.heart import Heart
from tests.support.outbox_box import accept_one, open_box, planned, send
from tests.support.ports import free_port
from tests.support.shop import ROOT


def member(tmp_path: Path, port: int) -> Membership:
    from datetime import UTC, datetime

    from daemon.hq.authority import make_authority

    ca = tmp_path / "ca.pem"
    ca.write_bytes(make_authority("x", datetime.now(UTC)).certificate)
    return Membership("soho", (f"tls://127.0.0.1:{port}",), ca, KeyPair.make("user"), "claim")


async def observe() -> Health:
    return Health(at=0, clock_trusted=True, release="0", uplink="up", epoch="", seq=0, hash="")


def make_link(membership: Membership, box: Outbox, clock: Clock, **more: Any) -> Link:
    return Link(
        membership,
        box,
        clock,
        random.Random(3),
        gate=ConsentGate(clock, 1.0),
        trusted=lambda: True,
        observe=observe,
        **more,
    )


@asynccontextmanager
async def liar(port: int, says: bytes | None) -> AsyncIterator[list[int]]:
    """Accepts, and says that, or nothing ever."""
    met: list[int] = []
    silent: list[asyncio.StreamWriter] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(1)
        if says is not None:
            writer.write(says)
            writer.close()
        else:
            silent.append(writer)
            with contextlib.suppress(OSError):
                await reader.read(-1)

    async with await asyncio.start_server(meet, "127.0.0.1", port):
        yield met
        for writer in silent:
            writer.transport.abort()
        await asyncio.sleep(0)


@asynccontextmanager
async def deaf(port: int) -> AsyncIterator[list[int]]:
    """Drops every SYN, as a firewall does: its queue is full and nobody accepts, so the kernel answers nothing."""
    with socket.socket() as listening, contextlib.ExitStack() as waiting:
        listening.bind(("127.0.0.1", port))
        listening.listen(0)
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        with pytest.raises(TimeoutError):
            socket.create_connection(("127.0.0.1", port), timeout=0.2)
        yield [1]


Away = Callable[[int], AbstractAsyncContextManager[list[int]]]
SILENT, GARBAGE, TOO_LITTLE, REFUSING = None, b"\x16\x03\x01\x02\x00garbage" * 20, b"INFO {}\r\n", b"-ERR 'no'\r\n"


@pytest.mark.parametrize(
    "away", [deaf, *(partial(liar, says=says) for says in (SILENT, GARBAGE, TOO_LITTLE, REFUSING))]
)
async def test_a_headquarters_that_lies_or_is_silent_delays_neither_a_message_nor_the_end(
    tmp_path: Path, away: Away
) -> None:
    """Somebody stands in for NATS: drops the call, takes it and is silent, or answers with what is no TLS."""
    port = free_port()
    async with open_box(tmp_path, SystemClock()) as box, away(port) as met:
        link = make_link(member(tmp_path, port), box, SystemClock())
        stop = asyncio.Event()
        running = asyncio.create_task(link.run(stop))
        while not met:
            await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for n in range(20):
            await send(box, await accept_one(box, planned(f"m{n}"), id=f"e{n}", ref=f"B-{n}"))
        assert loop.time() - began < 2 * SOCKET_SECONDS, (
            "as long as one answer is waited for, twenty times, if they waited"
        )
        assert (await link.status()).state in ("connecting", "away")
        began = loop.time()
        stop.set()
        await running
        assert loop.time() - began < SOCKET_SECONDS


async def test_a_text_waits_for_a_headquarters_that_is_away_no_longer_than_it_was_told(tmp_path: Path) -> None:
    heart = Heart(tmp_path, hold=lambda: gate.passed())
    gate = ConsentGate(heart.clock, 30.0)
    async with heart:
        await heart.tell("e1", ref="B-1")
        await heart.pass_time(29.9)
        assert heart.providers.left == []
        await heart.pass_time(0.2)
        assert heart.providers.texts() == ["order.ready"]
        gate.shut()
        await heart.tell("e2", ref="B-2")
        await heart.pass_time(29.9)
        assert len(heart.providers.left) == 1, "the line came back once more"
        await heart.pass_time(0.2)
        assert heart.providers.texts() == ["order.ready"] * 2


async def has_failed(link: Link) -> bool:
    return (await link.status()).errors > 0


async def test_while_headquarters_is_away_nothing_is_written_to_the_card(tmp_path: Path) -> None:
    port = free_port()
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        link = make_link(member(tmp_path, port), box, clock, connect=refusing)
        before = box.path.with_name("tether.db-wal").stat().st_size
        stop = asyncio.Event()
        running = asyncio.create_task(link.run(stop))
        await until(partial(has_failed, link))  # what it recalls is read by a real thread
        for _ in range(200):
            await clock.advance(30)
        assert (await link.status()).errors > 10
        assert box.path.with_name("tether.db-wal").stat().st_size == before
        stop.set()
        await running


@asynccontextmanager
async def refusing(*_: Any) -> AsyncIterator[Any]:
    raise NatsAway("nobody answers")
    yield


@asynccontextmanager
async def broken(*_: Any) -> AsyncIterator[Any]:
    raise RuntimeError("a bug of ours")
    yield


@contextmanager
def traced() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def held() -> int:
    """Bytes of what is still of use."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.parametrize("connect", [refusing, broken])
async def test_a_link_that_fails_for_an_hour_says_so_once_a_minute_and_grows_by_nothing(
    tmp_path: Path, connect: Any
) -> None:
    clock = FakeClock()
    port = free_port()
    async with open_box(tmp_path, clock) as box:
        link = make_link(member(tmp_path, port), box, clock, connect=connect)
        stop = asyncio.Event()
        with structlog.testing.capture_logs() as logs:
            running = asyncio.create_task(link.run(stop))
            await until(partial(has_failed, link))
            for _ in range(100):
                await clock.advance(6)
            with traced():
                base, lines = held(), len(logs)
                for _ in range(500):
                    await clock.advance(6)
                grown = held() - base
            stop.set()
            await running
        assert 0 < len(logs) <= 61
        assert grown < 300_000, (grown, len(logs) - lines)
        assert (await link.status()).state == "away"
        assert link.trouble() == "", "nobody at the store need mind"


PROBE = """
import asyncio, json, os, random, sys, threading
from pathlib import Path
import daemon.cli.run
from daemon.runtime.app import open_service
from daemon.config import load
from outbox.clock import SystemClock

async def main():
    settings = load(Path(sys.argv[1]))
    async with open_service(settings, clock=SystemClock(), rng=random.Random(), reread=lambda: settings) as service:
        await service.services.box.views.figures()
        print(json.dumps({"modules": sorted(sys.modules), "threads": sorted(t.name for t in threading.enumerate())}))

asyncio.run(main())
"""


def test_a_store_in_no_fleet_imports_nothing_of_it_and_has_no_thread_of_it(tmp_path: Path) -> None:
    (tmp_path / "tether.toml").write_text('[store]\nname = "Alone"\n')
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(tmp_path / "tether.toml")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    ours = [
        name
        for name in found["modules"]
        if name.split(".")[0] in ("nats", "psycopg", "psycopg_pool") or name.startswith(("daemon.fleet", "daemon.hq"))
    ]
    assert ours == []
    assert [name for name in found["threads"] if "fleet" in name or "nats" in name] == []
