"""The outbox as the rest of Tether sees it: one database, opened by one process."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from outbox.aliases import Aliases
from outbox.audit import Audit
from outbox.changes import Changes
from outbox.clock import Clock
from outbox.confirmation import Confirmation
from outbox.consent import Consent
from outbox.digest import Keys
from outbox.errors import StorageDamaged
from outbox.health import Health
from outbox.identity import Identities, PlainIdentities
from outbox.notes import Notes
from outbox.people import People
from outbox.receipts import Receipts
from outbox.replies import Replies
from outbox.retention import Retention
from outbox.spool import Spool
from outbox.store import Store
from outbox.tokens import Tokens
from outbox.unsubscribe import Unsubscribe
from outbox.used import Used
from outbox.views import Views

if TYPE_CHECKING:
    from outbox.carry import Carrying
    from outbox.fleet import Fleet
    from outbox.quarantine import Quarantine
    from outbox.replan import Replay

_PLAIN = PlainIdentities()


class Outbox:
    """`async with Outbox.open(path, clock=clock, rng=rng) as box`: all parts share the database, its writer and its readers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.spool = Spool(store)
        self.receipts = Receipts(store)
        self.consent = Consent(store)
        self.replies = Replies(store)
        self.audit = Audit(store)
        self.tokens = Tokens(store)
        self.confirmation = Confirmation(store)
        self.notes = Notes(store)
        self.views = Views(store, self.replies)
        self.retention = Retention(store)
        self.people = People(store, self.views, self.replies)
        self.aliases = Aliases(store)
        self.used = Used(store)
        self.unsubscribe = Unsubscribe(store)

    # What few stores use, and none all day, is loaded when it is asked for.

    @cached_property
    def promises(self) -> "Carrying":
        from outbox.carry import Carrying

        return Carrying(self._store)

    @cached_property
    def quarantine(self) -> "Quarantine":
        from outbox.quarantine import Quarantine

        return Quarantine(self._store)

    @cached_property
    def replay(self) -> "Replay":
        from outbox.replan import Replay

        return Replay(self._store)

    @cached_property
    def fleet(self) -> "Fleet":
        from outbox.fleet import Fleet

        return Fleet(self._store)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path,
        *,
        clock: Clock,
        rng: random.Random,
        keys: Keys,
        identities: Identities = _PLAIN,
        reserve: int = 64 * 2**20,
    ) -> "AsyncIterator[Outbox]":
        """Open and, where needed, bring the database up to date. `reserve`: bytes of free disk below which events are refused.

        Raises AlreadyRunning, SchemaTooNew, StorageDamaged, StorageBusy, KeyMissing, KeyChanged.
        """
        async with Store(path, clock, rng, reserve, keys, identities).open() as store:
            box = cls(store)
            await box.tokens.load()
            yield box

    @property
    def path(self) -> Path:
        return self._store.path

    @property
    def changes(self) -> Changes:
        """`subscribe()` to what each commit changed."""
        return self._store.changes

    def when_damaged(self, tell: Callable[[StorageDamaged], None]) -> None:
        """Have `tell` called (in the loop's thread) whenever reading or writing meets a damaged page or value."""
        self._store.on_damage = tell

    def trouble(self) -> str | None:
        """Why events can't be taken at the moment; None: they can, as far as is known without writing."""
        return self._store.trouble()

    def know_by(self, identities: Identities) -> None:
        """From now on people are known by these: the store's country was changed."""
        self._store.know_by(identities)

    @property
    def health(self) -> Health:
        """What is known of the database's files and of the last write."""
        return self._store.health

    async def rescue(self, copy: Path) -> Path | None:
        """After `health.look` found the files gone: save what only the open ones have, into the database or (returned) that copy."""
        return await self._store.rescue(copy)

    def when_committed(self, tell: Callable[[], None]) -> None:
        """Have `tell` called (in the loop's thread) after each commit."""
        self._store.on_commit = tell

    def stalled_for(self) -> float:
        """Seconds that the present transaction has been under way: what a watchdog looks at."""
        return self._store.stalled_for()

    def digest(self, address: str) -> str:
        """By which something is found again that concerns an address and need not name it."""
        return self._store.digester(address)

    async def newest_record(self) -> int:
        """When (ms) the newest entry of the audit was made; 0 without any: the clock was there once."""
        return await self.audit.newest_at()

    async def back_up(self, copy: Path) -> None:
        """A consistent copy of the database, made while it is in use."""
        await self._store.back_up(copy)
