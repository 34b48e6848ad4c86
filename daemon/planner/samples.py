"""Sample orders to try texts on: one with everything, one with the least that an event may say."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args, get_type_hints

import msgspec

from outbox.model import Customer, Event, Item, Order, OrderFields, Posted
from outbox.orders import project

REF = "B-10421042"
NAME = "Maximiliane-Florenti"
"""20 letters and a reference of 10: what a text must fit into one SMS with."""

_PROMISED = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
_NOW = 1_795_515_300_000

_DATA: Mapping[str, Mapping[str, Any]] = {
    "order.cancelled": {"amount": "48.50", "reason": "customer"},
    "order.customization_needed": {"question": "Gold or silver?"},
    "order.out_of_stock": {"item": "Star balloon"},
    "order.out_for_delivery": {"tracking_url": "https://example.com/t/1"},
    "order.delayed": {"reason": "driver"},
    "refund.issued": {"amount": "48.50"},
    "payment.confirmed": {"amount": "48.50"},
    "payment.pending": {"amount": "48.50", "pay_url": "https://example.com/pay/1"},
    "order.changed": {"changed": ["promised_at", "total"]},
    "payment.failed": {"amount": "48.50", "reason": "card_declined", "pay_url": "https://example.com/pay/1"},
}
_EXAMPLES: Mapping[str, Any] = {
    name: meta.examples[0]
    for name, kind in get_type_hints(OrderFields, include_extras=True).items()
    for each in get_args(kind)
    for meta in getattr(each, "__metadata__", ())
}
"""What each text of an order may say."""
_ADDED = {"staff.question": "Gold or silver?", "staff.out_of_stock": "Silver instead?", "staff.text": "See you soon."}


def sample_text(template: str) -> str | None:
    """What a person might add to the template, None where a text needs nothing added."""
    return _ADDED.get(template)


def complete(event_type: str, currency: str) -> tuple[Event, Order]:
    """An order of which all is known."""
    fields = OrderFields(
        ref=REF,
        total="48.50",
        currency=currency,
        promised_at=_PROMISED,
        items=(Item("Helium bouquet, 12", 1, price="36.50"), Item("Foil letter A", 2, price="6.00")),
        **_EXAMPLES,
    )
    customer = Customer(name=NAME, phone="+447700900123", email="ada@example.com")
    data = dict(_DATA.get(event_type, {}))
    event = Event("sample-1", event_type, fields, datetime(2026, 11, 24, 10, 15, tzinfo=UTC), customer, data)
    order = project(None, Posted("sample", event, b"", _NOW))
    return event, msgspec.structs.replace(order, status=event_type, status_at=_NOW)


def minimal(event_type: str) -> tuple[Event, Order]:
    """An order of which only the reference is known."""
    event = Event("sample-2", event_type, OrderFields(ref=REF))
    return event, Order(ref=REF, source="sample", created_at=_NOW, updated_at=_NOW)
