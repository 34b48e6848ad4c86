"""The daily round: personal data that is past its time goes, in slices, so that nobody waits for it."""

import asyncio
from collections.abc import Callable

import structlog

from daemon.config import ConfigError, Settings
from daemon.upkeep.copies import remove_overdue
from daemon.upkeep.errors import BackupError
from outbox import Outbox
from outbox.clock import Clock
from outbox.errors import StorageBusy, StorageFull

log = structlog.get_logger(__name__)

FIRST_AFTER = 300.0
"""Seconds until the first round, and until the clock is looked at again that could not be believed."""
EVERY = 24 * 3600.0


class Housekeeping:
    """Runs the round once a day, and only by a clock that can be believed: a wrong one would throw away what is new."""

    def __init__(
        self,
        box: Outbox,
        settings: Callable[[], Settings],
        clock: Clock,
        trusted: Callable[[], bool],
        archived: Callable[[], int] = lambda: 0,
    ) -> None:
        """`archived`: up to which entry headquarters has the record, as it said itself lately; 0 without one."""
        self._archived = archived
        self._box = box
        self._settings = settings
        self._clock = clock
        self._trusted = trusted

    async def run(self, stop: asyncio.Event) -> None:
        wait = FIRST_AFTER
        while not await self._clock.wait(stop, wait):
            if not self._trusted():
                wait = FIRST_AFTER
                continue
            wait = EVERY
            try:
                await self.round()
            except (StorageBusy, StorageFull) as error:
                log.warning("the daily round was broken off; the next one goes on from there", error=str(error))

    async def round(self) -> int:
        """Remove what is older than `[data] retention`; returns how many orders went."""
        before = self._clock.now() - round(self._settings().data.retention * 1000)
        removed = await self._box.retention.prune(before=before)
        if removed.orders:
            log.info("orders past their time were removed", orders=removed.orders)
        await self._record()
        await self._copies()
        return removed.orders

    async def _record(self) -> None:
        """Old entries of the record that headquarters has, where the owner wants them to go here."""
        kept = self._settings().data.audit_retention
        if kept is None or not (archived := self._archived()):
            return
        up_to = await self._box.retention.prune_audit(archived=archived, before=self._clock.now() - round(kept * 1000))
        if up_to:
            log.info("entries of the record that headquarters has were taken out", up_to=up_to)

    async def _copies(self) -> None:
        """Copies from before somebody was forgotten go when they are due; who was forgotten need not be known when none is left."""
        settings, now = self._settings(), self._clock.now()
        forgettings = [one.at for one in await self._box.people.forgettings()]
        try:
            left = await remove_overdue(settings, self._clock, forgettings)
        except (BackupError, ConfigError, OSError) as error:
            log.error("a copy of the database that is due can't be removed", error=str(error))
            return
        if not left.unseen:
            oldest = min((copy.made_at for copy in left.copies), default=now)
            await self._box.people.drop_forgettings(before=min(oldest, now - round(settings.data.copies * 1000)))
