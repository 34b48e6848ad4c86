"""What an event makes pointless: messages that still wait and would tell what holds no more. Pure.

A newer status puts older ones aside by the message that it leads to. These are for where there is none, or where it is of another family;
and for the end of an order, of which they may hear by no way at all.
"""

from collections.abc import Mapping

from outbox.model import Order, Posted
from outbox.orders import PAID, UNPAID, happened_at, moves_status, rank

_HANDED_OVER = ("order.ready", "order.out_for_delivery", "order.completed", "order.cancelled")
_UNDER_WAY = (
    "order.placed",
    "order.confirmed",
    "order.in_production",
    "order.customization_needed",
    "order.out_of_stock",
    "order.delayed",
    "order.ready",
    "order.out_for_delivery",
)
_CALLS = tuple(type for type in _UNDER_WAY if type not in ("order.placed", "order.confirmed"))
"""What bids the customer come, wait or answer: nothing of it holds once the order is over, whether or not they hear of that."""
_TAKES_IT = ("order.placed", "order.confirmed")
_POINTLESS: Mapping[str, tuple[str, ...]] = {
    PAID: UNPAID,
    "payment.failed": ("payment.failed",),
    "order.placed": ("payment.pending",),
    "order.completed": _CALLS,
    "order.cancelled": (*UNPAID, *_UNDER_WAY),
    "order.deleted": (*UNPAID, *_UNDER_WAY),
}
"""By type: the types whose waiting messages are not sent any more. A payment that failed again, or of which another source says so too,
is told once: while the first word of it waits, the last one takes its place."""


def drops(posted: Posted, before: Order | None, *, late: bool) -> tuple[str, ...]:
    """The types that this event makes pointless. `late`: the order has left it behind, so it says nothing of where that stands."""
    found = _POINTLESS.get(posted.event.type, ())
    if late:
        return tuple(type for type in found if not moves_status(type))
    more = (*_taken_back(posted, before), *_paid_otherwise(posted, before))
    return found + tuple(type for type in more if type not in found)


def _paid_otherwise(posted: Posted, before: Order | None) -> tuple[str, ...]:
    """That a payment failed, of what was placed or confirmed after that by whoever said so: it is paid by transfer, or on collection."""
    if posted.event.type not in _TAKES_IT or before is None or before.payment != "payment.failed":
        return ()
    is_later = before.payment_source == posted.source and happened_at(posted) >= before.payment_at
    return ("payment.failed",) if is_later else ()


def _taken_back(posted: Posted, before: Order | None) -> tuple[str, ...]:
    """That it was ready, when whoever said so, or staff, says now that it is not: it may wait for the line or the morning."""
    new = posted.event.type
    if before is None or not moves_status(new) or not rank(new):
        return ()
    if not posted.actor and before.status_source != posted.source:
        return ()
    return tuple(type for type in _HANDED_OVER if rank(type) > rank(new))
