"""What the several statuses of a Shopify order mean, in the words of its REST webhooks and of GraphQL alike. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from daemon.intake.base import Fact, folded

SHIPMENT: Mapping[str, str] = {
    "ready_for_pickup": "order.ready",
    "out_for_delivery": "order.out_for_delivery",
    "delivered": "order.completed",
    "picked_up": "order.completed",
}
"""A parcel's `shipment_status`, or its `displayStatus` in lower case. What is not here (in_transit, label_printed) tells nobody."""

WHOLE = "order.completed"
_FULFILMENT: Mapping[str, str] = {"in_progress": "order.in_production", "fulfilled": WHOLE}
_ON_ITS_WAY = frozenset(
    [
        "label_printed",
        "label_purchased",
        "confirmed",
        "in_transit",
        "carrier_picked_up",
        "out_for_delivery",
        "attempted_delivery",
        "ready_for_pickup",
        "delayed",
    ]
)
"""A parcel in one of these has been handed over, not received: the order counts as fulfilled, and is not completed."""
_IN_PART = frozenset({"partial", "partially_fulfilled"})
"""Nor is it by a parcel that was received while more is to come."""
_UNTOUCHED = frozenset({"", "unfulfilled", "open"})
"""Nothing was done for it yet: REST says nothing then, and nothing of an order that is in progress either."""
CANCELLED = frozenset({"cancelled", "canceled"})
"""A parcel in one of these was taken back: it says nothing of the order any more, whatever its `shipment_status` was."""


class Meaning(Protocol):
    """A source's `furthest`."""

    def furthest(self, marks: Sequence[tuple[str, str]]) -> str: ...


def state_of(
    source: Meaning,
    *,
    financial: str,
    fulfilment: str,
    parcels: Sequence[str],
    tags: Sequence[str],
    fields: Sequence[str],
    is_cancelled: bool,
) -> str:
    """Where the order stands, as our event type; "" for nowhere that is told. `fields`: what else the store's table may name,
    as `attribute:NAME=VALUE`, `metafield:NAMESPACE.KEY=VALUE` or `note:TEXT`."""
    marks = [(financial, "order.confirmed" if financial == "authorized" else "")]
    handed_over = any(parcel in _ON_ITS_WAY for parcel in parcels)
    marks.append((fulfilment, "" if fulfilment == "fulfilled" and handed_over else _FULFILMENT.get(fulfilment, "")))
    usual = {parcel: SHIPMENT.get(parcel, "") for parcel in parcels}
    in_part = fulfilment in _IN_PART or handed_over
    marks += [(parcel, "" if type == WHOLE and in_part else type) for parcel, type in usual.items()]
    marks += [mark for tag in tags for mark in ((f"tag:{tag}", ""), (tag, ""))]
    marks += [(field, "") for field in fields]
    if is_cancelled:
        marks.append(("cancelled", "order.cancelled"))
    return source.furthest([(mark, type) for mark, type in marks if folded(mark)])


def stands_open(fulfilment: str, *, parcels: int, taken_back: int) -> bool:
    """Whether an order with no state that is told stands where it began: all its parcels were taken back, or nothing was done for it."""
    return parcels == taken_back and (parcels > 0 or fulfilment in _UNTOUCHED)


def placed_at(created: datetime | None, processed: datetime | None) -> datetime | None:
    """When somebody ordered: of an order that was imported `created` is the import, and only `processed` the order's own date."""
    return min((at for at in (created, processed) if at is not None), default=None)


def payments(
    placed: datetime | None, financial: str, total: str | None, currency: str | None, *, is_cancelled: bool
) -> Iterator[Fact]:
    """That it was placed, and what its `financial_status` says. One that was cancelled before it was paid has not failed, nor is it paid again
    when its sum is that of the whole order once more."""
    yield Fact("order.placed", at=placed)
    data = {name: value for name, value in (("amount", total), ("currency", currency)) if value}
    if financial == "paid":
        yield Fact("payment.confirmed", data=data, adds=not is_cancelled)
    elif financial in ("voided", "expired") and not is_cancelled:
        yield Fact("payment.failed", data=data)
