"""Planning an event again that was taken before, under the routes of today: what they would have sent, would send still, and nobody was
sent is added.

A message's id says what it is, so what exists is left alone, whatever became of it. Who else had told of it is as it was when it came. For
the rest it is planned as if it came now: news that the order has left behind is superseded at once.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from outbox.accept import Accept
from outbox.batch import Batch
from outbox.errors import NotFound
from outbox.lives import around
from outbox.model import Order, PlannedMessage, Planner, Posted
from outbox.orders import happened_at
from outbox.person_index import PersonIndex
from outbox.queries import Queries
from outbox.rows import decode_event, encode
from outbox.snapshot import Wants
from outbox.store import Store
from outbox.views import StoredEvent, stored_event
from outbox.writer import Operation

_SQL = Queries("replan.sql")
_VIEWS = Queries("views.sql")


class Replan(Operation["Sequence[PlannedMessage]"]):
    """Plan one stored event again. `dry_run`: nothing is added."""

    __slots__ = ("_accept", "_dry_run", "_index", "_plan", "_posted")

    def __init__(self, posted: Posted, plan: Planner, index: PersonIndex, *, dry_run: bool) -> None:
        self._posted = posted
        self._plan = plan
        self._index = index
        self._dry_run = dry_run
        self._accept = Accept(posted, plan, index)

    def wants(self, wants: Wants) -> None:
        self._accept.wants(wants)

    def apply(self, batch: Batch) -> Sequence[PlannedMessage]:
        event, source = self._posted.event, self._posted.source
        found = batch.events.get((event.id, source))
        known = batch.orders.get(event.order.ref)
        if found is None or known is None:
            raise NotFound(f"event {event.id!r} of {source!r} is not on record any more")
        seq, _ = found
        if seq < known.order.began:
            return ()  # its order is over, and whoever has the number now is somebody else
        planned = self._planned(batch, known.order, seq)
        ids = encode([one.id for one in planned]).decode()
        batch.ids |= dict(batch.db.execute(_SQL["known"], {"ids": ids}).fetchall())
        new = [one for one in planned if one.id not in batch.ids]
        if not self._dry_run:
            for one in new:
                self._accept.add(batch, known, seq, one)
        return new

    def _planned(self, batch: Batch, order: Order, seq: int) -> Sequence[PlannedMessage]:
        """What came since counts as newer than it; what waits for a while has waited since it came."""
        before, after = self._then(batch, order, seq)
        meant = {one.id for one in self._accept.planned(before, after).messages}
        order = msgspec.structs.replace(order, tellers=after.tellers, status_source=after.status_source)
        posted = self._posted
        happened = datetime.fromtimestamp(happened_at(posted) / 1000, UTC)
        waited = max(batch.now - posted.received_at, 0)
        as_if_now = msgspec.structs.replace(
            posted,
            event=msgspec.structs.replace(posted.event, occurred_at=happened),
            received_at=posted.received_at + waited,
        )
        plan = Accept(as_if_now, self._plan, self._index).planned(order, order)
        return [
            msgspec.structs.replace(one, due_at=one.due_at - waited) if one.relative else one
            for one in plan.messages
            if one.id in meant
        ]

    def _then(self, batch: Batch, order: Order, seq: int) -> tuple[Order | None, Order]:
        """The order before the event and after it."""
        events = batch.db.execute(_VIEWS["events_of_order"], {"ref": order.ref}).fetchall()
        found = around((event for event in events if event[0] >= order.began), seq)
        if found is None:
            raise NotFound(f"event {self._posted.event.id!r} is not among those of its order any more")
        return found


class Replay:
    """`box.replay`: stored events, and planning them again."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def since(self, moment: int, *, after: int = 0, limit: int) -> Sequence[StoredEvent]:
        """Events received at or after a moment (ms), with a number above `after`, in order."""
        rows = await self._store.rows(_SQL["since"], since=moment, after=after, limit=limit)
        return [self._store.decoded(stored_event, row) for row in rows]

    async def told(self, source: str, order_id: str) -> Sequence[StoredEvent]:
        """What a source told of one of its own orders, in order: the events whose ids begin with `ORDER_ID:`."""
        rows = await self._store.rows(_SQL["told"], source=source, begin=f"{order_id}:", end=f"{order_id};")
        return [self._store.decoded(stored_event, row) for row in rows]

    async def replan(self, event: StoredEvent, plan: Planner, *, dry_run: bool) -> Sequence[PlannedMessage]:
        """The messages that were (with `dry_run`: would be) added. Raises NotFound."""
        posted = Posted(event.source, decode_event(event.raw), event.raw, event.received_at, event.actor)
        return await self._store.write(Replan(posted, plan, self._store.index, dry_run=dry_run))
