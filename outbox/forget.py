"""Forgetting a person: who they are is followed (`outbox.person`), and all of theirs goes in one transaction. On an order for somebody else it
is what names an address of theirs: the event that said it, the address of a message, the text that went there.
"""

import base64
import binascii
import re
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from outbox import order_people
from outbox.batch import Batch
from outbox.lives import Life, Sent
from outbox.model import Order, State
from outbox.person import Person, Share
from outbox.person_index import Addresses, PersonIndex
from outbox.queries import Queries
from outbox.reasons import FORGOTTEN
from outbox.rows import decode_messages, encode
from outbox.writer import Operation

_SQL = Queries("forget.sql")


class Removed(msgspec.Struct, frozen=True):
    """How much was (or would be) removed."""

    orders: int = 0
    events: int = 0
    messages: int = 0
    attempts: int = 0
    replies: int = 0
    optouts: int = 0
    """Opt-outs whose plain address and words were dropped: they still hold."""
    quarantined: int = 0
    """Bodies that nobody understood and in which an address of theirs stands."""
    left: int = 0
    """Orders that share an address with theirs and may be another's: these stay."""

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))


class Theirs:
    """What of the orders goes, by number."""

    def __init__(self, db: sqlite3.Connection, index: PersonIndex, shares: Sequence[Share]) -> None:
        self._db = db
        self._index = index
        self.events: list[int] = []
        self.messages: list[int] = []
        self.tries = 0
        """The attempts of these messages, which all go."""
        self.less: dict[int, Mapping[str, str]] = {}
        """Messages to others, with the addresses that they keep."""
        self.attempts: dict[int, int] = {}
        """Those that went to them among attempts of messages that stay, and of which message each is."""
        self.bodies: list[int] = []
        """Orders that are theirs now."""
        self.customers: list[Order] = []
        """Orders for somebody else, as they stand without addresses of theirs."""
        for share in shares:
            for life in share.whole:
                self._add(life)
            for life, digests in share.named:
                self._add_named(life, digests)

    def _add(self, life: Life) -> None:
        self.events += [each.seq for each in life.told]
        self._take(life.sent)
        if life.is_last:
            self.bodies.append(life.row)

    def _add_named(self, life: Life, digests: frozenset[str]) -> None:
        self.events += [each.seq for each in life.told if not digests.isdisjoint(each.addresses)]
        self._take([each for each in life.sent if each.answers and each.names(digests)])
        stay = [each for each in life.sent if not each.answers]
        self.less |= {each.seq: each.without(digests) for each in stay if each.names(digests)}
        values = {"messages": _json([each.seq for each in stay])}
        for seq, message, address in self._db.execute(_SQL["attempts_of"], values).fetchall():
            if self._index.is_one(address, digests):
                self.attempts[seq] = message
        if life.is_last and self._index.names(life.order.customer, digests):
            less = self._index.without(life.order.customer, digests)
            self.customers.append(msgspec.structs.replace(life.order, customer=less))

    def _take(self, messages: Sequence[Sent]) -> None:
        self.messages += [each.seq for each in messages]
        self.tries += sum(each.tries for each in messages)

    @property
    def touched(self) -> Sequence[int]:
        """Messages that are not what they were."""
        return sorted({*self.messages, *self.less, *self.attempts.values()})


class Forget(Operation[Removed]):
    """Take a person out of all that is kept, by the digests of addresses of theirs.

    `followed`: digests that were found to be theirs beside those given. `at`: when that was (ms); None: now.
    """

    __slots__ = ("_actor", "_at", "_dry_run", "_followed", "_given", "_index")

    alone = True
    truncates_wal = True

    def __init__(
        self,
        given: Addresses,
        index: PersonIndex,
        *,
        actor: str,
        dry_run: bool = False,
        followed: Mapping[str, str] = MappingProxyType({}),
        at: int | None = None,
    ) -> None:
        self._given = given
        self._followed = followed
        self._index = index
        self._dry_run = dry_run
        self._at = at
        self._actor = actor

    def apply(self, batch: Batch) -> Removed:
        db = batch.db
        person = Person(db, self._index, self._given, self._followed)
        theirs = Theirs(db, self._index, person.shares)
        replies, bodies = person.replies(), person.things("quarantine")
        emptied = [share.row for share in person.shares if share.whole and not share.others]
        about: dict[str, object] = {
            "digests": _json(list(person.digests)),
            "rows": _json([share.row for share in person.shares]),
            "events": _json(theirs.events),
            "messages": _json(theirs.messages),
            "touched": _json(theirs.touched),
            "attempts": _json(list(theirs.attempts)),
            "orders": _json(theirs.bodies),
            "emptied": _json(emptied),
            "names": _json(_names(person.shares)),
            "replies": _json(list(replies)),
            "bodies": _json(bodies),
            "at": batch.now if self._at is None else self._at,
            "forgotten": _json(
                [[digest, kind, int(digest in person.given)] for digest, kind in person.digests.items()]
            ),
        }
        removed = Removed(
            orders=sum(bool(share.whole) for share in person.shares),
            events=len(theirs.events),
            messages=len(theirs.messages) + len(theirs.less),
            attempts=theirs.tries + len(theirs.attempts),
            replies=len(replies),
            optouts=db.execute(_SQL["optouts_of"], about).fetchone()[0],
            quarantined=len(bodies),
            left=person.left,
        )
        if self._dry_run:
            return removed
        name = self._name(batch)
        self._stop(batch, about, theirs)
        for statement in _IN_ORDER:
            db.execute(_SQL[statement], about)
        order_people.drop(db, emptied)
        self._take_from_others(db, theirs, person.shares, batch.sequences.order)
        self._rekey(db, person)
        self._drop_early_receipts(db, set(person.digests))
        batch.record("person.forgotten", {"to": name, "orders": removed.orders}, actor=self._actor)
        # Headquarters has whom each went to, until it is told of it anew.
        for id, ref in db.execute(_SQL["messages_of"], about).fetchall():
            batch.record("person.forgotten", order_ref=ref, message_id=id, actor=self._actor)
        return removed

    def _name(self, batch: Batch) -> str:
        """What the record called them, for the last time."""
        found = batch.db.execute(_SQL["names_of"], {"digests": _json(list(self._given))}).fetchone()
        return found[0] if found else secrets.token_hex(16)

    def _stop(self, batch: Batch, about: Mapping[str, object], theirs: Theirs) -> None:
        """What waits for them. What waits behind it for others, with a number that had been theirs, has its turn."""
        batch.calls_off = batch.calls_off or bool(theirs.less)
        open_ones = batch.db.execute(_SQL["open_of"], about).fetchone()[0]
        batch.adopt(decode_messages(open_ones or "[]"))
        whole = set(theirs.messages)
        for row in batch.adopted():
            if row.seq not in whole:
                continue
            if row.state is State.SENDING:
                batch.call_off(row, State.CANCELLED)
            else:
                batch.move(row, State.CANCELLED, FORGOTTEN, actor=self._actor)

    @staticmethod
    def _take_from_others(db: sqlite3.Connection, theirs: Theirs, shares: Sequence[Share], newest: int) -> None:
        for seq, addresses in theirs.less.items():
            db.execute(_SQL["lessen_message"], {"seq": seq, "addresses": encode(addresses)})
        for order in theirs.customers:
            db.execute(_SQL["lessen_order"], {"ref": order.ref, "body": encode(order)})
        for share in shares:
            if share.others and (share.whole or share.named):
                order_people.lessen(db, share.row, share.kept.__contains__, newest=newest)

    def _rekey(self, db: sqlite3.Connection, person: Person) -> None:
        """What stays of them, their past words on consent, is found under nothing any more; a standing opt-out still is, or it
        could not hold."""
        for digest in person.digests:
            thrown_away = secrets.token_hex(16)
            db.execute(_SQL["rekey_consent"], {"digest": digest, "fresh": thrown_away})
            db.execute(_SQL["forget_shared"], {"digest": digest})

    def _drop_early_receipts(self, db: sqlite3.Connection, theirs: set[str]) -> None:
        """The few of a day that no attempt is known for. Providers' ids may hold the number (WhatsApp's do, in base64), and their
        words may quote it."""
        for channel, provider_id, words in db.execute(_SQL["early_receipts"]).fetchall():
            named = self._index.digests_in(f"{provider_id} {words} ".encode() + _decoded(provider_id))
            if named & theirs:
                db.execute(_SQL["drop_early_receipt"], {"channel": channel, "provider_id": provider_id})


_IN_ORDER = (
    "forget_attempts",
    "forget_messages",
    "forget_events",
    "forget_replies",
    "forget_consent",
    "forget_aliases",
    "forget_orders",
    "forget_quarantine",
    "forget_index",
    "forget_notes",
    "forget_pseudonyms",
    "remember_forgetting",
)


def _decoded(provider_id: str) -> bytes:
    words = re.findall(r"[A-Za-z0-9+/]{8,}", provider_id)
    try:
        return b" ".join(base64.b64decode(word + "=" * (-len(word) % 4)) for word in words)
    except binascii.Error:
        return b""


def _names(shares: Sequence[Share]) -> list[tuple[str, str]]:
    """What sources call those of their orders that had a number which is another's as well: with the number."""
    mixed = [share for share in shares if share.whole and share.others]
    return [(share.whole[0].order.ref, id) for share in mixed for id in _ids(share.whole) - _ids(share.others)]


def _ids(lives: Sequence[Life]) -> set[str]:
    return {told.event.order.source_id for life in lives for told in life.told if told.event.order.source_id}


def _json(values: Sequence[object]) -> str:
    return encode(values).decode()
