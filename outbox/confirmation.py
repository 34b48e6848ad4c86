"""After a restore, and after a repair that may have lost opt-outs, staff look first: what would go to customers by text waits until they
say that all is well.

That it waits is a note of the database's own, so that it outlives restarts; what waits is held for this reason, without its order being held.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from outbox.batch import Batch
from outbox.model import State
from outbox.queries import Queries
from outbox.reasons import Reason
from outbox.rows import decode_messages
from outbox.store import Store
from outbox.writer import Operation

_SQL = Queries("confirmation.sql")

SLICE = 200
WHY = Reason("the database was restored: texts wait until staff confirm it (tether restore --confirm)", "after_restore")
WHY_REPAIRED = Reason(
    "the database was damaged, and opt-outs may be lost: texts wait until staff confirm it (tether restore --confirm)",
    "after_repair",
)


class RestoredFrom(msgspec.Struct, frozen=True):
    """Which backup took the database's place, when that was made, and when it was put there (ms). `backup` is "" where it is none, but what
    was saved of the damaged database itself."""

    backup: str
    made_at: int
    at: int

    @property
    def words(self) -> str:
        if self.backup:
            return f"the database was restored from {self.backup}"
        return "the database was damaged, and opt-outs may be lost with it"

    @property
    def why(self) -> Reason:
        """Why a text waits."""
        return WHY if self.backup else WHY_REPAIRED


SPOILT = RestoredFrom("", 0, 0)
"""As what it counts where a failing card has spoilt the note of it: texts wait all the same."""


def _read(note: str) -> RestoredFrom:
    try:
        return msgspec.json.decode(note, type=RestoredFrom)
    except msgspec.DecodeError:
        return SPOILT


def awaited_in(database: Path) -> RestoredFrom | None:
    """The same as `Confirmation.awaited` for a file that others may have open. Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True)) as db:
        found = db.execute(_SQL["awaited"]).fetchone()
    return None if found is None else _read(found[0])


class Await(Operation[None]):
    """From here on texts wait."""

    __slots__ = ("_restored",)

    alone = True

    def __init__(self, restored: RestoredFrom) -> None:
        self._restored = restored

    def apply(self, batch: Batch) -> None:
        batch.db.execute(_SQL["await"], {"value": msgspec.json.encode(self._restored).decode()})
        batch.touched += 1


class Confirm(Operation[None]):
    """Staff have looked."""

    __slots__ = ("_actor",)

    alone = True

    def __init__(self, actor: str) -> None:
        self._actor = actor

    def apply(self, batch: Batch) -> None:
        if batch.db.execute(_SQL["confirm"]).rowcount:
            batch.record("restore.confirmed", actor=self._actor)


class Free(Operation[int]):
    """Let some of what waited go on; returns how many."""

    __slots__ = ("_actor",)

    alone = True

    def __init__(self, actor: str) -> None:
        self._actor = actor

    def apply(self, batch: Batch) -> int:
        found = batch.db.execute(
            _SQL["held_for_it"], {"limit": SLICE, "restored": WHY.code, "repaired": WHY_REPAIRED.code}
        ).fetchone()[0]
        rows = batch.with_line(decode_messages(found or "[]"))
        for row in rows:
            batch.move(row, State.QUEUED, Reason("the restore was confirmed", "released"), actor=self._actor)
        return len(rows)


class Confirmation:
    """`box.confirmation`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def awaited(self) -> RestoredFrom | None:
        """What staff have not confirmed yet; None: nothing."""
        found = await self._store.value(_SQL["awaited"])
        return None if found is None else _read(found)

    async def ask(self, restored: RestoredFrom) -> None:
        """Have texts wait until it is confirmed."""
        await self._store.write(Await(restored))

    async def confirm(self, *, actor: str) -> int | None:
        """Texts go out again: how many that waited. None: nothing waited for that. That it is confirmed is on record once all of them are
        free: a power cut in between leaves it to be confirmed again. A card that lost the note of it leaves them waiting: they go on too."""
        freed = await self._free(actor)
        if await self.awaited() is None:
            return freed or None
        await self._store.write(Confirm(actor))
        return freed + await self._free(actor)

    async def _free(self, actor: str) -> int:
        freed = 0
        while some := await self._store.write(Free(actor)):
            freed += some
        return freed
