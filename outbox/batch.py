"""One transaction's worth of work. What its operations need is read in a few statements, they change plain objects, and all of it
is written in a few statements again: the cost of a statement is shared by all operations that arrived together.
"""

import secrets
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import msgspec

from outbox import order_people
from outbox.chain import START, Change, change, link
from outbox.errors import IllegalMove
from outbox.model import MOVES, Due, Event, Order, State
from outbox.queries import Queries
from outbox.reasons import Reason
from outbox.rows import (
    IN_QUEUE,
    OPEN,
    AttemptRow,
    AuditEntry,
    EventRow,
    MessageRow,
    StoredOrder,
    decode_body,
    encode,
)
from outbox.snapshot import OrderRow, Snapshot
from outbox.tables import ATTEMPT, AUDIT, EVENT, MESSAGE, ORDER

_SQL = Queries("batch.sql")
_INSERT_ORDER = _SQL.rows("insert_order")
_UPDATE_ORDER = _SQL.rows("update_order")
_INSERT_PERSON = _SQL.rows("insert_person")
_INSERT_PSEUDONYM = _SQL.rows("insert_pseudonym")
_INSERT_EVENT = _SQL.rows("insert_event")
_INSERT_MESSAGE = _SQL.rows("insert_message")
_UPDATE_MESSAGE = _SQL.rows("update_message")
_SET_OPEN = _SQL.rows("set_open")
_INSERT_ATTEMPT = _SQL.rows("insert_attempt")
_UPDATE_ATTEMPT = _SQL.rows("update_attempt")
_INSERT_AUDIT = _SQL.rows("insert_audit")


LEAST_USE_MS = 3_600_000
"""For how long a message may go at least that staff send again though it came too late."""


class Sequences(msgspec.Struct):
    """The last number given out in each table, and the end of the hash chain."""

    order: int = 0
    event: int = 0
    message: int = 0
    attempt: int = 0
    audit: int = 0
    hash: bytes = START
    epoch: str = ""
    told: bool = False
    """Whether there are messages that left before the database was restored."""

    @classmethod
    def read(cls, db: sqlite3.Connection) -> "Sequences":
        order, event, message, attempt, audit, end, epoch, told = db.execute(_SQL["newest"]).fetchone()
        return cls(order, event, message, attempt, audit, end or START, epoch or "", bool(told))


class Batch(Snapshot):
    """The work of one transaction. Operations look at the snapshot and change it by these methods; `flush` writes what changed."""

    def __init__(self, db: sqlite3.Connection, sequences: Sequences, now: int, *, careful: bool = False) -> None:
        super().__init__(db, careful=careful)
        self.sequences = msgspec.structs.replace(sequences)
        self.now = now
        self.new_events: list[EventRow] = []
        self.new_people: list[tuple[str, str, int]] = []
        """(digest, what, seq) of replies and bodies."""
        self._people_of_orders: defaultdict[int, set[str]] = defaultdict(set)
        self._last_order = sequences.order
        self._new_pseudonyms: list[tuple[str, str]] = []
        self.used_receipts: list[tuple[str, str]] = []
        self.ready: dict[str, int] = {}
        """By channel, the earliest moment (ms) at which one of its messages that this batch made ready is due."""
        self.calls_off = False
        """Whether something that is under way may not be wanted any more, or not there: it is looked at again before it leaves."""
        self._events: dict[int, Event] = {}
        self.touched = 0
        """Counts changes: an operation that fails without one leaves nothing behind."""
        self._new_messages: list[MessageRow] = []
        self._dirty_messages: dict[int, MessageRow] = {}
        self._new_attempts: dict[int, AttemptRow] = {}
        self._dirty_attempts: dict[int, AttemptRow] = {}
        self._cut_attempts: list[int] = []
        self._dirty_orders: dict[int, OrderRow] = {}
        self._entries: list[tuple[str, str, str, str, str]] = []

    def fresh(self) -> list[Due]:
        """New messages that may go at once, whole: whoever sends them need not read them again."""
        return [
            Due(row.message(), self._events[row.seq], self.orders[row.order_ref].order)
            for row in self._new_messages
            if self._may_go(row)
        ]

    def _may_go(self, row: MessageRow) -> bool:
        return bool(row.ready) and row.state is State.QUEUED and row.due_at <= self.now and not row.is_past

    def told_before(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of these messages that left before the database was restored from a backup."""
        if not self.sequences.told:
            return frozenset()
        found = self.db.execute(_SQL["told"], {"ids": encode(list(ids)).decode()})
        return frozenset(id for (id,) in found)

    # ------------------------------------------------------------ changing

    def add_order(self, order: Order) -> OrderRow:
        self.sequences.order += 1
        row = self.orders[order.ref] = OrderRow(self.sequences.order, 0, order, is_new=True)
        self._dirty_orders[row.seq] = row
        self.touched += 1
        return row

    def change_order(self, row: OrderRow, order: Order) -> None:
        if order.began != row.order.began:
            for message in self._by_order[row.seq]:
                message.order_began, message.order_held = order.began, 0
        row.order = order
        self._dirty_orders[row.seq] = row
        self.touched += 1

    def keep_people(self, order_seq: int, digests: Collection[str]) -> None:
        """The order is theirs too, by the digests of their addresses."""
        if digests:
            self._people_of_orders[order_seq].update(digests)

    def add_message(self, row: MessageRow, event: Event) -> None:
        """`event`: what it tells of."""
        self._events[row.seq] = event
        self._rows[row.seq] = row
        self._by_order[row.order_seq].append(row)
        self._new_messages.append(row)
        self.requeue(row)
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
        reason: Reason,
        *,
        actor: str = "",
        look_up: bool = False,
        detail: Mapping[str, object] | None = None,
        in_our_words: bool = True,
    ) -> None:
        """The message goes to that state, on record. Raises IllegalMove.

        `in_our_words`: the reason quotes nobody. What a provider said may hold a name or a number, and the record can't forget: it
        stays with the attempt, and of it only the code is on record.

        From queued to queued and from unknown to unknown is a change of time or channel, on record too. `look_up`: what becomes
        unknown is to be looked up when it is due; without it staff decide.
        """
        stays = row.state is state and state in (State.QUEUED, State.UNKNOWN)
        if not stays and state not in MOVES[row.state]:
            raise IllegalMove(f"message {row.id} is {row.state}: it can't become {state}")
        if row.state is State.HELD and state is State.QUEUED:  # what staff held was not the channel's doing
            row.channel_since = max(row.channel_since, self.now)
        row.state, row.why = state, reason
        row.ready = int(state is State.SENDING or (state is State.UNKNOWN and look_up))
        # What left may still come back undelivered.
        stopped = state is State.SENT and row.pending_state == State.CANCELLED
        if state not in OPEN and not stopped:
            row.pending_state = ""
        self.requeue(row)
        self.touch(row)
        told = {
            "channel": row.channel,
            "reason": reason if in_our_words else "",
            "reason_code": reason.code,
            **(detail or {}),
        }
        self.record(f"message.{state}", {k: v for k, v in told.items() if v}, row.order_ref, row.id, actor)

    def call_off(self, row: MessageRow, state: State) -> None:
        """It is under way: it goes to that state if it comes back unsent."""
        row.pending_state = state.value
        self.calls_off = True
        self.touch(row)

    def prolong(self, row: MessageRow) -> None:
        """It was too late and is wanted all the same: as long as it was of use when it came, from now on."""
        if row.expires_at is not None and row.expires_at <= self.now:
            row.expires_at = self.now + max(row.expires_at - row.created_at, LEAST_USE_MS)
            self.db.execute(_SQL["prolong"], {"seq": row.seq, "at": row.expires_at})
            self.touched += 1

    def reschedule(self, row: MessageRow, moment: int, reason: Reason) -> None:
        """It waits for another moment (ms) than it was planned for; one that is over means now."""
        due_at = max(moment, self.now)
        if row.expires_at is not None:
            row.expires_at += due_at - row.queue_place
        row.due_at = row.channel_since = due_at
        row.queue_place, row.relative = (due_at, 0) if due_at > self.now else (0, 1)
        self._place(row)
        if row.state is State.QUEUED:
            self.move(row, State.QUEUED, reason)
        else:
            self.requeue(row)
            self.touch(row)

    def line_up(self, row: MessageRow) -> None:
        """From now on it has its turn as it came."""
        row.queue_place = 0
        self._place(row)
        self.touched += 1

    def _place(self, row: MessageRow) -> None:
        values = {"seq": row.seq, "place": row.queue_place, "expires_at": row.expires_at}
        self.db.execute(_SQL["reschedule"], values)

    def touch(self, row: MessageRow) -> None:
        """The row is to be written."""
        row.updated_at = self.now
        self._dirty_messages[row.seq] = row
        self.touched += 1

    def requeue(self, changed: MessageRow) -> None:
        """Only the first of a queue can be taken up, and only while none of it is being sent. What is urgent does not wait for what waits
        for the morning, and nobody for what waits in doubt: that stands beside the queue."""
        of_order = self._by_order[changed.order_seq]
        if len(of_order) == 1:
            if changed.state in IN_QUEUE:
                changed.ready = 1
            return
        queue = self._queue(changed)
        busy = any(row.state is State.SENDING for row in queue)
        in_line = [row for row in queue if not row.waits_in_doubt]
        first = in_line[0] if in_line else None
        if first is not None and self._waits_for_its_hour(first):
            sooner = (row for row in in_line if row.due_at < first.due_at)
            first = next((row for row in sooner if _is_urgent(row)), first)
        for row in queue:
            ready = int(row.state is State.SENDING or ((row is first or row.waits_in_doubt) and not busy))
            if row.ready != ready:
                row.ready = ready
                self._dirty_messages[row.seq] = row
                self.touched += 1

    def let_pass(self, first: MessageRow, moving: Collection[str], *, offline: bool, aside: Collection[int]) -> None:
        """Until its queue changes, what is urgent and can leave is first in place of it: by a channel that is `moving`, or where `offline`
        by the one that works without the line, unless that leaves it `aside`. What passed others and can't leave either gives its place
        back."""

        def leaves(row: MessageRow) -> bool:
            return row.channel in moving or (offline and row.offline_after is not None and row.seq not in aside)

        stands_first = first.state is State.QUEUED and first.ready and not first.waits_in_doubt
        if not stands_first or (leaves(first) and _is_urgent(first)):
            return
        in_line = (row for row in self._queue(first) if not row.waits_in_doubt)
        others = (row for row in in_line if row.channel != first.channel or row.channel not in moving)
        due = (row for row in others if row is not first and row.due_at <= self.now)
        urgent = next((row for row in due if leaves(row) and _is_urgent(row)), None)
        if urgent is None:
            self.requeue(first)
            return
        self.touched += 1
        first.ready, urgent.ready = 0, 1
        for row in (first, urgent):
            self._dirty_messages[row.seq] = row

    def _queue(self, of: MessageRow) -> list[MessageRow]:
        """The unfinished messages of its recipient and order, in their order."""
        of_order = self._by_order[of.order_seq]
        mine = (row for row in of_order if (row.recipient, row.is_past) == (of.recipient, of.is_past))
        queue = [row for row in mine if row.state in IN_QUEUE]
        queue.sort(key=lambda row: (row.queue_place, row.seq))
        return queue

    def _waits_for_its_hour(self, row: MessageRow) -> bool:
        return row.state is State.QUEUED and not row.relative and row.due_at > self.now

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
        return self.sequences.audit + len(self._entries)

    def pseudonym(self, digest: str) -> str:
        """Under which name the record knows the address of that digest, which the operation wanted."""
        if digest not in self.pseudonyms:
            self.pseudonyms[digest] = name = secrets.token_hex(16)
            self._new_pseudonyms.append((digest, name))
            self.touched += 1
        return self.pseudonyms[digest]

    # ------------------------------------------------------------ writing

    def flush(self) -> list[Change]:
        """Write all that changed; what those who watch will be told after the commit."""
        db = self.db
        self._flush_orders()
        order_people.keep(db, self._people_of_orders, before=self._last_order, last=self.sequences.order)
        _INSERT_PERSON.execute(db, self.new_people)
        _INSERT_PSEUDONYM.execute(db, self._new_pseudonyms)
        _INSERT_EVENT.execute(db, [EVENT.inserted(row) for row in self.new_events])
        self._flush_messages()
        _INSERT_ATTEMPT.execute(db, [ATTEMPT.inserted(row) for row in self._new_attempts.values()])
        _UPDATE_ATTEMPT.execute(db, [ATTEMPT.changed(row) for row in self._dirty_attempts.values()])
        for seq in self._cut_attempts:
            db.execute(_SQL["delete_attempt"], {"seq": seq})
        for channel, id in self.used_receipts:
            db.execute(_SQL["delete_early_receipt"], {"channel": channel, "provider_id": id})
        return self._flush_audit()

    def _flush_orders(self) -> None:
        new, old = [], []
        for row in self._dirty_orders.values():
            order = row.order
            stored = StoredOrder(row.seq, order.ref, int(order.held), order.began, row.last_event, encode(order))
            if row.is_new:
                new.append(ORDER.inserted(stored))
            else:
                old.append(ORDER.changed(stored))
        _INSERT_ORDER.execute(self.db, new)
        _UPDATE_ORDER.execute(self.db, old)

    def _flush_messages(self) -> None:
        new = {row.seq for row in self._new_messages}
        dirty = [row for seq, row in self._dirty_messages.items() if seq not in new]
        _INSERT_MESSAGE.execute(self.db, [MESSAGE.inserted(row) for row in self._new_messages])
        _UPDATE_MESSAGE.execute(self.db, [MESSAGE.changed(row) for row in dirty])
        turned = [(row.seq, row.open) for row in dirty if row.open != self._was_open[row.seq]]
        _SET_OPEN.execute(self.db, turned)
        for row in (*dirty, *(row for row in self._new_messages if not self._may_go(row))):
            if row.ready and row.state is State.QUEUED:
                self.ready[row.channel] = min(row.due_at, self.ready.get(row.channel, row.due_at))

    def _flush_audit(self) -> list[Change]:
        sequences, at, rows, changes = self.sequences, self.now, [], []
        for kind, actor, order_ref, message_id, detail in self._entries:
            sequences.audit += 1
            sequences.hash = link(
                sequences.hash, sequences.epoch, sequences.audit, at, kind, actor, order_ref, message_id, detail
            )
            entry = AuditEntry(sequences.audit, at, kind, actor, order_ref, message_id, detail, sequences.hash)
            rows.append(AUDIT.inserted(entry))
            seen = change(sequences.audit, kind, order_ref, message_id, detail)
            if seen is not None:
                changes.append(seen)
        _INSERT_AUDIT.execute(self.db, rows)
        return changes


def _is_urgent(row: MessageRow) -> bool:
    return decode_body(row.body).policy.urgent


def with_held(order: Order, held: bool) -> Order:
    return msgspec.structs.replace(order, held=held)
