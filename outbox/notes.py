"""Small durable facts by key: paused channels, a forced uplink, how far a poller has read."""

from outbox.batch import Batch
from outbox.queries import Queries
from outbox.store import Store
from outbox.writer import Operation

_SQL = Queries("notes.sql")

_LONGEST_MS = 16
"""Digits that a moment (ms) has not; a note that a failing card has spoilt may have thousands."""


class Keep(Operation[None]):
    __slots__ = ("_key", "_value")

    def __init__(self, key: str, value: str) -> None:
        self._key = key
        self._value = value

    def apply(self, batch: Batch) -> None:
        batch.db.execute(_SQL["set"], {"key": self._key, "value": self._value})
        batch.touched += 1


class Notes:
    """`box.notes`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, key: str) -> str | None:
        found: str | None = await self._store.value(_SQL["get"], key=key)
        return found

    async def moment(self, key: str) -> int | None:
        """A moment (ms) that was noted; None: none was, or a failing card has left something else of it."""
        found = await self.get(key) or ""
        return int(found) if found.isdecimal() and len(found) < _LONGEST_MS else None

    async def set(self, key: str, value: str) -> None:
        await self._store.write(Keep(key, value))

    async def all(self, prefix: str = "") -> dict[str, str]:
        """The notes whose keys begin with that."""
        return dict(await self._store.rows(_SQL["all"], prefix=prefix))
