"""Personal data goes when it is due; the record of what was done stays, and its chain still holds."""

import msgspec

from outbox.audit_base import TakeOut
from outbox.batch import Batch
from outbox.forget import Removed
from outbox.queries import Queries
from outbox.store import Store
from outbox.writer import Operation

_SQL = Queries("retention.sql")

AUDIT_SLICE = 500
SLICE = 100
"""Orders removed in one transaction: what an event that comes meanwhile may have to wait for."""

EARLY_RECEIPTS_KEPT_MS = 86_400_000
FARTHEST_MS = 3 * 365 * 86_400_000
"""A promise for later than so long after what is due to go is a mistake, and no reason to keep personal data."""


class PruneSlice(Operation["tuple[Removed, int | None]"]):
    """Of the next orders (after an event number) whose newest event is older than `before`, remove those with nothing open that are not promised
    for later, and of which nobody wrote since."""

    __slots__ = ("_after", "_before", "_limit")

    alone = True

    def __init__(self, before: int, after: int, limit: int) -> None:
        self._before = before
        self._after = after
        self._limit = limit

    def apply(self, batch: Batch) -> tuple[Removed, int | None]:
        values = {
            "before": self._before,
            "after": self._after,
            "limit": self._limit,
            "farthest": self._before + FARTHEST_MS,
        }
        found = batch.db.execute(_SQL["next_orders"], values).fetchall()
        if not found:
            return Removed(), None
        doomed = {"orders": msgspec.json.encode([row[1] for row in found if not row[2]]).decode()}
        count = {name: batch.db.execute(_SQL[f"prune_{name}"], doomed).rowcount for name in _PRUNED}
        removed = Removed(**count)
        if removed != Removed():
            batch.record("retention.pruned", {name: n for name, n in count.items() if n})
        return removed, found[-1][0]


_PRUNED = ("attempts", "messages", "events", "replies", "orders")
"""In the order in which they go: children first."""


class PruneRest(Operation[Removed]):
    """What belongs to no order: replies of strangers, receipts of unknown attempts, plain addresses in the consent ledger."""

    __slots__ = ("_before",)

    alone = True

    def __init__(self, before: int) -> None:
        self._before = before

    def apply(self, batch: Batch) -> Removed:
        values = {"before": self._before, "early": batch.now - EARLY_RECEIPTS_KEPT_MS}
        replies = batch.db.execute(_SQL["prune_stray_replies"], values).rowcount
        optouts = batch.db.execute(_SQL["blank_old_consent"], values).rowcount
        for name in ("prune_early_receipts", "prune_quarantine", "prune_aliases", "prune_told"):
            batch.db.execute(_SQL[name], values)
        return Removed(replies=replies, optouts=optouts)


class Retention:
    """`box.retention`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def prune(self, *, before: int, slice: int = SLICE) -> Removed:
        """Remove orders with nothing open that changed last, were promised for, and were written about, before that moment (ms), with all that
        belongs to them; in small transactions between which others go on."""
        removed = await self._store.write(PruneRest(before))
        after: int | None = 0
        while after is not None:
            gone, after = await self._store.write(PruneSlice(before, after, slice))
            removed += gone
        return removed

    async def prune_audit(self, *, archived: int, before: int, slice: int = AUDIT_SLICE) -> int:
        """Take out entries of the record that headquarters has (up to `archived`) and that are older than that moment (ms), but for the
        newest of all. Up to which; 0: none went."""
        up_to = 0
        while last := await self._store.write(TakeOut(archived, before, slice)):
            up_to = last
        return up_to
