"""Whether the database can be written, known without writing: what the last commit met, and whether its files are still the ones that
were opened.
"""

import os
from pathlib import Path

from outbox.clock import Clock
from outbox.errors import OutboxError, StorageBusy, StorageDamaged, StorageFull, StorageLost
from outbox.lock import Identity, identity

STALLED_S = 10.0
"""A transaction that has been under way for so long is one that does not end."""


class Health:
    """The store's own."""

    def __init__(self, database: Path, clock: Clock) -> None:
        self._database = database
        self._log = database.resolve().with_name(database.resolve().name + "-wal")
        self._clock = clock
        self._files: tuple[Identity | None, Identity | None] = (None, None)
        self.lost: StorageLost | None = None
        """The files were taken away or exchanged: nothing may be written any more."""
        self.failing: OutboxError | None = None
        """What the last write met; None: it was done."""

    def opened(self, database: Identity | None) -> None:
        """These are the files from now on."""
        self._files = database, identity(self._log)

    def wrote(self) -> None:
        """Something was written: of an operation that changed nothing nobody knows whether it could have."""
        self.failing = None

    def failed(self, error: BaseException) -> None:
        """What an operation met. What was wrong with itself says nothing."""
        if isinstance(error, StorageBusy | StorageFull | StorageDamaged):
            self.failing = error

    def look(self) -> StorageLost | None:
        """Whether the names still lead to the files that were opened."""
        if self.lost is not None:
            return self.lost
        database, log = self._files
        name = self._database.name
        if (now := identity(self._database)) != database:
            what = "is not there any more" if now is None else "is another file now"
            self.lost = StorageLost(f"{name} {what}: it was moved or replaced while the service worked", log=False)
        elif log is not None and identity(self._log) != log:
            self.lost = StorageLost(
                f"the log {self._log.name} was deleted or replaced while the service worked", log=True
            )
        return self.lost

    def trouble(self, stalled_for: float) -> str | None:
        """Why nothing can be written at the moment; None: it can, as far as is known."""
        if self.lost is not None:
            return str(self.lost)
        if self.failing is not None:
            return str(self.failing)
        if stalled_for > STALLED_S:
            return f"the database has not answered for {stalled_for:.0f} s: look at the disk"
        if os.statvfs(self._database.parent).f_flag & os.ST_RDONLY:
            return "the disk is mounted read-only, as worn cards are: restart, and replace it"
        return None
