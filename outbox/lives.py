"""The orders that one row of `orders` tells of, and whom each is for.

A till that counts anew each day gives its numbers out again: then a row, with its events and messages, tells of one order after the other,
and its body of the last. On each of them more people may stand than the one whom it is for: whose number was typed by mistake, and who paid.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from outbox.answers import TYPE as ANSWER
from outbox.model import Customer, Event, Order, OrderFields, Posted
from outbox.orders import OF_MONEY, known_of, moves_status, project
from outbox.person_index import Addresses, PersonIndex
from outbox.queries import Queries
from outbox.rows import decode_addresses, decode_event, decode_order

_SQL = Queries("forget.sql")
_VIEWS = Queries("views.sql")

_CUSTOMER = "customer"


class Told(msgspec.Struct, frozen=True):
    """An event of it, and the addresses that its source named."""

    seq: int
    source: str
    event: Event
    addresses: Addresses
    after: Order

    @property
    def name(self) -> str:
        customer = self.event.customer
        return (customer.name or "").strip().casefold() if customer else ""


class Sent(msgspec.Struct, frozen=True):
    """A message of it to the customer, or (`addresses` is empty) to others."""

    seq: int
    event_seq: int
    trigger: str
    tries: int
    addresses: Mapping[str, str]
    digests: Mapping[str, Addresses]
    """By kind, of the address of that kind."""

    @property
    def answers(self) -> bool:
        """It goes to whoever wrote, and not to where the customer is reached by now."""
        return self.trigger == ANSWER

    def names(self, digests: Collection[str]) -> bool:
        return self.without(digests) != self.addresses

    def without(self, digests: Collection[str]) -> Mapping[str, str]:
        """Its addresses but these."""
        return {kind: to for kind, to in self.addresses.items() if self.digests[kind].keys().isdisjoint(digests)}

    def only(self, digests: Collection[str]) -> Mapping[str, str]:
        return {kind: to for kind, to in self.addresses.items() if not self.digests[kind].keys().isdisjoint(digests)}


class Life(msgspec.Struct, frozen=True, eq=False):
    """One of the orders of a row."""

    row: int
    order: Order
    """As it stood at its end."""
    is_last: bool
    """It is the one of which the row's body tells."""
    told: Sequence[Told]
    sent: Sequence[Sent]
    own: Addresses
    """Of whom it is for."""
    addresses: Addresses
    """Of everybody who stands on it."""


def lives_of(db: sqlite3.Connection, index: PersonIndex, row: int) -> Sequence[Life]:
    """In their order."""
    ref, body = db.execute(_SQL["order"], {"order": row}).fetchone()
    parts = _parts(db, index, ref)
    messages = _messages(db, index, row)
    lives = []
    for n, told in enumerate(parts):
        is_last = n == len(parts) - 1
        first, end = told[0].seq if n else 0, 0 if is_last else parts[n + 1][0].seq
        sent = [each for each in messages if first <= each.event_seq and (is_last or each.event_seq < end)]
        lives.append(_life(index, row, decode_order(body) if is_last else told[-1].after, told, sent, is_last=is_last))
    return lives


def _parts(db: sqlite3.Connection, index: PersonIndex, ref: str) -> Sequence[Sequence[Told]]:
    parts = list[list[Told]]()
    for seq, posted, after, is_first in _in_turn(db.execute(_VIEWS["events_of_order"], {"ref": ref}).fetchall()):
        if is_first:
            parts.append([])
        addresses = index.digests_of(posted.event.customer) if posted.event.customer else {}
        parts[-1].append(Told(seq, posted.source, posted.event, addresses, after))
    return parts


def _in_turn(events: Iterable[Sequence[Any]]) -> Iterator[tuple[int, Posted, Order, bool]]:
    """The events of a row, each with its order after it, and whether it is the first of that."""
    order: Order | None = None
    for seq, source, id, type, ref, at, actor, raw in events:
        event = decode_event(raw) if raw else Event(id, type, OrderFields(ref))
        posted = Posted(source, event, raw, at, actor)
        before = known_of(order, posted)
        order = project(before, posted)
        yield seq, posted, order, before is None


def past_order(events: Iterable[Sequence[Any]], event_seq: int) -> Order | None:
    """The order that one of these events of a row is of, as it stood when its number was given out again; None: it is not among them."""
    found, is_its_own = None, False
    for seq, _, after, is_first in _in_turn(events):
        if is_first and is_its_own:
            break
        found, is_its_own = after, is_its_own or seq == event_seq
    return found if is_its_own else None


def around(events: Iterable[Sequence[Any]], event_seq: int) -> tuple[Order | None, Order] | None:
    """The order of one of these events of a row, before it and after it; None: it is not among them."""
    before: Order | None = None
    for seq, _, after, is_first in _in_turn(events):
        if seq == event_seq:
            return None if is_first else before, after
        before = after
    return None


def _messages(db: sqlite3.Connection, index: PersonIndex, row: int) -> Sequence[Sent]:
    found = []
    for seq, event_seq, trigger, audience, tries, encoded in db.execute(_SQL["sent_of"], {"order": row}).fetchall():
        addresses = decode_addresses(encoded) if audience == _CUSTOMER else {}
        digests = {kind: index.digests_of(Customer(addresses={kind: given})) for kind, given in addresses.items()}
        found.append(Sent(seq, event_seq, trigger, tries, addresses, digests))
    return found


def _life(
    index: PersonIndex, row: int, order: Order, told: Sequence[Told], sent: Sequence[Sent], *, is_last: bool
) -> Life:
    customer = index.digests_of(order.customer)
    everybody = dict(customer)
    for addresses in (*(each.addresses for each in told), *(of for each in sent for of in each.digests.values())):
        everybody |= addresses
    said = {digest for each in told for digest in each.addresses}
    own = customer | {digest: kind for digest, kind in _as_planned(told, sent).items() if digest not in said}
    payers = _payers(told)
    own = {digest: kind for digest, kind in own.items() if digest not in payers} or everybody
    return Life(row, order, is_last, told, sent, own, everybody)


def _as_planned(told: Sequence[Told], sent: Sequence[Sent]) -> Addresses:
    """In the form in which messages name it, which may be nobody's word, what is the customer's still."""
    after = {each.seq: each.after.customer for each in told}
    end = told[-1].after.customer
    found: dict[str, str] = {}
    for message in sent:
        then = after.get(message.event_seq)
        if then is not None and not message.answers:
            for kind, digests in message.digests.items():
                if _given(then, kind) == _given(end, kind):
                    found |= digests
    return found


def _given(customer: Customer, kind: str) -> str | None:
    return {"phone": customer.phone, "email": customer.email}.get(kind) or (customer.addresses or {}).get(kind)


def _payers(told: Sequence[Told]) -> set[str]:
    """What is known of somebody from payments alone, who need not be the customer: but for one of the customer's name."""
    speakers = {each.source for each in told if moves_status(each.event.type)}
    of_money, others = list[Told](), list[Told]()
    for each in told:
        pays = each.event.type.startswith(OF_MONEY) and each.source not in speakers
        (of_money if pays else others).append(each)
    names = {each.name for each in others} - {""}
    payers = {digest for each in of_money if each.name not in names for digest in each.addresses}
    return payers.difference(*(each.addresses for each in others))
