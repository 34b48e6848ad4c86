"""Watches the database's files from beside the service: replaced ones, and a log that was deleted, are noticed within seconds.

What was acknowledged must be on the disk, under its name. So from that moment on nothing more is taken or sent; what only the open files
still have is saved; the team is told; and after a minute the service ends, and is started anew on the files that are there. A write that
failed is tried again here, so that a service that nobody writes to learns that writing works again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from outbox import Outbox
from outbox.clock import Clock
from outbox.errors import OutboxError, StorageLost

log = structlog.get_logger(__name__)

EVERY_S = 5.0
LINGER_S = 60.0
"""How long the service says what happened before it ends."""
SAVE_S = 120.0
NOTE = "vigil"


class Vigil:
    """`run` looks until `stop`. When the files are gone it saves, tells and waits, and then calls `end`."""

    def __init__(
        self,
        box: Outbox,
        clock: Clock,
        tell: Callable[[str], Awaitable[None]],
        end: Callable[[StorageLost], None],
    ) -> None:
        self._box = box
        self._clock = clock
        self._tell = tell
        self._end = end

    async def run(self, stop: asyncio.Event) -> None:
        while not await self._clock.wait(stop, EVERY_S):
            if lost := self._box.health.look():
                await self._give_up(lost, stop)
                return
            if self._box.health.failing is not None:
                await self._try_writing()

    async def _give_up(self, lost: StorageLost, stop: asyncio.Event) -> None:
        log.error("the database was taken away; no more events are taken", why=str(lost))
        saved = await self._save(lost)
        words = f"{lost}. {saved}. No orders are taken until the service has started anew, which it does in a minute"
        leave(self._box.path, f"{lost}. {saved}")
        await self._tell(words)
        await self._clock.wait(stop, LINGER_S)
        self._end(lost)

    async def _save(self, lost: StorageLost) -> str:
        stamp = f"{datetime.fromtimestamp(self._clock.now() / 1000, UTC):%Y%m%dT%H%M%SZ}"
        real = self._box.path.resolve()
        aside = real.with_name(f"{real.name}.before-replaced-{stamp}")
        try:
            async with asyncio.timeout(SAVE_S):
                copy = await self._box.rescue(aside)
        except (OutboxError, OSError, TimeoutError) as error:
            log.error("what only the open files had could not be saved", error=str(error))
            return f"What only the open files had could not be saved ({str(error) or 'it took too long'})"
        return "All that was in it is in the database" if copy is None else f"What it held is saved as {copy.name}"

    async def _try_writing(self) -> None:
        try:
            await self._box.notes.set(NOTE, str(self._clock.now()))
        except OutboxError as error:
            log.debug("writing still fails", error=str(error))


def mark_of(database: Path) -> Path:
    return database.with_name(database.name + ".lost")


def leave(database: Path, words: str) -> None:
    """For the next start, which puts it on record and tells it again."""
    try:
        mark_of(database).write_text(words, encoding="utf-8")
    except OSError as error:
        log.error("the note for the next start could not be written", error=str(error))


def pick_up(database: Path) -> str:
    """What the last run left to be told; "": nothing."""
    mark = mark_of(database)
    try:
        words = mark.read_text(encoding="utf-8", errors="replace")[:1000]
    except FileNotFoundError:
        return ""
    except OSError as error:
        words = f"the database was taken away while the service worked; what was said of it can't be read ({error.strerror})"
    try:
        mark.unlink()
    except OSError as error:
        log.error("the note of the last run could not be removed", error=str(error))
    return words
