"""What a sender of events says of an order again with each of them: it is no news, and undoes nothing that others said since. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

import msgspec

from daemon.intake.base import CHANGED, DELETED
from daemon.intake.details import ADDRESSES, Details, is_outdone, without
from daemon.intake.diff import DELAYED
from outbox.model import Event
from outbox.orders import PAID, SECOND_MS, moves_status, rank, to_ms

_DAY_MS = 86_400_000
_TELL_NO_TIME = ("payment.", "refund.", "return.")
"""Families of which the customer hears without the time that is promised."""
_ENDS_UNPLACED = ("order.cancelled", DELETED)
"""Where what was never placed may stand all the same."""
_OF_A_DRAFT = ":draft"
"""What follows in the id of a draft's end: its order may be taken up again, and cancelled for good under that id."""


class Said(msgspec.Struct, frozen=True):
    """An event of an order, and what it said of it."""

    source: str
    id: str
    type: str
    details: Details
    at: int
    """When it happened (ms)."""


def less_said_before(event: Event, source: str, told: Sequence[Said]) -> Event:
    """Without the time and the addresses that its source said last and of which others (staff, another source) have said since what holds
    now. Nor is a time that was promised already the new one of what is late. `told`: of its order, oldest first; of an event that comes again
    what came before it counts."""
    before = _said_before(event, source, told)
    own = [one for one in before if one.source == source]
    others = [one for one in before if one.source != source]
    last: dict[str, Any] = {}
    for one in own:
        last |= one.details
    order, customer = event.order, event.customer

    def is_old(name: str, said: object) -> bool:
        return last.get(name) == said and is_outdone(name, said, own, others)

    at = order.promised_at
    is_no_new_time = event.type == DELAYED and at is not None and _is_known(at, last.get("promised_at"), before)
    if is_no_new_time or (event.type != DELAYED and is_old("promised_at", at)):
        order = msgspec.structs.replace(order, promised_at=None)
    if customer is not None:
        outdone = [name for name in ADDRESSES if is_old(name, getattr(customer, name))]
        customer = without(customer, outdone)
    return msgspec.structs.replace(event, order=order, customer=customer)


def before_later_step(event: Event, source: str, told: Sequence[Said]) -> Event:
    """What is dated with the end of its day, since nobody knows more, happened before a step that others took that day and that is further along.
    `told`: as above."""
    assert event.occurred_at is not None
    end = to_ms(event.occurred_at)
    others = (one for one in _said_before(event, source, told) if one.source != source and moves_status(one.type))
    newest = max((one for one in others if 0 <= end - one.at < _DAY_MS), key=lambda one: one.at, default=None)
    if newest is None or not 0 < rank(event.type) < rank(newest.type):
        return event
    return msgspec.structs.replace(event, occurred_at=datetime.fromtimestamp((newest.at - SECOND_MS) / 1000, UTC))


def as_end_of_draft(event: Event) -> Event:
    return msgspec.structs.replace(event, id=event.id + _OF_A_DRAFT)


def ends_draft(event: Event, source: str, told: Sequence[Said]) -> bool:
    """Whether that its order is cancelled ends what was never placed: nobody had said otherwise, nor that it is paid. `told`: as above."""
    return all(one.type in _ENDS_UNPLACED for one in _steps_before(event, source, told))


def ends_draft_again(event: Event, source: str, told: Sequence[Said]) -> bool:
    """Whether its source says again that its draft ended, of an order that others placed since: that is of no concern to it. `told`: as above."""
    before = _steps_before(event, source, told)
    own = [n for n, one in enumerate(before) if one.source == source]
    if not own or not before[own[-1]].id.endswith(_OF_A_DRAFT):
        return False
    return any(one.type != PAID and one.type not in _ENDS_UNPLACED for one in before[own[-1] :])


def _steps_before(event: Event, source: str, told: Sequence[Said]) -> Sequence[Said]:
    return [one for one in _said_before(event, source, told) if moves_status(one.type) or one.type == PAID]


def _said_before(event: Event, source: str, told: Sequence[Said]) -> Sequence[Said]:
    return list(takewhile(lambda one: (one.source, one.id) != (source, event.id), told))


def _is_known(at: datetime, last: datetime | None, before: Sequence[Said]) -> bool:
    """Of what is late: whether that time holds and was promised otherwise than by a delay or an edit, of which nobody hears by itself; or
    does not hold any more, and its source says it still."""
    said = [(one.type, time) for one in before if (time := one.details.get("promised_at")) is not None]
    if not said or said[-1][1] != at:
        return last == at
    first, _ = list(takewhile(lambda one: one[1] == at, reversed(said)))[-1]
    return first not in (CHANGED, DELAYED) and not first.startswith(_TELL_NO_TIME)
