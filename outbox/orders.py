"""What is known of an order, from the events about it: a pure projection that may be fed late and out of turn."""

from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from outbox.model import Customer, Event, Order, OrderFields, Posted

V = TypeVar("V")

_RANKS = {
    "order.placed": 1,
    "order.confirmed": 2,
    "order.in_production": 3,
    "order.customization_needed": 4,
    "order.out_of_stock": 4,
    "order.delayed": 4,
    "order.ready": 5,
    "order.out_for_delivery": 6,
    "order.completed": 7,
    "order.cancelled": 8,
}
_AFTER_THE_SALE = 9
_SAID = ("source_id", "total", "currency", "fulfilment", "items", "note", "url")


def happened_at(posted: Posted) -> int:
    """When it happened by its source's word, else when it came (ms)."""
    moment = posted.event.occurred_at
    return posted.received_at if moment is None else to_ms(moment)


def to_ms(moment: datetime) -> int:
    """A moment without a zone is UTC."""
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def project(order: Order | None, posted: Posted) -> Order:
    """The order with this event applied.

    Status and payment follow the newest event by the time it happened; at the same time the further one wins. Fields that newer
    news gave are kept when older news comes late; what no one said yet is filled in from any news.
    """
    event, at = posted.event, happened_at(posted)
    if order is None:
        order = Order(
            ref=event.order.ref, source=posted.source, created_at=posted.received_at, updated_at=0, news_at=at
        )
    newer = at >= order.news_at
    changes = _fields(order, event.order, newer=newer)
    if event.customer is not None:
        changes["customer"] = merge(order.customer, event.customer, newer=newer)
    _advance(order, event, at, posted.source, changes)
    changes["updated_at"] = posted.received_at
    changes["news_at"] = max(order.news_at, at)
    return msgspec.structs.replace(order, **changes)


def _fields(order: Order, said: OrderFields, *, newer: bool) -> dict[str, object]:
    changes: dict[str, object] = {}
    for name in _SAID:
        value = getattr(said, name)
        if value is not None and (newer or getattr(order, name) in (None, ())):
            changes[name] = value
    if said.promised_at is not None and (newer or order.promised_at is None):
        changes["promised_at"] = to_ms(said.promised_at)
    return changes


def _advance(order: Order, event: Event, at: int, source: str, changes: dict[str, object]) -> None:
    family = event.type.split(".", 1)[0]
    if family in ("order", "return", "refund"):
        if (at, rank(event.type)) >= (order.status_at, rank(order.status)):
            changes |= {"status": event.type, "status_at": at, "status_source": source}
    elif family == "payment" and (at, event.type == "payment.confirmed") >= (
        order.payment_at,
        order.payment == "payment.confirmed",
    ):
        changes |= {"payment": event.type, "payment_at": at}


def rank(status: str) -> int:
    """How far along a status is, for those that happened at the same moment."""
    if status.startswith(("return.", "refund.")):
        return _AFTER_THE_SALE
    return _RANKS.get(status, 0)


def merge(known: Customer, said: Customer, *, newer: bool) -> Customer:
    """The customer with what was said of them; what was not said stays."""
    if known == _NOBODY:
        return said
    first, second = (said, known) if newer else (known, said)
    return Customer(
        name=first.name or second.name,
        phone=first.phone or second.phone,
        email=first.email or second.email,
        locale=first.locale or second.locale,
        consent=_merged(second.consent, first.consent),
        addresses=_merged(second.addresses, first.addresses),
    )


def _merged(under: dict[str, V] | None, over: dict[str, V] | None) -> dict[str, V] | None:
    if under is None or over is None:
        return over if under is None else under
    return under | over


_NOBODY = Customer()
