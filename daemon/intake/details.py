"""What of an order a shop may change without moving it: its contents, its customer, its time. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from daemon.amounts import decimal_of
from outbox.model import Customer, OrderFields
from outbox.orders import SECOND_MS

Details: TypeAlias = Mapping[str, Any]
"""By name, what was said; what nobody said is not in it."""

_OF_THE_ORDER = tuple(name for name in OrderFields.__struct_fields__ if name not in ("ref", "source_id", "url"))
_OF_THE_CUSTOMER = tuple(name for name in Customer.__struct_fields__ if name not in ("locale", "consent", "addresses"))
ADDRESSES = ("phone", "email")
"""By what a customer is reached, of what shops show."""


class Saying(Protocol):
    """Something that was said of an order, and when that happened (ms)."""

    @property
    def at(self) -> int: ...
    @property
    def details(self) -> Details: ...


def is_outdone(name: str, said: object, own: Iterable[Saying], others: Iterable[Saying]) -> bool:
    """Whether a source said that before, and others have said otherwise since. What it said late, when there was newer news of the order,
    did not count then, and is to be said again."""
    said_at = max((one.at for one in own if one.details.get(name) == said), default=None)
    if said is None or said_at is None:
        return False
    since = (one for one in others if one.at // SECOND_MS >= said_at // SECOND_MS)
    return any(one.details.get(name, said) != said for one in since)


def without(customer: Customer, addresses: Sequence[str]) -> Customer:
    """The same with these not said; nor is the country that a number is read by, where it is among them."""
    country = ("country",) if "phone" in addresses else ()
    return msgspec.structs.replace(customer, **dict.fromkeys((*addresses, *country)))


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
