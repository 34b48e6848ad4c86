"""What may be shown once: tokens of signatures that do not cover what they come with. Kept over a restart, until they are too old anyway."""

from outbox.batch import Batch
from outbox.queries import Queries
from outbox.store import Store
from outbox.writer import Operation

_SQL = Queries("used.sql")


class Use(Operation[None]):
    __slots__ = ("_body", "_key", "_until")

    def __init__(self, key: str, body: str, until: int) -> None:
        self._key = key
        self._body = body
        self._until = until

    def apply(self, batch: Batch) -> None:
        batch.db.execute(_SQL["drop_old"], {"now": batch.now})
        batch.db.execute(_SQL["use"], {"key": self._key, "body": self._body, "until": self._until})
        batch.touched += 1


class Used:
    """`box.used`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def body_of(self, key: str) -> str | None:
        """The digest of the body that it came with; None: it was never shown."""
        found: str | None = await self._store.value(_SQL["body_of"], key=key)
        return found

    async def use(self, key: str, body: str, *, until: int) -> None:
        """It came with that body, and means nothing with another until then (ms)."""
        await self._store.write(Use(key, body, until))
