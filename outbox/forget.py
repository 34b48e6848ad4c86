"""Forgetting a person: who they are is followed through the index (`outbox.person_index`), and all of theirs goes in one transaction.

From the address that was given to the orders that name it, to the other addresses of these, and on. An order that names somebody else
beside a shared address (another's mail address, the family's telephone) stays, and so do those of an address that stands on so many
orders that it is hardly one person's: they are counted as left, and forgotten by their own address.
"""

import base64
import binascii
import re
import secrets
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from outbox.batch import Batch
from outbox.model import State
from outbox.person_index import PersonIndex
from outbox.queries import Queries
from outbox.reasons import FORGOTTEN
from outbox.rows import decode_messages, encode
from outbox.writer import Operation

_SQL = Queries("forget.sql")

MOST_OF_ONE = 25
"""Orders that one address may lead to, unless it is the one that was given."""
OWN = ("phone", "email")
"""The kinds of which an order names one a person: two that differ are two people."""


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
    """Orders that share an address with theirs and may be another's: nothing of these goes."""

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))


class Person:
    """What the index knows of one person."""

    def __init__(self, db: sqlite3.Connection, given: Iterable[str]) -> None:
        self._db = db
        self.digests = dict.fromkeys(given, "")
        """All their addresses: digest -> kind."""
        self.orders: set[int] = set()
        self.left: set[int] = set()
        self._shared: set[str] = set()
        self._follow()
        for digest in self._shared:
            del self.digests[digest]

    def _follow(self) -> None:
        new, is_given = set(self.digests), True
        while new:
            news: dict[str, str] = {}
            for digest in sorted(new):
                for order in self._orders(digest, is_given=is_given):
                    news |= self._taken(order, is_given=is_given)
            new = set(news) - set(self.digests)
            self.digests |= news
            is_given = False

    def _taken(self, order: int, *, is_given: bool) -> dict[str, str]:
        """Its addresses, if it is theirs."""
        if order in self.orders:
            return {}
        addresses = self._addresses(order)
        if not is_given and self._names_another(addresses):
            self.left.add(order)
            return {}
        self.orders.add(order)
        return addresses

    def _orders(self, digest: str, *, is_given: bool) -> Sequence[int]:
        found = [seq for (seq,) in self._db.execute(_SQL["orders_of"], {"digest": digest})]
        if is_given or len(found) <= MOST_OF_ONE:
            return found
        self._shared.add(digest)
        self.left |= set(found)
        return ()

    def _addresses(self, order: int) -> dict[str, str]:
        return dict(self._db.execute(_SQL["addresses_of"], {"order": order}).fetchall())

    def _names_another(self, addresses: dict[str, str]) -> bool:
        theirs, mine = _by_kind(addresses), _by_kind(self.digests)
        return any(theirs[kind] and mine[kind] and not theirs[kind] & mine[kind] for kind in OWN)

    def named_in_bodies(self) -> list[int]:
        """Bodies that name them for sure: not those that name too many to be told."""
        found = self._db.execute(_SQL["bodies_naming"], {"digests": _json(list(self.digests))})
        return [seq for (seq,) in found]

    def things(self, what: str) -> list[int]:
        found = self._db.execute(_SQL["things_of"], {"digests": _json(list(self.digests)), "what": what})
        return [seq for (seq,) in found]


class Forget(Operation[Removed]):
    """Take a person out of all that is kept, by the digests of an address of theirs."""

    __slots__ = ("_actor", "_digests", "_dry_run", "_index")

    alone = True
    truncates_wal = True

    def __init__(self, digests: Sequence[str], index: PersonIndex, *, dry_run: bool, actor: str) -> None:
        self._digests = digests
        self._index = index
        self._dry_run = dry_run
        self._actor = actor

    def apply(self, batch: Batch) -> Removed:
        db = batch.db
        person = Person(db, self._digests)
        about: dict[str, object] = {
            "orders": _json(sorted(person.orders)),
            "digests": _json(list(person.digests)),
            "replies": _json(person.things("reply")),
            "bodies": _json(person.things("quarantine")),
            "now": batch.now,
        }
        removed = self._counted(db.execute(_SQL["count_of"], about).fetchone(), person)
        if self._dry_run:
            return removed
        name = self._name(batch)
        self._stop(batch, about)
        for statement in _IN_ORDER:
            db.execute(_SQL[statement], about)
        self._rekey(db, person)
        self._drop_early_receipts(db, set(person.digests))
        batch.record("person.forgotten", {"to": name, "orders": len(person.orders)}, actor=self._actor)
        # Headquarters has whom each went to, until it is told of it anew.
        for id, ref in db.execute(_SQL["messages_of"], about).fetchall():
            batch.record("person.forgotten", order_ref=ref, message_id=id, actor=self._actor)
        return removed

    @staticmethod
    def _counted(counts: Sequence[float], person: Person) -> Removed:
        events, messages, attempts, replies, optouts, bodies = map(int, counts)
        return Removed(
            orders=len(person.orders),
            events=events,
            messages=messages,
            attempts=attempts,
            replies=replies,
            optouts=optouts,
            quarantined=bodies,
            left=len(person.left - person.orders),
        )

    def _name(self, batch: Batch) -> str:
        """What the record called them, for the last time."""
        found = batch.db.execute(_SQL["names_of"], {"digests": _json(self._digests)}).fetchone()
        return found[0] if found else secrets.token_hex(16)

    def _stop(self, batch: Batch, about: dict[str, object]) -> None:
        open_ones = batch.db.execute(_SQL["open_of"], about).fetchone()[0]
        batch.adopt(decode_messages(open_ones or "[]"))
        for row in batch.adopted():
            if row.state is State.SENDING:
                batch.call_off(row, State.CANCELLED)
            else:
                batch.move(row, State.CANCELLED, FORGOTTEN, actor=self._actor)

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


def _by_kind(digests: dict[str, str]) -> dict[str, set[str]]:
    kinds: dict[str, set[str]] = defaultdict(set)
    for digest, kind in digests.items():
        kinds[kind].add(digest)
    return kinds


def _json(values: Sequence[object]) -> str:
    return encode(values).decode()
