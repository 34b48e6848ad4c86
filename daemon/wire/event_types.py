"""What events are called."""

from daemon.wire.near import nearest

EVENT_TYPES = (
    "order.placed",
    "order.confirmed",
    "order.in_production",
    "order.ready",
    "order.out_for_delivery",
    "order.completed",
    "order.cancelled",
    "order.delayed",
    "order.customization_needed",
    "order.out_of_stock",
    "return.requested",
    "return.received",
    "refund.issued",
    "payment.confirmed",
    "payment.failed",
)
"""The event types that have a meaning here: texts and routes ship for each; others are stored, and do what routes say."""

QUIET_TYPES = ("order.changed", "order.reopened", "order.deleted", "payment.pending")
"""What shops tell beside these, and nobody hears of unless the store wants it: an order's details changed, it was taken up again
after all, it is gone; it waits to be paid for."""


def nearly_event_type(name: str) -> str | None:
    """The one that was probably meant; None where `name` is one, or is like none of them: then it is the store's own."""
    known = (*EVENT_TYPES, *QUIET_TYPES)
    return None if name in known else nearest(name, known, alike=0.85)
