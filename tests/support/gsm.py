"""A modem on the bench: the simulator on a real port, the driver or the channel at it, and time that passes when nothing happens."""

import asyncio
import heapq
import os
import random
import tty
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from daemon.modem.config import Config
from daemon.modem.dialogue import CommandRefused, Taken
from daemon.modem.driver import Driver
from daemon.modem.errors import NotCommitted, PortLost
from daemon.modem.multipart import Incoming
from daemon.modem.pdu import StatusReport, submits
from daemon.modem.port import StreamPort
from daemon.modem.sending import Transmission
from daemon.modem.simulator import Plug, Sim, SimulatedModem, on_pty, on_tcp
from daemon.modem.simulator.wire import Wire
from daemon.modem.status import Stage
from tests.support.fake_clock import FakeClock, settle

_IDLE = 0.004
_IN_FLIGHT = 2.0
"""Real seconds that octets may take through a port of this machine, which others keep busy, before they count as lost."""


class Traffic:
    """Counts the octets that were written to a port and have not come out at its other end: while there are some, nobody is
    waiting, however slow this machine is just now. What is under way when a port is lost or closed never comes out, nor does what a modem
    says on a pty that nobody has opened."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.moved = 0
        self._open: set[StreamPort] = set()

    def _count(self, octets: int) -> None:
        self.in_flight = max(self.in_flight + octets, 0)
        self.moved += 1

    def arrived(self, octets: int) -> None:
        self._count(-octets)

    def _lost(self, port: StreamPort) -> None:
        self._open.discard(port)
        self.in_flight = 0

    @contextmanager
    def watched(self, kind: str) -> Iterator[None]:
        read, write, feed, init = StreamPort.read, StreamPort.write, Wire.feed, Wire.__init__
        begin, close = StreamPort.__init__, StreamPort.close

        def counted_begin(port: StreamPort, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            begin(port, reader, writer)
            self._open.add(port)

        def counted_close(port: StreamPort) -> None:
            self._lost(port)
            close(port)

        async def counted_read(port: StreamPort) -> bytes:
            try:
                data = await read(port)
            except PortLost:
                self._lost(port)
                raise
            self.arrived(len(data))
            return data

        async def counted_write(port: StreamPort, data: bytes) -> None:
            self._count(len(data))
            await write(port, data)

        def counted_feed(wire: Wire, data: bytes) -> None:
            self.arrived(len(data))
            feed(wire, data)

        def counted_init(wire: Wire, faults: Any, clock: Any, rng: Any, out: Callable[[bytes], None], cut: Any) -> None:
            def counted_out(data: bytes) -> None:
                if self._open or kind == "tcp":
                    self._count(len(data))
                out(data)

            init(wire, faults, clock, rng, counted_out, cut)

        with (
            patch.object(StreamPort, "__init__", counted_begin),
            patch.object(StreamPort, "close", counted_close),
            patch.object(StreamPort, "read", counted_read),
            patch.object(StreamPort, "write", counted_write),
            patch.object(Wire, "feed", counted_feed),
            patch.object(Wire, "__init__", counted_init),
        ):
            yield


@contextmanager
def deaf_port(link: Path, traffic: Traffic) -> Iterator[None]:
    """A port where nobody answers: a scale, say, or one of a stick's other ports."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    link.symlink_to(os.ttyname(theirs))
    loop = asyncio.get_running_loop()
    loop.add_reader(ours, lambda: traffic.arrived(len(os.read(ours, 4096))))
    try:
        yield
    finally:
        loop.remove_reader(ours)
        os.close(ours)
        os.close(theirs)


class CountingExecutor(ThreadPoolExecutor):
    """Knows whether a thread is at work: a port is opened and closed in one."""

    def __init__(self) -> None:
        super().__init__(max_workers=2)
        self.started = 0
        self._futures: list[Future[Any]] = []

    @property
    def busy(self) -> bool:
        self._futures = [future for future in self._futures if not future.done()]
        return bool(self._futures)

    def submit(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        self.started += 1
        future = super().submit(function, *args, **named)
        self._futures.append(future)
        return future


class PassingClock(FakeClock):
    """Moves on to the next sleeper whenever the program has had nothing to do for some real milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.traffic = Traffic()
        self.threads = CountingExecutor()

    async def pass_by(self) -> None:
        while True:
            await self._idle()
            self._wake_next()

    def _wake_next(self) -> None:
        """One sleeper at a time: what it starts must be able to go through a port before the next wakes."""
        while self._sleepers:
            due, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                passed = max(due - self._monotonic, 0.0)
                self._monotonic += passed
                self._now += round(passed * 1000)
                future.set_result(None)
                return

    async def still(self) -> None:
        """Until nothing is under way: while the clock stands, nothing is any more."""
        await self._idle()

    async def _idle(self) -> None:
        """Until nothing has happened between three looks in turn, and no octet or thread is under way."""
        waited, quiet, seen = 0.0, 0, -1
        while quiet < 2 and waited < _IN_FLIGHT:
            await asyncio.sleep(_IDLE / 2)
            await settle()  # what a test has just done shows only now
            happened = self.traffic.moved + self.threads.started
            busy = self.traffic.in_flight or self.threads.busy
            waited += _IDLE / 2 if busy else 0.0
            quiet = quiet + 1 if happened == seen and not busy else 0
            seen = happened
        self.traffic.in_flight = 0

    async def until(self, holds: Callable[[], object], *, within: float = 3600.0) -> None:
        """Wait for it, at most that long on this clock."""
        end = self.monotonic() + within
        while not holds():
            if self.monotonic() > end:
                raise AssertionError(f"not within {within} s")
            await asyncio.sleep(_IDLE / 2)


class MemoryNotes:
    """Notes that a test can look at."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.writes = 0

    async def get(self, key: str) -> str | None:
        return self.kept.get(key)

    async def set(self, key: str, value: str) -> None:
        self.writes += 1
        if value:
            self.kept[key] = value
        else:
            self.kept.pop(key, None)


@dataclass
class Ear:
    """Takes what comes in; `refuses` makes the disk unwilling."""

    messages: list[Incoming] = field(default_factory=list)
    reports: list[StatusReport] = field(default_factory=list)
    answers: list[Taken | CommandRefused] = field(default_factory=list)
    refuses: bool = False

    async def message(self, message: Incoming) -> None:
        if self.refuses:
            raise NotCommitted("the disk is full")
        self.messages.append(message)

    async def report(self, report: StatusReport) -> None:
        if self.refuses:
            raise NotCommitted("the disk is full")
        self.reports.append(report)

    async def late(self, submission: Taken | CommandRefused) -> None:
        self.answers.append(submission)

    async def settled(self) -> None: ...


@dataclass
class Bench:
    clock: PassingClock
    modem: SimulatedModem
    plug: Plug
    driver: Driver
    ear: Ear
    notes: MemoryNotes

    async def ready(self) -> None:
        await self.until_stage(Stage.READY)

    async def until_stage(self, stage: Stage, *, within: float = 3600.0) -> None:
        await self.clock.until(lambda: self.driver.status.stage is stage, within=within)

    async def send(self, text: str = "Your balloons are ready", to: str = "+447700900123") -> Transmission:
        """Once no earlier text's answer is awaited."""
        await self.clock.sleep(self.driver.owed_seconds)
        return await self.driver.send(submits(to, text, reference=7), timeout=900.0)


@asynccontextmanager
async def plugged(
    kind: str, modem: SimulatedModem, clock: PassingClock, rng: random.Random, folder: Path
) -> AsyncIterator[Plug]:
    """The simulator on a "pty" or on "tcp"."""
    on = on_pty(modem, folder / "modem", clock, rng) if kind == "pty" else on_tcp(modem, clock, rng)
    asyncio.get_running_loop().set_default_executor(clock.threads)
    with clock.traffic.watched(kind):
        async with on as plug:
            yield plug


@asynccontextmanager
async def bench(
    folder: Path,
    *,
    kind: str = "tcp",
    character: str = "plain",
    sim: Sim | None = None,
    pin: str = "",
    notes: MemoryNotes | None = None,
    prepare: Callable[[SimulatedModem], None] = lambda _: None,
    balance_code: str = "",
    power_command: Sequence[str] = (),
) -> AsyncIterator[Bench]:
    """Everything running: driver, simulator, time."""
    clock, rng = PassingClock(), random.Random(11)
    modem = SimulatedModem(clock, rng, character=character, sim=sim)
    prepare(modem)
    notes, ear, stop = notes or MemoryNotes(), Ear(), asyncio.Event()
    async with plugged(kind, modem, clock, rng, folder) as plug:
        config = Config(device=plug.device, pin=pin, balance_code=balance_code, power_command=tuple(power_command))
        driver = Driver(config, ear, notes, clock)
        async with asyncio.TaskGroup() as group:
            passing = group.create_task(clock.pass_by())
            running = group.create_task(driver.run(stop))
            try:
                yield Bench(clock, modem, plug, driver, ear, notes)
            finally:
                stop.set()
                await asyncio.wait([running], timeout=10)
                running.cancel()
                passing.cancel()
