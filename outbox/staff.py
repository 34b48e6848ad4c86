"""What people do to messages: hold and release an order, retry and cancel a message. Each act is on record with its actor."""

from collections.abc import Iterable, Sequence

from outbox.batch import Batch, with_held
from outbox.errors import IllegalMove
from outbox.model import Message, State
from outbox.reasons import ON_HOLD, Reason
from outbox.rows import MessageRow
from outbox.snapshot import Wants
from outbox.writer import Operation

UNDONE = Reason("undone", "undone")
"""Why a message is cancelled whose step is taken back."""
WAITING = frozenset({State.QUEUED, State.HELD})
LEFT = frozenset({State.SENDING, State.SENT, State.DELIVERED, State.UNKNOWN})

RELEASED = Reason("released", "released")


class Hold(Operation[None]):
    """Stop (or resume) the automatic messages of an order. Those that people send go on."""

    __slots__ = ("_actor", "_held", "_reason", "_ref")

    def __init__(self, ref: str, held: bool, actor: str, reason: str) -> None:
        self._ref = ref
        self._held = held
        self._actor = actor
        self._reason = reason

    def wants(self, wants: Wants) -> None:
        wants.refs.append(self._ref)

    def apply(self, batch: Batch) -> None:
        order = batch.order(self._ref)
        if order.order.held == self._held:
            if not self._held:  # messages may be held one by one
                self._let_go(batch, batch.held_of(order.seq))
            return
        batch.change_order(order, with_held(order.order, self._held))
        kind = "order.held" if self._held else "order.released"
        batch.record(kind, {"reason": self._reason} if self._reason else None, self._ref, "", self._actor)
        batch.calls_off = batch.calls_off or self._held
        for row in batch.adopted():
            if row.order_seq == order.seq and not row.is_past:  # what is over may begin anew in this very transaction
                row.order_held = int(self._held)
        if not self._held:
            self._let_go(batch, (row for row in batch.held_of(order.seq) if not row.manual))
            return
        for row in batch.open_of(order.seq):
            if row.state is State.QUEUED and not row.manual:
                batch.move(row, State.HELD, ON_HOLD, actor=self._actor)

    def _let_go(self, batch: Batch, rows: Iterable[MessageRow]) -> None:
        for row in rows:
            batch.move(row, State.QUEUED, RELEASED, actor=self._actor)


class Retry(Operation[Message]):
    """Try a message again from its first channel, or from a named one, however late it is. What may have arrived is a possible
    duplicate."""

    __slots__ = ("_actor", "_channel", "_id")

    def __init__(self, id: str, actor: str, channel: str | None) -> None:
        self._id = id
        self._actor = actor
        self._channel = channel

    def wants(self, wants: Wants) -> None:
        wants.message_ids.append(self._id)

    def apply(self, batch: Batch) -> Message:
        row = batch.message_by_id(self._id)
        is_held = row.state is State.HELD and bool(row.order_held)
        if is_held or row.state in (State.SENT, State.SENDING, State.DELIVERED, State.SUPERSEDED):
            raise IllegalMove(f"message {row.id} is {row.state}: it can't be tried again")
        if row.state is State.UNKNOWN and batch.is_outdated(row):
            raise IllegalMove(f"message {row.id} can't be tried again: newer news of its order took its place")
        if batch.is_forgotten(row):
            raise IllegalMove(f"message {row.id} can't be tried again: its customer was forgotten")
        via_index, via = self._via_index(row)
        if batch.may_have_arrived(row):
            row.possible_duplicate = 1
        batch.calls_off = batch.calls_off or row.state is State.QUEUED
        row.via_index, row.channel, row.via, row.channel_since = via_index, via[via_index], ",".join(via), batch.now
        row.due_at, row.relative, row.pending_state = batch.now, 1, ""
        row.first_try = row.tries + 1
        batch.prolong(row)
        batch.move(
            row, State.QUEUED, Reason(f"tried again by {self._actor}", "retried", by=self._actor), actor=self._actor
        )
        return row.message()

    def _via_index(self, row: MessageRow) -> tuple[int, tuple[str, ...]]:
        via = row.channels()
        if self._channel is None:
            if not via:
                raise IllegalMove(f"message {row.id} has no channel to go by: name one")
            return (row.via_index if row.state is State.QUEUED else 0), via
        return (via.index(self._channel), via) if self._channel in via else (len(via), (*via, self._channel))


class Cancel(Operation[Message]):
    """Stop a message that has not left. One that is being sent is stopped if it comes back unsent."""

    __slots__ = ("_actor", "_id", "_reason")

    def __init__(self, id: str, actor: str, reason: str) -> None:
        self._id = id
        self._actor = actor
        self._reason = reason

    def wants(self, wants: Wants) -> None:
        wants.message_ids.append(self._id)

    def apply(self, batch: Batch) -> Message:
        row = batch.message_by_id(self._id)
        if row.state is State.SENDING:
            batch.call_off(row, State.CANCELLED)
            batch.record("message.cancelling", {"reason": self._reason}, row.order_ref, row.id, self._actor)
        elif row.state is State.SENT:
            raise IllegalMove(f"message {row.id} is sent: it can't become cancelled")
        elif row.state is not State.CANCELLED:
            batch.move(row, State.CANCELLED, self._why(), actor=self._actor)
        return row.message()

    def _why(self) -> Reason:
        return Reason(self._reason or f"cancelled by {self._actor}", "cancelled", by=self._actor, words=self._reason)


class TakeBack(Operation[int]):
    """Stop these messages, whose step is taken back: all that wait, or none where one of them has left. Says how many."""

    __slots__ = ("_actor", "_ids")

    def __init__(self, ids: Sequence[str], actor: str) -> None:
        self._ids = ids
        self._actor = actor

    def wants(self, wants: Wants) -> None:
        wants.message_ids.extend(self._ids)

    def apply(self, batch: Batch) -> int:
        rows = [batch.message_by_id(id) for id in self._ids]
        gone = next((row for row in rows if row.state in LEFT), None)
        if gone is not None:
            raise IllegalMove(f"message {gone.id} is {gone.state}: it can't be taken back")
        waiting = [row for row in rows if row.state in WAITING]
        for row in waiting:
            batch.move(row, State.CANCELLED, UNDONE, actor=self._actor)
        return len(waiting)
