"""What is known must not be lost: it is put on the disk, however long the disk takes to have room."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from outbox.clock import Clock
from outbox.errors import StorageBusy, StorageFull

log = structlog.get_logger(__name__)

T = TypeVar("T")

STORAGE_WAIT = 1.0
"""Seconds between tries to write while the disk is full or busy."""


async def recorded(write: Callable[[], Awaitable[T]], clock: Clock) -> T:
    while True:
        try:
            return await write()
        except (StorageFull, StorageBusy) as error:
            log.error("can't write to the database, trying again", error=str(error))
            await clock.sleep(STORAGE_WAIT)
