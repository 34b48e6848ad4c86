"""What is known of an order, from the events about it: a pure projection that may be fed late and out of turn."""

import re
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from outbox.model import Customer, Event, Order, OrderFields, Posted, Tellers

V = TypeVar("V")

SECOND_MS = 1000
AHEAD_MS = 2000
"""What is on record as later than now by more was put there by a clock that was ahead, and says nothing of when it happened."""

QUESTIONS = frozenset({"order.customization_needed", "order.out_of_stock"})
"""Statuses that ask the customer something: yes or no answers them."""

ENDS = frozenset({"order.completed", "order.cancelled"})
PAID = "payment.confirmed"
UNPAID = ("payment.failed", "payment.pending")
"""Statuses after which nothing is awaited any more."""

_OVER = ENDS | {"order.deleted"}
_HANDED_OVER = frozenset({"order.ready", "order.out_for_delivery"})
"""Statuses after which its number may be another order's."""

_LOCAL = 7
"""Digits by which a number is the same with its country and without."""

_RANKS = {
    "order.placed": 1,
    "order.confirmed": 2,
    "order.reopened": 2,
    "order.in_production": 3,
    "order.customization_needed": 4,
    "order.out_of_stock": 4,
    "order.delayed": 4,
    "order.ready": 5,
    "order.out_for_delivery": 6,
    "order.completed": 7,
    "order.cancelled": 8,
    "order.deleted": 8,
}
_AFTER_THE_SALE = 9
AFTER_SALE = ("return.", "refund.")
"""Families that say something of goods and money: they never move an order's stage."""
OF_MONEY = ("payment.", *AFTER_SALE)
"""Families whose sources know who pays, who need not be whom the order is for."""
MOST_TOLD = 20
"""Types, and sources of each, of which an order remembers how often they were told: their names come from outside."""
_NOTHING = re.compile(r"0+(\.0+)?")
_SAID = tuple(name for name in OrderFields.__struct_fields__ if name not in ("ref", "promised_at"))
"""What is kept as it was said."""


def happened_at(posted: Posted) -> int:
    """When it happened by its source's word, but not after it came: else when it came (ms)."""
    moment = posted.event.occurred_at
    return posted.received_at if moment is None else min(to_ms(moment), posted.received_at)


def comes_late(order: Order, posted: Posted) -> bool:
    """Whether the order's status is newer than this event. Within one second the order of arrival decides: sources count in seconds."""
    return _is_older(happened_at(posted), order.status_at, posted.received_at)


def is_paid_since(order: Order, posted: Posted) -> bool:
    """Whether a payment came through after this event happened."""
    paid = order.payment == "payment.confirmed"
    return paid and _is_older(happened_at(posted), order.payment_at, posted.received_at)


def _is_older(at: int, known: int, now: int) -> bool:
    """Nothing that is on record happened after `now`: what claims so was told by a wrong clock, ours or another's."""
    if known > now + AHEAD_MS:
        return False
    return at // SECOND_MS < min(known, now) // SECOND_MS


def to_ms(moment: datetime) -> int:
    """A moment without a zone is UTC."""
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def project(order: Order | None, posted: Posted) -> Order:
    """The order with this event applied.

    Status, payment and what came after the sale follow the newest event by the time it happened; of those in one second the one that
    came last. Fields that newer news gave are kept when older news comes late; what no one said yet is filled in from any news, and from what
    tells of money alone no more than that. The id of it that counts is of whoever first said where it stands: what others call it, who were
    paid for it or make it, says nothing to them.
    """
    at = happened_at(posted)
    order = known_of(order, posted)
    if order is None:
        return _first(posted, at)
    event, now = posted.event, posted.received_at
    is_old = _is_of_money_alone(order, posted) or _is_older(at, order.news_at, now)
    newer = _takes_over(order, event.type) or not is_old
    changes = _fields(order, event.order, newer=newer)
    if order.source_id is not None:
        names_it = moves_status(event.type) and (not order.status or posted.source == order.source)
        changes["source_id"] = (event.order.source_id if names_it else None) or order.source_id
    if event.customer is not None:
        changes["customer"] = _customer(order, event.customer, posted, newer=newer)
    if moves_status(event.type) and not order.status:
        changes["told_by"] = posted.source
    if moves_status(event.type) and not comes_late(order, posted):
        changes |= {"status": event.type, "status_at": at, "status_source": posted.source}
        if event.type in QUESTIONS:
            changes |= {"answer": "", "answer_at": 0}
    elif event.type.startswith("payment.") and _pays(event.type, at, order, now):
        changes |= {"payment": event.type, "payment_at": at}
        if event.type != order.payment:
            changes["payment_source"] = posted.source
    elif event.type.startswith(AFTER_SALE) and not _is_older(at, order.after_sale_at, now):
        changes |= {"after_sale": event.type, "after_sale_at": at}
    if _is_counted(event):
        changes["tellers"] = _told_once_more(order, posted)
    changes["updated_at"] = now
    changes["news_at"] = at if newer and _says_details(posted) else min(order.news_at, now)
    return msgspec.structs.replace(order, **changes)


def _is_counted(event: Event) -> bool:
    """Whether an order may have several of it. What gives no money back, but goods into stock, is no refund."""
    if event.type.startswith("refund."):
        return not _NOTHING.fullmatch(str((event.data or {}).get("amount")))
    return event.type == PAID or event.type.startswith(AFTER_SALE)


def _told_once_more(order: Order, posted: Posted) -> dict[str, Tellers]:
    """With that source's word. It is of one more where nobody told of as many, or what was paid had failed since."""
    type, source = posted.event.type, posted.source
    told = tellers_of(order)
    known = told.get(type, Tellers("", {}))
    most, times = max(known.times.values(), default=0), known.times.get(source, 0) + 1
    is_next = times > most or (type == PAID and order.payment != PAID)
    first, nth = (source, most + 1) if is_next else (known.first, times)
    return _newest_last(told, type, Tellers(first, _newest_last(known.times, source, nth)))


def _newest_last(known: dict[str, V], name: str, value: V) -> dict[str, V]:
    others = [(other, had) for other, had in known.items() if other != name]
    return dict([*others, (name, value)][-MOST_TOLD:])


def tellers_of(order: Order) -> dict[str, Tellers]:
    """Who told of its payments that came through, returns and refunds, by type. Of an order from before they were counted, what is known counts
    once."""
    if order.tellers:
        return order.tellers
    first = {order.after_sale: order.after_sale_source}
    if order.payment == PAID:
        first[PAID] = order.payment_source
    return {type: Tellers(source, {source: 1}) for type, source in first.items() if source}


def _customer(order: Order, said: Customer, posted: Posted, *, newer: bool) -> Customer:
    """Newer news of them counts, but a payer's contact only until somebody says where the order stands, and after that for what is not known.
    The country of a number goes with the number."""
    if not order.status and moves_status(posted.event.type):
        payer = msgspec.structs.replace(order.customer, country=None) if said.phone else order.customer
        return merge(payer, said, newer=True)
    if not _is_of_money_alone(order, posted):
        return merge(order.customer, said, newer=newer)
    if order.customer.phone:
        said = msgspec.structs.replace(said, country=None)
    no = {kind: may for kind, may in (said.consent or {}).items() if not may}
    gaps = merge(order.customer, said, newer=False)
    return msgspec.structs.replace(gaps, consent=_merged(gaps.consent, no)) if no else gaps


def _takes_over(order: Order, type: str) -> bool:
    """Whether that is the first word on where it stands, of an order that is known of its money: a deposit is not what it costs."""
    return moves_status(type) and not order.status and bool(order.payment or order.after_sale)


def _is_of_money_alone(order: Order, posted: Posted) -> bool:
    """Whether it is told by who was paid for the order and knows no more of it: what was paid may be a part, and who paid another."""
    is_of_money = posted.event.type.startswith(OF_MONEY)
    return is_of_money and bool(order.status) and not _speaks_for_it(order, posted.source)


def _speaks_for_it(order: Order, source: str) -> bool:
    """Whether it said where the order stands, be it the first to do so, and so does not know of it by a payment alone."""
    return source in (order.status_source, order.told_by or order.source)


def known_of(there: Order | None, posted: Posted) -> Order | None:
    """What is known of its order before this event: nothing where it is the first to have the number, or gets it anew."""
    return None if there is None or is_given_out_again(there, posted) else there


def is_given_out_again(order: Order, posted: Posted) -> bool:
    """Whether its number is another order's by now: a till that counts anew each day places one for somebody else, after the end of that.
    Nothing that was known holds for it: least of all where its customer is reached."""
    said = posted.event.customer
    if posted.event.type != "order.placed" or order.status not in _OVER or said is None or comes_late(order, posted):
        return False
    theirs, mine = _reached_by(said), _reached_by(order.customer)
    if both := theirs.keys() & mine.keys():
        return all(theirs[kind] != mine[kind] for kind in both)
    names = {customer.name.strip().casefold() for customer in (said, order.customer) if customer.name}
    return len(names) > 1


def _reached_by(customer: Customer) -> dict[str, str]:
    """Where, by kind of address, in a form in which two ways of writing a number are one."""
    given = {**(customer.addresses or {}), "email": customer.email or "", "phone": _local(customer.phone or "")}
    return {kind: address.strip().casefold() for kind, address in given.items() if address.strip()}


def _local(number: str) -> str:
    return "".join(filter(str.isdecimal, number))[-_LOCAL:]


def _first(posted: Posted, at: int) -> Order:
    event, said = posted.event, posted.event.order
    has_status, pays = moves_status(event.type), event.type.startswith("payment.")
    follows = event.type.startswith(AFTER_SALE)
    return Order(
        ref=said.ref,
        source=posted.source,
        status=event.type if has_status else "",
        status_at=at if has_status else 0,
        status_source=posted.source if has_status else "",
        told_by=posted.source if has_status else "",
        payment=event.type if pays else "",
        payment_at=at if pays else 0,
        payment_source=posted.source if pays else "",
        after_sale=event.type if follows else "",
        after_sale_at=at if follows else 0,
        tellers={event.type: Tellers(posted.source, {posted.source: 1})} if _is_counted(event) else {},
        customer=event.customer or _NOBODY,
        created_at=posted.received_at,
        updated_at=posted.received_at,
        news_at=at if _says_details(posted) else 0,
        **_fields(None, said, newer=True),
    )


def _says_details(posted: Posted) -> bool:
    """Whether it says anything of the order or its customer beside what happened: what says nothing makes no other word old."""
    event = posted.event
    if event.customer is not None and event.customer != _NOBODY:
        return True
    return any(getattr(event.order, name) is not None for name in (*_SAID, "promised_at") if name != "source_id")


def _fields(order: Order | None, said: OrderFields, *, newer: bool) -> dict[str, Any]:
    """What it says of the order; where there is newer news (`newer` is False), only of what nobody has said yet."""
    changes: dict[str, Any] = {}
    for name in _SAID:
        value = getattr(said, name)
        if value is not None and (newer or getattr(order, name) in (None, ())):
            changes[name] = value
    if said.promised_at is not None and (newer or order is None or order.promised_at is None):
        changes["promised_at"] = to_ms(said.promised_at)
    return changes


def moves_status(type: str) -> bool:
    """Whether an event of that type says where its order stands."""
    return type.startswith("order.") and type != "order.changed"


def _pays(type: str, at: int, order: Order, now: int) -> bool:
    """At the same moment a payment that came through outweighs one that failed."""
    confirmed = "payment.confirmed"
    if order.payment_at > now:
        return not _is_older(at, order.payment_at, now)
    return (at, type == confirmed) >= (order.payment_at, order.payment == confirmed)


def is_settled(trigger: str, order: Order) -> bool:
    """Whether news of that type is not so any more, by where its order stands: it was paid, or is paid otherwise, is at an end, or has stepped
    back from where the news calls somebody to the shop."""
    if order.status in _OVER and order.status != trigger:
        return ends_with_its_order(trigger)
    if trigger in UNPAID:
        placed = order.status in ("order.placed", "order.confirmed") and order.status_at >= order.payment_at
        return order.payment == PAID or (placed and order.status_source == order.payment_source)
    return trigger in _HANDED_OVER and 0 < rank(order.status) < rank(trigger)


def ends_with_its_order(trigger: str) -> bool:
    """Whether news of that type is not so any more once its order is over."""
    return trigger in UNPAID or (moves_status(trigger) and trigger not in ENDS)


def rank(status: str) -> int:
    """How far along a status is, for those that happened at the same moment."""
    if status.startswith(AFTER_SALE):
        return _AFTER_THE_SALE
    return _RANKS.get(status, 0)


def merge(known: Customer, said: Customer, *, newer: bool) -> Customer:
    """The customer with what was said of them; what was not said stays. A number is in the country that was said with it."""
    if known == _NOBODY:
        return said
    first, second = (said, known) if newer else (known, said)
    if first.phone and second.phone and _local(first.phone) != _local(second.phone):
        second = msgspec.structs.replace(second, country=None)
    return Customer(
        name=first.name or second.name,
        phone=first.phone or second.phone,
        email=first.email or second.email,
        locale=first.locale or second.locale,
        consent=_merged(second.consent, first.consent),
        addresses=_merged(second.addresses, first.addresses),
        country=first.country or second.country,
    )


def _merged(under: dict[str, V] | None, over: dict[str, V] | None) -> dict[str, V] | None:
    if under is None or over is None:
        return over if under is None else under
    return under | over


_NOBODY = Customer()
