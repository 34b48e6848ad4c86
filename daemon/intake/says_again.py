"""What a sender of events says of an order again with each of them: it is no news, and undoes nothing that others said since. Pure."""

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any

import msgspec

from daemon.intake.base import CHANGED
from daemon.intake.details import ADDRESSES, Details
from daemon.intake.diff import DELAYED
from outbox.model import Event


class Said(msgspec.Struct, frozen=True):
    """An event of an order, and what it said of it."""

    source: str
    id: str
    type: str
    details: Details


def less_said_before(event: Event, source: str, told: Sequence[Said]) -> Event:
    """Without the time and the addresses that its source said last: staff, or another source, may have said since what holds now. Nor is a
    time that was promised already the new one of what is late. `told`: of its order, oldest first; of an event that comes again what came
    before it counts."""
    before = list(takewhile(lambda one: (one.source, one.id) != (source, event.id), told))
    last: dict[str, Any] = {}
    for one in before:
        if one.source == source:
            last |= one.details
    order, customer = event.order, event.customer
    if order.promised_at is not None and _is_known(event.type, order.promised_at, last.get("promised_at"), before):
        order = msgspec.structs.replace(order, promised_at=None)
    if customer is not None:
        same = [name for name in ADDRESSES if getattr(customer, name) == last.get(name)]
        customer = msgspec.structs.replace(customer, **dict.fromkeys(same))
    return msgspec.structs.replace(event, order=order, customer=customer)


def _is_known(type: str, at: datetime, last: datetime | None, before: Sequence[Said]) -> bool:
    """Of what is late: whether that time holds and was promised otherwise than by a delay or an edit, of which nobody hears by itself; or
    does not hold any more, and its source says it still."""
    said = [(one.type, time) for one in before if (time := one.details.get("promised_at")) is not None]
    if type != DELAYED or not said or said[-1][1] != at:
        return last == at
    first, _ = list(takewhile(lambda one: one[1] == at, reversed(said)))[-1]
    return first not in (CHANGED, DELAYED)
