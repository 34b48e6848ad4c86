"""Personal data goes when it is due; the record of what was done stays, and its chain still holds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import TypeAlias

import msgspec

from outbox import order_people
from outbox.audit_base import TakeOut
from outbox.batch import Batch
from outbox.forget import Removed
from outbox.identity import Known
from outbox.model import Customer
from outbox.person_index import PersonIndex
from outbox.queries import Queries
from outbox.rows import decode_addresses, decode_event, decode_order
from outbox.store import Store
from outbox.writer import BringLogIn, Operation

_SQL = Queries("retention.sql")

AUDIT_SLICE = 500
SLICE = 100
"""Orders removed in one transaction: what an event that comes meanwhile may have to wait for."""

EARLY_RECEIPTS_KEPT_MS = 86_400_000
FARTHEST_MS = 3 * 365 * 86_400_000
"""A promise for later than so long after what is due to go is a mistake, and no reason to keep personal data."""

_Told: TypeAlias = tuple[int, int, bytes]
"""An event: its number, when it was received (ms), and what it says."""


class PruneSlice(Operation["tuple[Removed, int | None, set[int]]"]):
    """Of the next orders (after an event number) whose newest event is older than `before`, remove those with nothing open that are not promised
    for later, and of which nobody wrote since. How much went, how far it came (None: to the end), and which orders it met whose number others
    had then."""

    __slots__ = ("_after", "_before", "_limit")

    alone = True

    def __init__(self, before: int, after: int, limit: int) -> None:
        self._before = before
        self._after = after
        self._limit = limit

    def apply(self, batch: Batch) -> tuple[Removed, int | None, set[int]]:
        values = {
            "before": self._before,
            "after": self._after,
            "limit": self._limit,
            "farthest": self._before + FARTHEST_MS,
        }
        found = batch.db.execute(_SQL["next_orders"], values).fetchall()
        if not found:
            return Removed(), None, set()
        doomed = [order for _, order, was_anothers, stays in found if not was_anothers and not stays]
        removed = _prune(batch, doomed, {"first": _NONE_STAYS, "until": _NONE_STAYS}, _PRUNED)
        return removed, found[-1][0], {order for _, order, was_anothers, _ in found if was_anothers}


class PruneFormer(Operation[Removed]):
    """Of an order whose number others had before, remove what is of these and older than `before`: all events, with what they led to, up to the
    first one that is younger, of which something is open, or with which the order became what it is."""

    __slots__ = ("_before", "_index", "_seq")

    alone = True

    def __init__(self, seq: int, before: int, index: PersonIndex) -> None:
        self._seq = seq
        self._before = before
        self._index = index

    def apply(self, batch: Batch) -> Removed:
        about = {"order": self._seq}
        found = batch.db.execute(_SQL["order"], about).fetchone()
        if found is None:  # it went as a whole
            return Removed()
        order, first_open = decode_order(found[0]), found[1]
        events = batch.db.execute(_SQL["events_of"], about).fetchall()
        past = self._past(events, order.created_at, first_open)
        if not past:
            return Removed()
        left = events[len(past) :]
        cut = {"first": left[0][0], "until": min(past[-1][1], self._before)}
        removed = _prune(batch, [self._seq], cut, _PRUNED_OF_FORMER)
        batch.db.execute(_SQL["begin_events"], cut)
        sent_to = batch.db.execute(_SQL["addresses_of"], about).fetchall()
        named = [order.customer, *_customers(left), *(Customer(addresses=decode_addresses(to)) for (to,) in sent_to)]
        unnamed = self._digests(_customers(past)) - self._digests(named)
        order_people.lessen(batch.db, self._seq, lambda digest: digest not in unnamed, newest=batch.sequences.order)
        return removed

    def _past(self, events: Sequence[_Told], created_at: int, first_open: int | None) -> Sequence[_Told]:
        became = next((n for n, (_, received_at, _) in enumerate(events) if received_at == created_at), 0)
        younger = range(self._before, self._before + FARTHEST_MS + 1)

        def is_past(event: _Told) -> bool:
            seq, received_at, _ = event
            return received_at not in younger and (first_open is None or seq < first_open)

        return list(takewhile(is_past, events[:became]))

    def _digests(self, customers: Iterable[Customer]) -> set[str]:
        known: Known = frozenset().union(*map(self._index.of_customer, customers))
        return self._index.digests_known(known)


def _prune(batch: Batch, orders: Sequence[int], cut: Mapping[str, int], tables: Sequence[str]) -> Removed:
    values = {**cut, "orders": msgspec.json.encode(orders).decode()}
    count = {name: batch.db.execute(_SQL[f"prune_{name}"], values).rowcount for name in tables}
    if any(count.values()):
        batch.record("retention.pruned", {name: n for name, n in count.items() if n})
    return Removed(**count)


def _customers(events: Iterable[_Told]) -> Iterator[Customer]:
    """Whom they name; one that is forgotten names nobody."""
    said = (decode_event(raw).customer for _, _, raw in events if raw)
    return (customer for customer in said if customer is not None)


_PRUNED_OF_FORMER = ("attempts", "messages", "events", "replies")
_PRUNED = (*_PRUNED_OF_FORMER, "orders")
"""In the order in which they go: children first."""
_NONE_STAYS = 2**63 - 1


class PruneRest(Operation[tuple[Removed, int]]):
    """What belongs to no order: replies of strangers, receipts of unknown attempts (how many), plain addresses in the consent ledger."""

    __slots__ = ("_before",)

    alone = True

    def __init__(self, before: int) -> None:
        self._before = before

    def apply(self, batch: Batch) -> tuple[Removed, int]:
        values = {"before": self._before, "early": batch.now - EARLY_RECEIPTS_KEPT_MS}
        replies = batch.db.execute(_SQL["prune_stray_replies"], values).rowcount
        optouts = batch.db.execute(_SQL["blank_old_consent"], values).rowcount
        quarantined = batch.db.execute(_SQL["prune_quarantine"], values).rowcount
        receipts = batch.db.execute(_SQL["prune_early_receipts"], values).rowcount
        for name in ("prune_aliases", "prune_told"):
            batch.db.execute(_SQL[name], values)
        return Removed(replies=replies, optouts=optouts, quarantined=quarantined), receipts


class Retention:
    """`box.retention`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def prune(self, *, before: int, slice: int = SLICE) -> Removed:
        """Remove orders with nothing open that changed last, were promised for, and were written about, before that moment (ms), with all that
        belongs to them, and what is as old of those that had the number of another before; in small transactions between which others go on.
        Then the log is emptied, in which all of it still stands."""
        removed, receipts = await self._store.write(PruneRest(before))
        after: int | None = 0
        reused: set[int] = set()
        while after is not None:
            gone, after, found = await self._store.write(PruneSlice(before, after, slice))
            removed += gone
            reused |= found
        for order in sorted(reused):
            removed += await self._store.write(PruneFormer(order, before, self._store.index))
        if removed != Removed() or receipts:
            await self._store.write(BringLogIn())
        return removed

    async def prune_audit(self, *, archived: int, before: int, slice: int = AUDIT_SLICE) -> int:
        """Take out entries of the record that headquarters has (up to `archived`) and that are older than that moment (ms), but for the
        newest of all. Up to which; 0: none went."""
        up_to = 0
        while last := await self._store.write(TakeOut(archived, before, slice)):
            up_to = last
        return up_to
