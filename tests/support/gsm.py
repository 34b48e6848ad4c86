"""A modem on the bench: the simulator on a real port, the driver or the channel at it, and time that passes when nothing happens."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from daemon.modem.driver import Config, Driver
from daemon.modem.errors import NotCommitted
from daemon.modem.multipart import Incoming
from daemon.modem.pdu import StatusReport, submits
from daemon.modem.sending import Transmission
from daemon.modem.simulator import Plug, Sim, SimulatedModem, on_pty, on_tcp
from daemon.modem.status import Stage
from tests.support.fake_clock import FakeClock

_IDLE = 0.004


class PassingClock(FakeClock):
    """Moves on to the next sleeper whenever the program has had nothing to do for some real milliseconds."""

    async def pass_by(self) -> None:
        while True:
            await asyncio.sleep(_IDLE)
            while self._sleepers and self._sleepers[0][2].done():
                self._sleepers.pop(0) if len(self._sleepers) == 1 else self._drop_first()
            if self._sleepers:
                await self.advance(max(self._sleepers[0][0] - self.monotonic(), 0.0))

    def _drop_first(self) -> None:
        import heapq

        heapq.heappop(self._sleepers)

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

    async def set(self, key: str, value: str | None) -> None:
        self.writes += 1
        if value is None:
            self.kept.pop(key, None)
        else:
            self.kept[key] = value


@dataclass
class Ear:
    """Takes what comes in; `refuses` makes the disk unwilling."""

    messages: list[Incoming] = field(default_factory=list)
    reports: list[StatusReport] = field(default_factory=list)
    refuses: bool = False

    async def message(self, message: Incoming) -> None:
        if self.refuses:
            raise NotCommitted("the disk is full")
        self.messages.append(message)

    async def report(self, report: StatusReport) -> None:
        if self.refuses:
            raise NotCommitted("the disk is full")
        self.reports.append(report)


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
        return await self.driver.send(submits(to, text, reference=7), timeout=900.0)


@asynccontextmanager
async def plugged(
    kind: str, modem: SimulatedModem, clock: PassingClock, rng: random.Random, folder: Path
) -> AsyncIterator[Plug]:
    """The simulator on a "pty" or on "tcp"."""
    async with on_pty(modem, folder / "modem", clock, rng) if kind == "pty" else on_tcp(modem, clock, rng) as plug:
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
