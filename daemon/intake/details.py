"""What of an order a shop may change without moving it: its contents, its customer, its time. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from daemon.intake.values import decimal_of
from outbox.model import Customer, Item, OrderFields

_OF_THE_ORDER = ("total", "currency", "fulfilment", "promised_at", "items", "note")
_OF_THE_CUSTOMER = ("name", "phone", "email", "country")


class Details(msgspec.Struct, frozen=True):
    """None: nothing was said of it."""

    total: str | None = None
    currency: str | None = None
    fulfilment: str | None = None
    promised_at: datetime | None = None
    items: tuple[Item, ...] | None = None
    note: str | None = None
    name: str | None = None
    phone: str | None = None
    email: str | None = None
    country: str | None = None

    def then(self, later: "Details") -> "Details":
        """What is known after both."""
        said = {name: value for name, value in msgspec.structs.asdict(later).items() if value is not None}
        return msgspec.structs.replace(self, **said)

    def differing(self, later: "Details") -> Sequence[str]:
        """What the later one says that was not said so yet. What it does not say is no change."""
        mine, theirs = msgspec.structs.asdict(self), msgspec.structs.asdict(later)
        said = [name for name in mine if theirs[name] is not None]
        return [name for name in said if _plain(name, mine[name]) != _plain(name, theirs[name])]


def _plain(name: str, value: Any) -> object:
    """As two ways of asking one shop write it alike: 34.9 is 34.90, and what one item costs follows from the total."""
    if value is None:
        return None
    if name == "total":
        return decimal_of(value)
    if name == "items":
        return [(item.name, item.quantity) for item in value]
    return value


def details_of(order: OrderFields, customer: Customer | None) -> Details:
    said = {name: getattr(order, name) for name in _OF_THE_ORDER}
    if customer is not None:
        said |= {name: getattr(customer, name) for name in _OF_THE_CUSTOMER}
    return Details(**said)
