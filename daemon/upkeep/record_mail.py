"""A mail a day to the owner with the record's signed head: it lies in their mailbox, where nobody who gets into the box can change it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from daemon.config import ConfigError, Settings
from daemon.keys.heads import Head
from daemon.planner.moments import instant, local
from outbox.clock import Clock
from outbox.errors import StorageBusy, StorageFull

log = structlog.get_logger(__name__)

AGAIN_AFTER = 600.0
"""Seconds until the next try, while the line or the mail provider is away."""
TRIES = 36
NOTE = "record.mailed"
IDLE = 3600.0
"""Seconds between looks at the configuration while it wants no mail: a reload may turn it on."""


class Notes(Protocol):
    """What outlives a restart."""

    async def get(self, key: str) -> str | None: ...

    async def set(self, key: str, value: str) -> None: ...


class RecordMail:
    """`mail(audience, subject, words)` brings it by the first e-mail channel that takes it; False: none did. A box that is switched off at
    that hour sends it once it is on again."""

    def __init__(
        self,
        clock: Clock,
        settings: Callable[[], Settings],
        head: Callable[[], Awaitable[Head | None]],
        mail: Callable[[str, str, str], Awaitable[bool]],
        notes: Notes,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._head = head
        self._mail = mail
        self._notes = notes

    async def run(self, stop: asyncio.Event) -> None:
        done = await self._done()
        while not await self._clock.wait(stop, self._wait()):
            due = self._newest_due()
            if due is None or due.isoformat() == done:
                continue
            for _ in range(TRIES):
                if await self.send():
                    await self._note(due.isoformat())
                    break
                if await self._clock.wait(stop, AGAIN_AFTER):
                    break
            done = due.isoformat()

    async def _done(self) -> str:
        """When the last mail was due that went; at the first start, the last one that was before there was a box. "": none is wanted."""
        due = self._newest_due()
        if due is None:
            return ""
        try:
            done = await self._notes.get(NOTE)
        except StorageBusy as error:
            log.error("when the day's record was last mailed can't be read", error=str(error))
            return due.isoformat()
        if done is None:
            await self._note(due.isoformat())
        return done or due.isoformat()

    async def _note(self, due: str) -> None:
        try:
            await self._notes.set(NOTE, due)
        except (StorageBusy, StorageFull) as error:
            log.warning("that the day's record was mailed can't be noted: it may be mailed again", error=str(error))

    async def send(self) -> bool:
        """One mail, as things are. True when it is away, and when there is nothing to say."""
        settings = self._settings()
        try:
            head = await self._head()
        except (ConfigError, OSError, StorageBusy, StorageFull) as error:
            log.error("the day's record can't be read, signed or noted; trying again", error=str(error))
            return False
        if head is None or settings.record.mail_at is None:
            return True
        at = datetime.fromtimestamp(self._clock.now() / 1000, settings.store.zone)
        words = (
            f"The record of {settings.store.name} at {at:%d %B %Y, %H:%M}: {head.seq} entries.\n\n"
            "Keep this mail. Saved as a file, `tether audit verify --head FILE` tells by the line below whether anything up to here was "
            f"changed or cut off since.\n\n{head.line}\n"
        )
        sent = await self._mail(settings.record.audience, f"{settings.store.name}: the day's record", words)
        if not sent:
            log.warning("the day's record could not be mailed; trying again")
        return sent

    def _newest_due(self) -> datetime | None:
        """When the newest mail was due; None: none is wanted."""
        settings = self._settings()
        if settings.record.mail_at is None:
            return None
        zone, now = settings.store.zone, self._clock.now()
        today = local(now, zone).date()
        moments = [instant(day, settings.record.mail_at, zone) for day in (today - timedelta(days=1), today)]
        return local(max(moment for moment in moments if moment <= now), zone)

    def _wait(self) -> float:
        due = self._newest_due()
        if due is None:
            return IDLE
        now = datetime.fromtimestamp(self._clock.now() / 1000, self._settings().store.zone)
        return min(IDLE, max(1.0, (due + timedelta(days=1) - now).total_seconds()))


def check_record(settings: Settings) -> None:
    """Raises ConfigError for a `[record]` that can't be meant."""
    record, where = settings.record, settings.file or "tether.toml"
    if record.mail_at is not None and "email" not in settings.audiences.get(record.audience, {}):
        raise ConfigError(
            f'{where}: record.mail_at: [audiences.{record.audience}] names no email; write email = "..." into it, or name another '
            "with record.audience"
        )
