"""The routes that ship: what a balloon store would want of each event type before it has written any rule.

They name kinds of channels, never a channel: of each kind the enabled ones count, in the order that their classes declare. A route
without any is as if it were not there.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from daemon.config import Duration, RouteTable
from daemon.planner.recipients import Reach
from daemon.wire.event_types import EVENT_TYPES

Rank: TypeAlias = Literal["high", "normal", "low"]

AT_ONCE = ("sms", "chat", "push", "email")
"""What the customer should read now: in the pocket first, the mailbox last."""

ON_RECORD = ("email", "chat", "push", "sms")
"""What the customer should be able to find again: the mailbox first, a text where there is none."""

BY_THE_WAY = ("push", "email", "chat")
"""What is nice to know and worth no text."""

DESK = ("team",)
"""Where the team reads."""

CRM = ("crm",)
"""The customer systems: each is a recipient of its own, so that it neither holds up nor replaces what the customer is told."""

_HOUR = 3600
_NO_WAIT = Duration(0)
_MODEM_SOON = Duration(60)
_RETRY_AT_CHECKOUT = Duration(10 * 60)
_REMINDED_AFTER = Duration(_HOUR)
_MODEM_FOR_RECORDS = Duration(_HOUR)
"""What belongs into the mailbox waits this long for the line before it is sent as a text by the modem."""


class Shipped(msgspec.Struct, frozen=True):
    """One of the routes that ship: all of it but the channels."""

    route: RouteTable
    kinds: tuple[str, ...]
    apart: bool = False
    """Each channel has a route of its own."""

    def tables(self, channels: Mapping[str, Reach]) -> Iterator[RouteTable]:
        """With the channels that there are; none where there are none."""
        via = ways(self.kinds, channels)
        for names in ((name,) for name in via) if self.apart else (via,) if via else ():
            yield msgspec.structs.replace(self.route, via=names)


def ways(kinds: Sequence[str], channels: Mapping[str, Reach]) -> tuple[str, ...]:
    """The channels of these kinds, kind by kind, each kind in the order that its channels declare."""
    ranked = sorted(channels, key=lambda name: (channels[name].rank, name))
    return tuple(dict.fromkeys(name for kind in kinds for name in ranked if channels[name].is_of(kind)))


def _customer(
    on: str,
    kinds: tuple[str, ...],
    hours: float,
    priority: Rank = "normal",
    *,
    urgent: bool = False,
    delay: Duration = _NO_WAIT,
    modem_after: Duration = _MODEM_SOON,
    when: str | None = None,
) -> Shipped:
    table = RouteTable(
        on=on,
        to="customer",
        via=(),
        expires=Duration(hours * _HOUR),
        priority=priority,
        urgent=urgent,
        delay=delay,
        modem_after=modem_after,
        when=when,
    )
    return Shipped(table, kinds)


def _record(on: str, hours: float, priority: Rank = "normal") -> Shipped:
    return _customer(on, ON_RECORD, hours, priority, modem_after=_MODEM_FOR_RECORDS)


def _team(
    on: str, hours: float, priority: Rank = "normal", *, delay: Duration = _NO_WAIT, when: str | None = None
) -> Shipped:
    expires = Duration(hours * _HOUR)
    return Shipped(
        RouteTable(on=on, to="team", via=(), expires=expires, priority=priority, delay=delay, when=when), DESK
    )


def _crm(on: str) -> Shipped:
    table = RouteTable(
        on=on,
        to="customer",
        via=(),
        when="customer.email or customer.phone",
        expires=Duration(72 * _HOUR),
        priority="low",
    )
    return Shipped(table, CRM, apart=True)


SHIPPED: tuple[Shipped, ...] = (
    _record("order.placed", 24),
    _record("order.confirmed", 24),
    _customer("order.in_production", BY_THE_WAY, 12, "low"),
    _customer("order.ready", AT_ONCE, 12, "high"),
    _customer("order.out_for_delivery", AT_ONCE, 4, "high", urgent=True),
    _record("order.completed", 24, "low"),
    _customer("order.cancelled", AT_ONCE, 48, "high"),
    _customer("order.delayed", AT_ONCE, 12, "high", urgent=True),
    _customer("order.customization_needed", AT_ONCE, 24, "high"),
    _customer("order.out_of_stock", AT_ONCE, 24, "high"),
    _record("return.requested", 48),
    _record("return.received", 48),
    _customer(
        "refund.issued",
        ON_RECORD,
        72,
        modem_after=_MODEM_FOR_RECORDS,
        when="event.amount is none or event.amount > 0",
    ),
    _record("payment.confirmed", 48),
    _customer("payment.failed", AT_ONCE, 24, delay=_RETRY_AT_CHECKOUT),
    _team("order.placed", 24),
    _team("order.cancelled", 24, "high"),
    _team("order.delayed", 12),
    _team("order.customization_needed", 24, "high"),
    _team("order.out_of_stock", 24, "high"),
    _team("return.requested", 48),
    _team("refund.issued", 24, "high", when="event.full and order.open"),
    _team("payment.failed", 24, delay=_RETRY_AT_CHECKOUT),
    *(_crm(on) for on in EVENT_TYPES),
)

OPTIONAL: tuple[Shipped, ...] = (
    _customer("order.changed", ON_RECORD, 24, when="order.open and event.news"),
    _customer("payment.pending", ON_RECORD, 24, "low", delay=_REMINDED_AFTER, modem_after=_MODEM_FOR_RECORDS),
)
"""What ships switched off: `[planning] also` names the types for which a store wants it."""
