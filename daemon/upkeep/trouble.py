"""Tells the team when something needs a person: once when it has lasted, and once when it is over.

What is wrong is looked at every so often and kept by a key ("channel twilio", "disk"). What was told is on record (`box.notes`), so
that a restart doesn't tell it again; `daemon.upkeep.messenger` brings it to them.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from daemon.api.schema.upkeep import Vitals
from daemon.config import ConfigError, Settings
from daemon.dispatch.board import ChannelStatus, UplinkStatus
from daemon.intake.row import SourceRow
from daemon.upkeep import recovery_note
from daemon.upkeep.backup_note import backup_trouble, key_trouble, last_backup
from daemon.upkeep.messenger import TEAM
from daemon.wire.durations import spoken
from daemon.wire.event_types import nearly_event_type
from outbox import Outbox
from outbox.clock import Clock
from outbox.errors import StorageBusy, StorageFull

log = structlog.get_logger(__name__)

EVERY = 30.0
NOTE = "trouble."
UNROUTED_FOR = 86_400.0
"""Seconds for which a type that no route names needs a person after the last of it came: a slip is not for good."""
OF_THIS_RUN = ("type ", "clock of ", "texts to ")
"""How the keys begin of what is known of since the start only: whether it is over that the last run told of, nobody knows."""
SOURCE_BEHIND = 600.0
FORGOTTEN_AFTER_MS = 3_600_000
"""For so long a line that was set by hand is no news to who set it."""
BY_A_PERSON = "paused by "
"""How the reason of a pause begins that somebody made on purpose: no news to them."""


class Board(Protocol):
    """The channels and the line, as people see them."""

    async def board(self) -> Sequence[ChannelStatus]: ...
    async def uplink(self) -> UplinkStatus: ...


class TroubleWatch:
    """`run` looks until `stop`; `standing` is what is wrong at the moment, told or not (for the heartbeat)."""

    def __init__(
        self,
        box: Outbox,
        clock: Clock,
        settings: Callable[[], Settings],
        board: Callable[[], Board],
        tell: Callable[[str], Awaitable[bool]],
        clock_trouble: Callable[[], str],
        hook_trouble: Callable[[], str],
        sources: Callable[[], Sequence[SourceRow]],
        texts: Callable[[], Mapping[str, str]],
        fleet: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._fleet = fleet
        self._box = box
        self._clock = clock
        self._settings = settings
        self._board = board
        self._tell = tell
        self._clock_trouble = clock_trouble
        self._hook_trouble = hook_trouble
        self._sources = sources
        self._texts = texts
        self.news: list[str] = []
        """What happened once and is told once: it is not over by itself."""
        self._since: dict[str, float] = {}
        self._calm: dict[str, float] = {}
        """Since when what was told of, or is new, has been over (monotonic)."""
        self._told: dict[str, str] = {}
        self._is_recalled = False
        self.standing: Mapping[str, str] = {}

    async def run(self, stop: asyncio.Event) -> None:
        while not await self._clock.wait(stop, EVERY):
            try:
                await self.look()
            except (StorageBusy, StorageFull, OSError) as error:
                log.error("what is wrong can't be looked up, trying again", error=str(error))

    async def _recall(self) -> None:
        """What the last run told."""
        for key, words in (await self._box.notes.all(NOTE)).items():
            what = key.removeprefix(NOTE)
            if words and not what.startswith(OF_THIS_RUN):
                self._told[what] = words
        self._is_recalled = True

    async def look(self) -> None:
        """Look once, and tell what is due."""
        if not self._is_recalled:
            await self._recall()
        now, patience = self._clock.monotonic(), self._settings().trouble.after
        wrong = await self.wrong_now()
        for key in wrong.keys() - self._since.keys():
            log.warning("something needs a person", what=key, why=wrong[key])
        self._since = {key: self._since.get(key, now) for key in wrong}
        self._calm = {key: self._calm.get(key, now) for key in self._told.keys() - wrong.keys()}
        self.standing = wrong
        for key, words in wrong.items():
            if key not in self._told and now - self._since[key] >= patience and await self._tell(words):
                await self._record(key, words)
        for key, since in self._calm.items():
            if now - since >= patience and await self._tell(f"over: {self._told[key]}"):
                await self._record(key, "")
        for words in list(self.news):
            if await self._tell(words):
                self.news.remove(words)

    async def tell_now(self, words: str) -> None:
        """What can't wait, nor be put on record."""
        self.standing = {**self.standing, "database": words}
        await self._tell(words)

    async def _record(self, key: str, words: str) -> None:
        try:
            await self._box.notes.set(NOTE + key, words)
            await self._box.audit.append("trouble.told" if words else "trouble.over", detail={"what": key})
        except (StorageBusy, StorageFull) as error:
            log.warning("what was told could not be put on record", what=key, error=str(error))
        if words:
            self._told[key] = words
        else:
            del self._told[key]

    # ------------------------------------------------------------ what is wrong

    async def wrong_now(self) -> Mapping[str, str]:
        """By what it is ("disk", "channel twilio"), what is wrong at this moment, told or not."""
        wrong = {
            f"channel {row.name}": f"{row.title} is {row.state}: {row.reason or row.last_trouble}"
            for row in await self._board().board()
            if row.state != "ready" and not row.reason.startswith(BY_A_PERSON)
        }
        line = await self._board().uplink()
        if line.forced_at is not None and self._clock.now() - line.forced_at >= FORGOTTEN_AFTER_MS:
            wrong["uplink"] = (
                f"the line counts as {line.state} because it was set by hand over an hour ago, whatever it is: "
                "`tether uplink auto` lets evidence decide again"
            )
        if (restored := await self._box.confirmation.awaited()) is not None:
            wrong["restore"] = (
                f"{restored.words}: texts to customers wait until somebody has looked and said so "
                "(sudo tether restore --confirm)"
            )
        return {**wrong, **self._texts(), **self._fleet(), **dict(self._of_the_sources()), **self._of_the_machine()}

    def _of_the_sources(self) -> Iterator[tuple[str, str]]:
        """One that can't be asked at all, one that has not been read for a while (the line may be down for a moment), and one of which a person
        should know something though it is read."""
        for row in self._sources():
            if row.state == "misconfigured":
                yield f"source {row.name}", f"{row.name} is not read: {' and '.join(row.missing)} missing in .env"
            elif row.state == "failing" and (row.behind or 0.0) > max(SOURCE_BEHIND, 3 * (row.poll or 0.0)):
                behind = spoken(row.behind or 0.0)
                yield f"source {row.name}", f"{row.name} has not been read for {behind}: {row.problem}"
            elif row.state == "ready" and row.problem:
                yield f"record of {row.name}", f"{row.name}: {row.problem}"

    def _of_the_machine(self) -> Mapping[str, str]:
        settings, wrong = self._settings(), {}
        if (unwritten := self._box.health.lost or self._box.health.failing) is not None:
            wrong["database"] = f"the database can't be written, so new orders are refused: {unwritten}"
        if _room(settings.database) < settings.data.reserve:
            wrong["disk"] = "the disk is full: new orders are refused until there is room. What waits is still sent"
        if trouble := self._clock_trouble():
            wrong["clock"] = trouble
        if trouble := self._hook_trouble():
            wrong["hook"] = trouble
        for source, ahead in self._clocks_ahead().items():
            wrong[f"clock of {source}"] = (
                f"{source}'s clock is {spoken(ahead / 1000)} ahead: set it right. What it tells counts as having happened just now"
            )
        for event_type, count in self._box.spool.unrouted.items():
            if (near := nearly_event_type(event_type)) and self._came_lately(event_type):
                wrong[f"type {event_type}"] = (
                    f"{count} came as {event_type!r}, which no route names: nobody heard. Did the till mean {near!r}?"
                )
        if trouble := backup_trouble(settings, self._clock.now()):
            wrong["backup"] = trouble
        if settings.backup.to and last_backup(settings) is not None and (why := key_trouble(settings)):
            wrong["backup key"] = f"{why} (sudo tether key words)"
        return wrong

    def _came_lately(self, event_type: str) -> bool:
        return self._clock.monotonic() - self._box.spool.unrouted_at[event_type] < UNROUTED_FOR

    def _clocks_ahead(self) -> Mapping[str, int]:
        """While our own clock is wrong, nobody else's is known to be."""
        return {} if self._clock_trouble() else self._box.spool.source_clocks.ahead()

    async def vitals(self) -> Vitals:
        """How the box is, looked up now."""
        settings = self._settings()
        last = last_backup(settings)
        note = recovery_note.unseen(settings.database)
        known = {} if note is None else {"database": f"{note.words}. `tether status --seen` once you know"}
        return Vitals(
            trouble={**known, **await self.wrong_now()},
            disk_free=_room(settings.database),
            disk_reserve=settings.data.reserve,
            clock_right=not self._clock_trouble(),
            clocks_ahead=self._clocks_ahead(),
            unrouted=dict(self._box.spool.unrouted),
            backup_at=None if last is None else last.succeeded_at,
        )


def _room(database: Path) -> int:
    disk = os.statvfs(database.resolve().parent)
    return disk.f_bavail * disk.f_frsize


def check_trouble(settings: Settings) -> None:
    """Raises ConfigError for a `[trouble]` that can't be meant."""
    trouble = settings.trouble
    where = settings.file or "tether.toml"
    for name in trouble.via:
        if name not in settings.channels:
            raise ConfigError(
                f"{where}: trouble.via: {name!r} is not enabled; there are {', '.join(settings.channels) or 'none'}"
            )
    if trouble.audience != TEAM and trouble.audience not in settings.audiences:
        raise ConfigError(f"{where}: trouble.audience: there is no [audiences.{trouble.audience}]")
