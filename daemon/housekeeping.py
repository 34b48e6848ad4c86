"""The daily round: personal data that is past its time goes (DESIGN rule 11), in slices, so that nobody waits for it."""

import asyncio
from collections.abc import Callable

import structlog

from daemon.config import Settings
from outbox import Outbox
from outbox.clock import Clock

log = structlog.get_logger(__name__)

FIRST_AFTER = 300.0
EVERY = 24 * 3600.0


class Housekeeping:
    """Runs the round once a day, and only by a clock that can be believed: a wrong one would throw away what is new."""

    def __init__(
        self, box: Outbox, settings: Callable[[], Settings], clock: Clock, trusted: Callable[[], bool]
    ) -> None:
        self._box = box
        self._settings = settings
        self._clock = clock
        self._trusted = trusted

    async def run(self, stop: asyncio.Event) -> None:
        wait = FIRST_AFTER
        while not await self._clock.wait(stop, wait):
            if self._trusted():
                await self.round()
            wait = EVERY

    async def round(self) -> int:
        """Remove what is older than `[data] retention`; returns how many orders went."""
        before = self._clock.now() - round(self._settings().data.retention * 1000)
        removed = await self._box.retention.prune(before=before)
        if removed.orders:
            log.info("orders past their time were removed", orders=removed.orders)
        return removed.orders
