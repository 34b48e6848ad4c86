"""What other systems call our orders: a payment provider's intent, a till's own id, by source."""

from outbox.batch import Batch
from outbox.queries import Queries
from outbox.store import Store
from outbox.writer import Operation

_SQL = Queries("aliases.sql")


class Remember(Operation[None]):
    __slots__ = ("_id", "_ref", "_source")

    def __init__(self, source: str, id: str, ref: str) -> None:
        self._source = source
        self._id = id
        self._ref = ref

    def apply(self, batch: Batch) -> None:
        batch.db.execute(_SQL["set"], {"source": self._source, "id": self._id, "ref": self._ref, "at": batch.now})
        batch.touched += 1


class Aliases:
    """`box.aliases`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, source: str, id: str) -> str | None:
        """The ref of the order that a source knows by that id; None: it never said."""
        found: str | None = await self._store.value(_SQL["get"], source=source, id=id)
        return found

    async def set(self, source: str, id: str, ref: str) -> None:
        """From now on that id is this order's."""
        await self._store.write(Remember(source, id, ref))
