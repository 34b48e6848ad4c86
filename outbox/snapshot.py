"""What the operations of one transaction see: read in a few statements for all of them, then kept as plain objects."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from outbox.errors import NotFound
from outbox.ledger import ConsentWord, stopped
from outbox.model import Order, State
from outbox.orders import ends_with_its_order, is_settled, moves_status
from outbox.outcome import ReceiptState
from outbox.queries import Queries
from outbox.rows import OPEN, AttemptRow, MessageRow, decode_attempts, decode_messages, decode_order, encode

_SQL = Queries("batch.sql")

_TAKES_ITS_PLACE = OPEN | {State.SENT, State.DELIVERED}

_orders_of = msgspec.json.Decoder(list[tuple[str, int, int, str]]).decode


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


class EarlyReceipt(NamedTuple):
    """A receipt that came before the provider's own answer was on record, and what it says of consent (`outbox.silence`, as JSON)."""

    state: ReceiptState
    at: int
    detail: str
    silence: str | None = None

    def beside(self, known: "EarlyReceipt | None") -> "EarlyReceipt":
        """What says more of the two, with what either says of consent."""
        if known is None:
            return self
        more = self if self.state.says_more_than(known.state) else known
        return more._replace(silence=self.silence or known.silence)


class Snapshot:
    """The rows that operations asked for by their `Wants`."""

    def __init__(self, db: sqlite3.Connection, *, careful: bool = False) -> None:
        self.db = db
        self._careful = careful
        self.events: dict[tuple[str, str], tuple[int, bytes]] = {}
        """By (id, source): seq and content of events that were taken before."""
        self.orders: dict[str, OrderRow] = {}
        self.ids: dict[str, int] = {}
        self.words: dict[str, list[ConsentWord]] = defaultdict(list)
        """By digest, what its people said on consent: the newest last."""
        self.pseudonyms: dict[str, str] = {}
        """By digest of an address: its name in the record."""
        self.early_receipts: dict[tuple[str, str], EarlyReceipt] = {}
        self.at_provider: dict[tuple[str, str], int] = {}
        self.by_reference: dict[tuple[str, int], int] = {}
        self._rows: dict[int, MessageRow] = {}
        self._by_order: dict[int, list[MessageRow]] = defaultdict(list)
        self._was_open: dict[int, int] = {}
        self._attempts: dict[int, AttemptRow] = {}

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
            for _, digest, medium, stopped, reason, at in sorted(self._all("stopped", digests=wants.digests)):
                self.words[digest].append(ConsentWord(medium, bool(stopped), reason, at))
            self.pseudonyms |= dict(self._all("pseudonyms", digests=wants.digests))
        if wants.receipts:
            for channel, id, state, *rest in self._all("early_receipts", keys=wants.receipts):
                self.early_receipts[channel, id] = EarlyReceipt(ReceiptState(state), *rest)

    @staticmethod
    def _also(wants: Wants, attempt: int, message: int) -> None:
        wants.attempts.append(attempt)
        wants.messages.append(message)

    def _load_orders(self, found: str | None) -> None:
        if found is None:
            return
        for ref, seq, last_event, body in _orders_of(found):
            self.orders.setdefault(ref, OrderRow(seq, last_event, decode_order(body)))
        self._load_messages(self._one("open_of_orders", orders=[row.seq for row in self.orders.values()]))

    def _load_messages(self, found: str | None) -> None:
        self.adopt(decode_messages(found or "[]"))

    def adopt(self, rows: Sequence[MessageRow]) -> None:
        """Take rows that were just read into the batch's view."""
        for row in rows:
            if row.seq not in self._rows:
                self._rows[row.seq] = row
                self._by_order[row.order_seq].append(row)
                self._was_open[row.seq] = row.open

    def with_line(self, rows: Sequence[MessageRow]) -> list[MessageRow]:
        """Rows that were just read, with those before and behind them in the batch's view."""
        self.load(Wants(messages=[row.seq for row in rows]))
        return [self.message(row.seq) for row in rows]

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

    def find(self, seq: int) -> MessageRow | None:
        """The message of that number; None: there is none, since what took it in was undone."""
        return self._rows.get(seq)

    def message(self, seq: int) -> MessageRow:
        """Raises NotFound."""
        row = self.find(seq)
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
        """Whether the event it tells of was taken out, and its addresses with it: there is nothing to say any more."""
        if row.addresses != "{}":
            return False
        forgotten: int = self.db.execute(_SQL["is_forgotten"], {"seq": row.event_seq}).fetchone()[0]
        return bool(forgotten)

    def may_have_arrived(self, row: MessageRow) -> bool:
        """Whether an earlier attempt may have reached its recipient: it is not known, or it was taken and nothing says that it failed."""
        return any(
            outcome == "unknown" or (outcome == "accepted" and receipt != ReceiptState.UNDELIVERED)
            for outcome, receipt in self._tried(row)
        )

    def was_delivered(self, row: MessageRow) -> bool:
        """Whether a receipt of any of its attempts says that its recipient has it."""
        return any(receipt in (ReceiptState.DELIVERED, ReceiptState.READ) for _, receipt in self._tried(row))

    def _tried(self, row: MessageRow) -> Collection[tuple[str | None, str | None]]:
        """Outcome and receipt of each of its attempts."""
        if not row.last_attempt:
            return ()
        found = self.db.execute(_SQL["tried"], {"last": row.last_attempt}).fetchall()
        known = {seq: (outcome, receipt) for seq, outcome, receipt in found}
        changed = {seq: self._attempts[seq] for seq in known.keys() & self._attempts.keys()}
        known |= {seq: (attempt.outcome, attempt.receipt) for seq, attempt in changed.items()}
        return known.values()

    def is_outdated(self, row: MessageRow) -> bool:
        """Whether a newer message of its family took its place, or would have had it not left by then."""
        values = {**_named(row), "family": row.family}
        newer = {seq: State(state) for seq, state in self.db.execute(_SQL["newer"], values).fetchall()}
        newer |= {other.seq: other.state for other in self._later(row) if other.supersedes}
        return bool(row.supersedes) and any(state in _TAKES_ITS_PLACE for state in newer.values())

    def is_told_by_a_person(self, row: MessageRow) -> bool:
        """Whether staff told its recipient of the same meanwhile: their entries name no way."""
        values = {**_named(row), "trigger": row.trigger}
        entries = {seq: State(state) for seq, state in self.db.execute(_SQL["told_by_a_person"], values).fetchall()}
        entries |= {
            other.seq: other.state for other in self._later(row) if not other.via and other.trigger == row.trigger
        }
        return bool(entries) and entries[max(entries)] is State.DELIVERED

    def _later(self, row: MessageRow) -> Iterator[MessageRow]:
        """Those of the batch that tell its recipient of what happened to its order later."""
        for other in self._by_order[row.order_seq]:
            is_of_it = (other.recipient, other.is_past) == (row.recipient, row.is_past)
            if is_of_it and other.event_seq > row.event_seq:
                yield other

    def adopted(self) -> Sequence[MessageRow]:
        """All messages in the batch's view."""
        return tuple(self._rows.values())

    def open_of(self, order_seq: int) -> list[MessageRow]:
        """The order's messages that something still works on, and none of the order that had its number before."""
        return [row for row in self._by_order[order_seq] if row.state in OPEN and not row.is_past]

    def held_of(self, order_seq: int) -> list[MessageRow]:
        """What is held of it, and of the order that had its number before, which has no release of its own."""
        return [row for row in self._by_order[order_seq] if row.state is State.HELD]

    def is_settled(self, row: MessageRow) -> bool:
        """Whether what it tells of is not so any more, by where its order stands. One whose number another has is at its end."""
        stays = row.manual or (moves_status(row.trigger) and not row.supersedes)
        if row.is_past:
            return not stays and ends_with_its_order(row.trigger)
        known = next((order.order for order in self.orders.values() if order.seq == row.order_seq), None)
        if known is None:
            (body,) = self.db.execute(_SQL["order_body"], {"seq": row.order_seq}).fetchone()
            known = decode_order(body)
        return not stays and is_settled(row.trigger, known)

    def stop_of(self, digest: str, medium: str) -> ConsentWord | None:
        """The word by which nothing of that medium may go to that address; None: it may."""
        return stopped(self.words.get(digest, ()), medium)


def _named(row: MessageRow) -> dict[str, object]:
    """To whom it goes, and of what, for those who look for what tells of that later."""
    return {"order": row.order_seq, "began": row.order_began, "event": row.event_seq, "recipient": row.recipient}


def _json(values: Mapping[str, object]) -> dict[str, str]:
    return {name: encode(value).decode() for name, value in values.items()}
