"""What of an order a shop may change without moving it: its contents, its customer, its time. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from daemon.intake.values import decimal_of
from outbox.model import Customer, OrderFields

Details: TypeAlias = Mapping[str, Any]
"""By name, what was said; what nobody said is not in it."""

_OF_THE_ORDER = tuple(name for name in OrderFields.__struct_fields__ if name not in ("ref", "source_id", "url"))
_OF_THE_CUSTOMER = tuple(name for name in Customer.__struct_fields__ if name not in ("locale", "consent", "addresses"))


ADDRESSES = ("phone", "email")


def differing(told: Details, later: Details) -> Sequence[str]:
    """What the later ones say that was not told so yet. What they do not say is no change."""
    return [name for name, value in later.items() if _plain(name, told.get(name)) != _plain(name, value)]


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
    return {name: value for name, value in said.items() if value is not None}
