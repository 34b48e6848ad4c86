"""One transaction's worth of work. What its operations need is read in a few statements, they change plain objects, and all of it
is written in a few statements again: the cost of a statement is shared by all operations that arrived together.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from outbox.chain import START, Change, change, link
from outbox.errors import IllegalMove, NotFound
from outbox.model import MOVES, Order, State
from outbox.outcome import ReceiptState
from outbox.queries import Queries
from outbox.rows import (
    IN_LINE,
    OPEN,
    AttemptRow,
    MessageRow,
    decode_attempts,
    decode_messages,
    decode_order,
    encode,
    encode_order,
)

_SQL = Queries("batch.sql")
_INSERT_ORDER = _SQL.rows("insert_order")
_UPDATE_ORDER = _SQL.rows("update_order")
_INSERT_CONTACT = _SQL.rows("insert_contact")
_INSERT_EVENT = _SQL.rows("insert_event")
_INSERT_MESSAGE = _SQL.rows("insert_message")
_UPDATE_MESSAGE = _SQL.rows("update_message")
_SET_OPEN = _SQL.rows("set_open")
_INSERT_ATTEMPT = _SQL.rows("insert_attempt")
_UPDATE_ATTEMPT = _SQL.rows("update_attempt")
_INSERT_AUDIT = _SQL.rows("insert_audit")

_orders_of = msgspec.json.Decoder(list[tuple[str, int, int, str]]).decode


@dataclass(slots=True)
class Marks:
    """The last number given out in each table, and the end of the hash chain."""

    order: int = 0
    event: int = 0
    message: int = 0
    attempt: int = 0
    audit: int = 0
    hash: bytes = START
    epoch: str = ""

    @classmethod
    def read(cls, db: sqlite3.Connection) -> "Marks":
        order, event, message, attempt, audit, end, epoch = db.execute(_SQL["newest"]).fetchone()
        return cls(order, event, message, attempt, audit, end or START, epoch or "")


@dataclass(slots=True)
class Wants:
    """What the operations of a batch need to see."""

    events: list[tuple[str, str]] = field(default_factory=list)
    """(id, source)"""
    refs: list[str] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    message_ids: list[str] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    receipts: list[tuple[str, str]] = field(default_factory=list)
    """Of attempts that are about to be settled: (channel, provider id)"""
    provider_ids: list[tuple[str, str]] = field(default_factory=list)
    """(channel, provider id) that a receipt names"""
    references: list[tuple[str, int]] = field(default_factory=list)
    """(message id, n) that a receipt names"""


@dataclass(slots=True)
class OrderRow:
    """An order as the writer works on it."""

    seq: int
    last_event: int
    order: Order
    is_new: bool = False


class Batch:
    """The state of one transaction. Operations read and change it through these methods; `flush` writes what changed."""

    def __init__(self, db: sqlite3.Connection, marks: Marks, now: int, *, careful: bool = False) -> None:
        self.db = db
        self._careful = careful
        self.marks = replace(marks)
        self.now = now
        self.events: dict[tuple[str, str], tuple[int, bytes]] = {}
        self.orders: dict[str, OrderRow] = {}
        self.ids: dict[str, int] = {}
        self.new_events: list[tuple[Any, ...]] = []
        self.new_contacts: list[tuple[str, int]] = []
        self.stops: dict[str, list[tuple[str, bool, str]]] = defaultdict(list)
        """By digest: (medium, stopped, reason), the newest last."""
        self.early_receipts: dict[tuple[str, str], tuple[ReceiptState, int, str]] = {}
        self.used_receipts: list[tuple[str, str]] = []
        self.at_provider: dict[tuple[str, str], int] = {}
        self.by_reference: dict[tuple[str, int], int] = {}
        self.ready: dict[str, int] = {}
        """By channel, the earliest moment (ms) at which one of its messages that this batch made ready is due."""
        self.touched = 0
        """Counts changes: an operation that fails without one leaves nothing behind."""
        self._rows: dict[int, MessageRow] = {}
        self._by_order: dict[int, list[MessageRow]] = defaultdict(list)
        self._was_open: dict[int, bool] = {}
        self._attempts: dict[int, AttemptRow] = {}
        self._new_messages: list[MessageRow] = []
        self._dirty_messages: dict[int, MessageRow] = {}
        self._new_attempts: dict[int, AttemptRow] = {}
        self._dirty_attempts: dict[int, AttemptRow] = {}
        self._cut_attempts: list[int] = []
        self._dirty_orders: dict[int, OrderRow] = {}
        self._entries: list[tuple[str, str, str, str, str]] = []

    # ------------------------------------------------------------ reading

    def load(self, wants: Wants) -> None:
        """Read what is wanted, each kind in one statement."""
        if wants.events:
            for id, source, seq, raw in self._all("known_events", keys=wants.events):
                self.events[id, source] = (seq, raw)
        if wants.refs:
            self._load_orders(self._one("known_orders", refs=wants.refs))
        if wants.message_ids:
            for seq, id in self._all("messages_by_id", ids=wants.message_ids):
                self.ids[id] = seq
                wants.messages.append(seq)
        if wants.provider_ids:
            for seq, message, channel, id in self._all("attempts_at_provider", keys=wants.provider_ids):
                self.at_provider[channel, id] = seq
                self._also(wants, seq, message)
        if wants.references:
            for seq, message, id, n in self._all("attempts_by_reference", keys=wants.references):
                self.by_reference[id, n] = seq
                self._also(wants, seq, message)
        if wants.messages:
            self._load_messages(self._one("messages_with_line", messages=wants.messages))
        if wants.attempts:
            for row in decode_attempts(self._one("attempts", attempts=wants.attempts) or "[]"):
                self._attempts[row.seq] = row
        if wants.digests:
            for _, digest, medium, stopped, reason in sorted(self._all("stopped", digests=wants.digests)):
                self.stops[digest].append((medium, bool(stopped), reason))

        if wants.receipts:
            for channel, id, state, at, detail in self._all("early_receipts", keys=wants.receipts):
                self.early_receipts[channel, id] = (ReceiptState(state), at, detail)

    @staticmethod
    def _also(wants: Wants, attempt: int, message: int) -> None:
        wants.attempts.append(attempt)
        wants.messages.append(message)

    def _load_orders(self, found: str | None) -> None:
        if found is None:
            return
        for ref, seq, last_event, body in _orders_of(found):
            self.orders[ref] = OrderRow(seq, last_event, decode_order(body))
        self._load_messages(self._one("open_of_orders", orders=[row.seq for row in self.orders.values()]))

    def _load_messages(self, found: str | None) -> None:
        self.adopt(decode_messages(found or "[]"))

    def adopt(self, rows: Sequence[MessageRow]) -> None:
        """Take rows that were just read into the batch's view."""
        for row in rows:
            if row.seq not in self._rows:
                self._rows[row.seq] = row
                self._by_order[row.order_seq].append(row)
                self._was_open[row.seq] = row.state in OPEN

    def _all(self, name: str, **values: object) -> list[Any]:
        return self.db.execute(_SQL[name], _json(values)).fetchall()

    def _one(self, name: str, **values: object) -> str | None:
        found: str | None = self.db.execute(_SQL[name], _json(values)).fetchone()[0]
        return found

    def look_for_ids(self, ids: Sequence[str]) -> None:
        """See whether messages of these ids exist. That they don't is what is expected, so it is looked up only when a batch is
        done again because they did."""
        if self._careful:
            self.ids |= {id: seq for seq, id in self._all("messages_by_id", ids=ids)}

    # ------------------------------------------------------------ what operations work on

    def message(self, seq: int) -> MessageRow:
        """Raises NotFound."""
        row = self._rows.get(seq)
        if row is None:
            raise NotFound(f"there is no message number {seq}")
        return row

    def message_by_id(self, id: str) -> MessageRow:
        """Raises NotFound."""
        if id not in self.ids:
            raise NotFound(f"there is no message {id!r}")
        return self.message(self.ids[id])

    def attempt(self, seq: int) -> AttemptRow:
        """Raises NotFound."""
        row = self._attempts.get(seq)
        if row is None:
            raise NotFound(f"there is no attempt number {seq}")
        return row

    def order(self, ref: str) -> OrderRow:
        """Raises NotFound."""
        row = self.orders.get(ref)
        if row is None:
            raise NotFound(f"no order {ref!r} is known")
        return row

    def is_forgotten(self, row: MessageRow) -> bool:
        """Whether the event it tells of was taken out: there is nothing to say any more."""
        forgotten: int = self.db.execute(_SQL["is_forgotten"], {"seq": row.event_seq}).fetchone()[0]
        return bool(forgotten)

    def adopted(self) -> Sequence[MessageRow]:
        """All messages in the batch's view."""
        return tuple(self._rows.values())

    def open_of(self, order_seq: int) -> list[MessageRow]:
        """The order's messages that something still works on."""
        return [row for row in self._by_order[order_seq] if row.state in OPEN]

    def stop_of(self, digest: str, medium: str) -> str | None:
        """Why nothing of that medium may go to that address: the newest word on the medium or on all counts."""
        for about, stopped, reason in reversed(self.stops.get(digest, ())):
            if about in (medium, "all"):
                return reason if stopped else None
        return None

    # ------------------------------------------------------------ changing

    def add_order(self, order: Order) -> OrderRow:
        self.marks.order += 1
        row = self.orders[order.ref] = OrderRow(self.marks.order, 0, order, is_new=True)
        self._dirty_orders[row.seq] = row
        self.touched += 1
        return row

    def change_order(self, row: OrderRow, order: Order) -> None:
        row.order = order
        self._dirty_orders[row.seq] = row
        self.touched += 1

    def add_message(self, row: MessageRow) -> None:
        self._rows[row.seq] = row
        self._by_order[row.order_seq].append(row)
        self._new_messages.append(row)
        self.reline(row)
        self.touched += 1

    def add_attempt(self, row: AttemptRow) -> None:
        self._attempts[row.seq] = self._new_attempts[row.seq] = row
        self.touched += 1

    def change_attempt(self, row: AttemptRow) -> None:
        if row.seq not in self._new_attempts:
            self._dirty_attempts[row.seq] = row
        self.touched += 1

    def cut_attempt(self, row: AttemptRow) -> None:
        """It never left: as if it had not been."""
        if self._new_attempts.pop(row.seq, None) is None:
            self._dirty_attempts.pop(row.seq, None)
            self._cut_attempts.append(row.seq)
        self.touched += 1

    def move(
        self,
        row: MessageRow,
        state: State,
        reason: str,
        *,
        actor: str = "",
        look_up: bool = False,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        """The message goes to that state, on record. Raises IllegalMove.

        From queued to queued and from unknown to unknown is a change of time or channel, on record too. `look_up`: what becomes
        unknown is to be looked up when it is due; without it staff decide.
        """
        stays = row.state is state and state in (State.QUEUED, State.UNKNOWN)
        if not stays and state not in MOVES[row.state]:
            raise IllegalMove(f"message {row.id} is {row.state}: it can't become {state}")
        row.state, row.reason = state, reason
        row.ready = int(state is State.SENDING or (state is State.UNKNOWN and look_up))
        if state not in OPEN:
            row.verdict = ""
        self.reline(row)
        self.touch(row)
        told = {"channel": row.channel, "reason": reason, **(detail or {})}
        self.record(f"message.{state}", {k: v for k, v in told.items() if v}, row.order_ref, row.id, actor)

    def touch(self, row: MessageRow) -> None:
        """The row is to be written."""
        row.updated_at = self.now
        self._dirty_messages[row.seq] = row
        self.touched += 1

    def reline(self, changed: MessageRow) -> None:
        """Only the first of a line can be taken up, and only while none of it is being sent."""
        line = [
            row
            for row in self._by_order[changed.order_seq]
            if row.recipient == changed.recipient and row.state in IN_LINE
        ]
        busy = any(row.state is State.SENDING for row in line)
        first = min(line, key=lambda row: (row.line, row.seq), default=None)
        for row in line:
            ready = int(row.state is State.SENDING or (row is first and not busy))
            if row.ready != ready:
                row.ready = ready
                if row is not changed:
                    self._dirty_messages[row.seq] = row

    def record(
        self,
        kind: str,
        detail: Mapping[str, object] | None = None,
        order_ref: str = "",
        message_id: str = "",
        actor: str = "",
    ) -> int:
        """An entry of the audit; returns its number."""
        text = encode(detail).decode() if detail else "{}"
        self._entries.append((kind, actor, order_ref, message_id, text))
        self.touched += 1
        return self.marks.audit + len(self._entries)

    # ------------------------------------------------------------ writing

    def flush(self) -> list[Change]:
        """Write all that changed; what those who watch will be told after the commit."""
        db = self.db
        self._flush_orders()
        _INSERT_CONTACT.execute(db, self.new_contacts)
        _INSERT_EVENT.execute(db, self.new_events)
        self._flush_messages()
        _INSERT_ATTEMPT.execute(db, [row.values() for row in self._new_attempts.values()])
        _UPDATE_ATTEMPT.execute(db, [row.changes() for row in self._dirty_attempts.values()])
        for seq in self._cut_attempts:
            db.execute(_SQL["delete_attempt"], {"seq": seq})
        for channel, id in self.used_receipts:
            db.execute(_SQL["delete_early_receipt"], {"channel": channel, "provider_id": id})
        return self._flush_audit()

    def _flush_orders(self) -> None:
        new, old = [], []
        for row in self._dirty_orders.values():
            order = row.order
            if row.is_new:
                new.append((row.seq, order.ref, int(order.held), row.last_event, encode_order(order)))
            else:
                old.append((row.seq, int(order.held), row.last_event, encode_order(order)))
        _INSERT_ORDER.execute(self.db, new)
        _UPDATE_ORDER.execute(self.db, old)

    def _flush_messages(self) -> None:
        new = {row.seq for row in self._new_messages}
        dirty = [row for seq, row in self._dirty_messages.items() if seq not in new]
        _INSERT_MESSAGE.execute(self.db, [row.values() for row in self._new_messages])
        _UPDATE_MESSAGE.execute(self.db, [row.changes() for row in dirty])
        turned = [(row.seq, int(row.is_open)) for row in dirty if row.is_open != self._was_open[row.seq]]
        _SET_OPEN.execute(self.db, turned)
        for row in (*self._new_messages, *dirty):
            if row.ready and row.state is State.QUEUED:
                self.ready[row.channel] = min(row.due_at, self.ready.get(row.channel, row.due_at))

    def _flush_audit(self) -> list[Change]:
        marks, at, rows, changes = self.marks, self.now, [], []
        for kind, actor, order_ref, message_id, detail in self._entries:
            marks.audit += 1
            marks.hash = link(marks.hash, marks.epoch, marks.audit, at, kind, actor, order_ref, message_id, detail)
            rows.append((marks.audit, at, kind, actor, order_ref, message_id, detail, marks.hash))
            seen = change(marks.audit, kind, order_ref, message_id, detail)
            if seen is not None:
                changes.append(seen)
        _INSERT_AUDIT.execute(self.db, rows)
        return changes


def with_held(order: Order, held: bool) -> Order:
    return msgspec.structs.replace(order, held=held)


def _json(values: Mapping[str, object]) -> dict[str, str]:
    return {name: encode(value).decode() for name, value in values.items()}
