"""The routes that ship: what a balloon store would want of each event type before it has written any rule.

They name every channel of a kind; of a route only the enabled ones count, and a route without any is as if it were not there.
"""

from typing import Literal, TypeAlias

from daemon.config import Duration, RouteTable
from outbox.model import EVENT_TYPES

Rank: TypeAlias = Literal["high", "normal", "low"]

TEXT = ("twilio", "vonage", "plivo", "modem")
CHAT = ("whatsapp", "messenger", "intercom")
PUSH = ("fcm", "pusher")
MAIL = ("sendgrid", "mailgun", "ses", "outlook", "smtp", "woocommerce")
DESK = ("slack", "webhook", "apprise")
CRM = ("hubspot", "klaviyo", "activecampaign", "sfmc", "zoho")

AT_ONCE = TEXT + CHAT + PUSH + MAIL
"""What the customer should read now: in the pocket first, the mailbox last."""

ON_RECORD = MAIL + CHAT + PUSH + TEXT
"""What the customer should be able to find again: the mailbox first, a text where there is none."""

BY_THE_WAY = PUSH + MAIL + CHAT
"""What is nice to know and worth no text."""

CHANNELS = frozenset(AT_ONCE + DESK + CRM)
"""Every channel that ships: a store's route may name one that it has not enabled."""

_HOUR = 3600
_NO_WAIT = Duration(0)
_MODEM_SOON = Duration(60)
_RETRY_AT_CHECKOUT = Duration(10 * 60)
_REMINDED_AFTER = Duration(_HOUR)
_MODEM_FOR_RECORDS = Duration(_HOUR)
"""What belongs into the mailbox waits this long for the line before it is sent as a text by the modem."""


def _customer(
    on: str,
    via: tuple[str, ...],
    hours: float,
    priority: Rank = "normal",
    *,
    urgent: bool = False,
    delay: Duration = _NO_WAIT,
    modem_after: Duration = _MODEM_SOON,
    when: str | None = None,
) -> RouteTable:
    return RouteTable(
        on=on,
        to="customer",
        via=via,
        expires=Duration(hours * _HOUR),
        priority=priority,
        urgent=urgent,
        delay=delay,
        modem_after=modem_after,
        when=when,
    )


def _record(on: str, hours: float, priority: Rank = "normal") -> RouteTable:
    return _customer(on, ON_RECORD, hours, priority, modem_after=_MODEM_FOR_RECORDS)


def _team(
    on: str, hours: float, priority: Rank = "normal", *, delay: Duration = _NO_WAIT, when: str | None = None
) -> RouteTable:
    return RouteTable(
        on=on, to="team", via=DESK, expires=Duration(hours * _HOUR), priority=priority, delay=delay, when=when
    )


def _crm(on: str, channel: str) -> RouteTable:
    return RouteTable(
        on=on,
        to="customer",
        via=(channel,),
        when="customer.email or customer.phone",
        expires=Duration(72 * _HOUR),
        priority="low",
    )


SHIPPED: tuple[RouteTable, ...] = (
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
    _record("refund.issued", 72),
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
    *(_crm(on, channel) for on in EVENT_TYPES for channel in CRM),
)

OPTIONAL: tuple[RouteTable, ...] = (
    _customer("order.changed", ON_RECORD, 24, when="order.open and event.news"),
    _customer("payment.pending", ON_RECORD, 24, "low", delay=_REMINDED_AFTER, modem_after=_MODEM_FOR_RECORDS),
)
"""What ships switched off: `[planning] also` names the types for which a store wants it."""
