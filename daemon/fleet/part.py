"""The fleet's part of the service: what the configuration and the secrets make of it, the link, and how the store is, as HQ is told."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
import structlog

from daemon.config import Settings
from daemon.dispatch.board import ChannelBoard
from daemon.fleet.bundles import Bundles, Trial
from daemon.fleet.commands import Commands, Findings
from daemon.fleet.feed import Costs
from daemon.fleet.gate import ConsentGate
from daemon.fleet.link import Link
from daemon.fleet.membership import keys_of, membership_of, unsealed
from daemon.fleet.wire import Health
from daemon.supervise import call_off, supervised
from daemon.wire.link import FleetStatus
from outbox import Outbox
from outbox.changes import Subscription
from outbox.clock import Clock
from outbox.errors import StorageBusy, StorageFull
from outbox.model import State

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 10.0
TOLD_AT_ONCE = frozenset({"channel", "uplink"})
"""Changes of which HQ hears at once."""


class FleetPart:
    """`run` works until `stop`; `hold` returns once messages to customers may go."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        box: Outbox,
        clock: Clock,
        rng: random.Random,
        *,
        trusted: Callable[[], bool],
        release: str,
        board: Callable[[], ChannelBoard],
        head: Callable[[], Awaitable[str]],
        put_in_force: Callable[[], Awaitable[Path | None]],
        trial: Trial,
        doctor: Callable[[], Awaitable[Findings]],
        costs: Costs,
    ) -> None:
        """`settings`: those in force, or about to be; `[fleet]` itself is read at the start only. `head`: the record's newest end, signed with
        the box's own key. `put_in_force`: have the bundle count that lies there now; `trial`: what one would put wrong; `doctor`: what the doctor finds here."""
        begun = settings()
        self._settings = settings
        self._head = head
        self._keys = keys_of(begun)
        self._box = box
        self._clock = clock
        self._trusted = trusted
        self._release = release
        self._board = board
        self._has_keys = asyncio.Event()
        self._gate = ConsentGate(clock, begun.fleet.consent_wait if self._keys else 0.0)
        self._me = membership_of(begun)
        self.bundles = Bundles(
            settings,
            box,
            clock,
            release=release,
            put_in_force=put_in_force,
            trial=trial,
            on_change=lambda: self.link.health_changed(),
        )
        self.commands = Commands(settings, box, clock, board=board, doctor=doctor, trusted=trusted)
        self.link = Link(
            self._me,
            box,
            clock,
            rng,
            gate=self._gate,
            trusted=trusted,
            observe=self._observe,
            on_bundles=self.bundles.offer if begun.fleet.bundles else None,
            on_commands=self.commands.hear,
            costs=costs,
        )

    async def hold(self) -> None:
        await self._has_keys.wait()
        await self._gate.passed()

    def line_is_up(self) -> None:
        self.link.line_is_up()

    def trouble(self) -> Mapping[str, str]:
        """What somebody must act on; that headquarters is merely away is nobody's trouble here."""
        why = self.link.trouble()
        return {"fleet": why} if why else {}

    async def status(self) -> FleetStatus:
        status = await self.link.status()
        return msgspec.structs.replace(status, bundle=self.bundles.name, bundle_problem=self.bundles.problem)

    async def run(self, stop: asyncio.Event) -> None:
        changes = self._box.changes.subscribe(kept=64)
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(self._share(), name="fleet consent"),
                group.create_task(self._watch(changes), name="fleet health"),
                group.create_task(self._lasting("fleet bundles", self.bundles.run, stop), name="fleet bundles"),
                group.create_task(self._lasting("fleet commands", self.commands.run, stop), name="fleet commands"),
            ]
            try:
                await self.link.run(stop)
            finally:
                await call_off(*beside)

    async def _share(self) -> None:
        """Under which keys consent is shared from the start; what was said before them is told as soon as the disk takes a note of it."""
        while self._keys:
            try:
                kept = {kid: sealed.decode() for kid, sealed in (await self._box.fleet.kept_keys()).items()}
                self._box.fleet.set_keys({**unsealed(self._me, kept), **self._keys})
                self._has_keys.set()
                await self._box.fleet.tell_what_was_said()
            except (StorageBusy, StorageFull) as error:
                log.warning("opt-outs from before can't be noted as to be told yet", error=str(error))
                await self._clock.sleep(AGAIN_SECONDS)
            else:
                break
        self._has_keys.set()

    async def _lasting(self, name: str, run: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
        weather = (OSError, StorageBusy, StorageFull)
        await supervised(name, lambda: run(stop), clock=self._clock, stop=stop, weather=weather)

    async def _watch(self, changes: Subscription) -> None:
        async for change in changes:
            if change.kind in TOLD_AT_ONCE:
                self.link.health_changed()

    async def _observe(self) -> Health:
        board = self._board()
        figures = await self._box.views.figures()
        rows = await board.board()
        disk = os.statvfs(self._box.path.parent)
        modem = next((row for row in rows if row.name == "modem"), None)
        return Health(
            at=self._clock.now(),
            clock_trusted=self._trusted(),
            release=self._release,
            uplink=str((await board.uplink()).state),
            epoch="",
            seq=0,
            hash="",
            channels={row.name: str(row.state) for row in rows},
            queued=figures.messages.get(State.QUEUED, 0),
            oldest_queued_at=figures.oldest_due_at,
            failed=figures.messages.get(State.FAILED, 0),
            unknown=figures.messages.get(State.UNKNOWN, 0),
            disk_free=disk.f_bavail * disk.f_frsize,
            bytes_written=_bytes_written(),
            currency=self._settings().store.currency,
            bundle=self.bundles.name,
            bundle_problem=self.bundles.problem,
            signed_head=await self._head(),
            modem="" if modem is None else str(modem.state),
        )


def _bytes_written() -> int | None:
    """What this process wrote to storage, as the kernel counts it; None where it doesn't."""
    try:
        with open("/proc/self/io", encoding="ascii") as file:  # noqa: PTH123 - a file of the kernel's
            found = dict(line.split(": ") for line in file.read().splitlines())
    except OSError:
        return None
    return int(found["write_bytes"])
