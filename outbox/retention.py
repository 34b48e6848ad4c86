"""Personal data goes when it is due, or when a person asks; the record of what was done stays, and its chain still holds."""

import msgspec

from outbox.batch import Batch
from outbox.model import State
from outbox.queries import Queries
from outbox.rows import decode_messages
from outbox.store import Store
from outbox.writer import Operation

_SQL = Queries("retention.sql")

SLICE = 100
"""Orders removed in one transaction: what an event that comes meanwhile may have to wait for."""

EARLY_RECEIPTS_KEPT_MS = 86_400_000


class Removed(msgspec.Struct, frozen=True):
    """How much was (or would be) removed."""

    orders: int = 0
    events: int = 0
    messages: int = 0
    attempts: int = 0
    replies: int = 0
    optouts: int = 0
    """Opt-outs whose plain address was dropped: they still hold."""

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))


class PruneSlice(Operation["tuple[Removed, int | None]"]):
    """Of the next orders (after an event number) whose newest event is older than `before`, remove those with nothing open."""

    __slots__ = ("_after", "_before", "_limit")

    alone = True

    def __init__(self, before: int, after: int, limit: int) -> None:
        self._before = before
        self._after = after
        self._limit = limit

    def apply(self, batch: Batch) -> tuple[Removed, int | None]:
        values = {"before": self._before, "after": self._after, "limit": self._limit}
        found = batch.db.execute(_SQL["next_orders"], values).fetchall()
        if not found:
            return Removed(), None
        doomed = {"orders": msgspec.json.encode([row[1] for row in found if not row[2]]).decode()}
        count = {name: batch.db.execute(_SQL[f"prune_{name}"], doomed).rowcount for name in _PRUNED}
        count.pop("contacts")
        removed = Removed(**count)
        if removed != Removed():
            batch.record("retention.pruned", {name: n for name, n in count.items() if n})
        return removed, found[-1][0]


_PRUNED = ("attempts", "messages", "events", "contacts", "replies", "orders")
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
        for name in ("prune_early_receipts", "prune_quarantine", "prune_aliases"):
            batch.db.execute(_SQL[name], values)
        return Removed(replies=replies, optouts=optouts)


class Forget(Operation[Removed]):
    """Take a person out of all that is kept, by an address of theirs."""

    __slots__ = ("_actor", "_address", "_digest", "_dry_run")

    alone = True
    truncates_wal = True

    def __init__(self, address: str, digest: str, *, dry_run: bool, actor: str) -> None:
        self._address = address
        self._digest = digest
        self._dry_run = dry_run
        self._actor = actor

    def apply(self, batch: Batch) -> Removed:
        about: dict[str, object] = {"address": self._address, "digest": self._digest}
        orders = [seq for (seq,) in batch.db.execute(_SQL["orders_of"], about)]
        about["orders"] = msgspec.json.encode(orders).decode()
        events, messages, attempts, replies, optouts = batch.db.execute(_SQL["count_of"], about).fetchone()
        removed = Removed(len(orders), events, messages, int(attempts), replies, optouts)
        if self._dry_run:
            return removed
        open_ones = batch.db.execute(_SQL["open_of"], about).fetchone()[0]
        batch.adopt(decode_messages(open_ones or "[]"))
        for row in batch.adopted():
            if row.state is State.SENDING:
                row.verdict = "cancelled"
                batch.touch(row)
            else:
                batch.move(row, State.CANCELLED, "the person is forgotten", actor=self._actor)
        for name in _FORGOTTEN:
            batch.db.execute(_SQL[f"forget_{name}"], about)
        batch.record("person.forgotten", {"to": self._digest, "orders": len(orders)}, actor=self._actor)
        return removed


_FORGOTTEN = ("attempts", "messages", "events", "replies", "consent", "orders", "contacts", "quarantine")


class Retention:
    """`box.retention`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def prune(self, *, before: int, slice: int = SLICE) -> Removed:
        """Remove orders with nothing open that changed last before that moment (ms), with all that belongs to them; in small
        transactions between which others go on."""
        removed = await self._store.write(PruneRest(before))
        after: int | None = 0
        while after is not None:
            gone, after = await self._store.write(PruneSlice(before, after, slice))
            removed += gone
        return removed

    async def forget(self, address: str, *, actor: str, dry_run: bool = False) -> Removed:
        """Forget who has that phone number (E.164) or mail address: what is (with `dry_run`: would be) removed.

        Events keep their number and order, and what waits is cancelled. Opt-outs hold on, by their digest.
        """
        plain = address.strip().lower()
        return await self._store.write(Forget(plain, self._store.digester(plain), dry_run=dry_run, actor=actor))
