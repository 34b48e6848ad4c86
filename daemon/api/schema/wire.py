"""What comes in, as msgspec structs: the one source of validation and of the OpenAPI schemas.

The event is `outbox.model.Event` with the constraints that only the outside needs. Unknown fields are ignored here, and kept with
the event's own JSON.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from daemon.api.schema.body import described
from daemon.iso import country_trouble, currency_trouble
from outbox import model
from outbox.model import State

_PRINTABLE = described(r"^(?![\s\S]*[\x00-\x1f\x7f])", "free of control characters and line breaks")
_TYPE = described(r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$(?!\n)", 'lower-case words joined by dots, like "order.ready"')
_TYPE_GLOB = described(r"^[a-z*][a-z0-9_.*]*$(?!\n)", 'an event type or a glob of such, like "order.*"')
_MONEY = described(r"^-?[0-9]{1,15}(\.[0-9]{1,6})?$(?!\n)", 'a decimal number as text, like "48.50"')
_CURRENCY = described(r"^[A-Za-z]{3}$(?!\n)", 'a currency of three letters, like "GBP"')
_LOCALE = described(r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,3}$(?!\n)", 'a language, like "en" or "de-AT"')
_MEDIUM = described(r"^(sms|email|chat|push|crm|all)$(?!\n)", "a medium, or all")
_WORD = described(r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)", "letters, digits, dots, dashes and underscores")

EventId = Annotated[
    str,
    Meta(min_length=1, max_length=200, pattern=_PRINTABLE, description="The source's own id of the event: taken once."),
]
EventType = Annotated[str, Meta(max_length=100, pattern=_TYPE, description="What happened.", examples=["order.ready"])]
OrderRef = Annotated[
    str, Meta(min_length=1, max_length=100, pattern=_PRINTABLE, description="The order's number, as people call it.")
]
Money = Annotated[str, Meta(pattern=_MONEY, description="A decimal string.", examples=["48.50"])]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset.")]
Word = Annotated[str, Meta(min_length=1, max_length=60, pattern=_WORD)]
Line = Annotated[str, Meta(max_length=500, pattern=_PRINTABLE)]
Address = Annotated[str, Meta(min_length=1, max_length=320, pattern=_PRINTABLE)]
Locale = Annotated[str, Meta(pattern=_LOCALE)]
Limit = Annotated[int, Meta(ge=1, le=500, description="How many at most.")]
Cursor = Annotated[str, Meta(min_length=1, max_length=200, description="`next` of the page before.")]


# ---------------------------------------------------------------- the event


class ItemFields(model.Item, frozen=True, omit_defaults=True):
    """One line of an order."""

    price: Money | None = None


class OrderFields(model.OrderFields, frozen=True, omit_defaults=True):
    """What an event says of its order: absent fields say nothing."""

    ref: OrderRef
    source_id: Annotated[str, Meta(max_length=200, pattern=_PRINTABLE)] | None = None
    total: Money | None = None
    currency: Annotated[str, Meta(pattern=_CURRENCY)] | None = None
    promised_at: Moment | None = None
    items: tuple[ItemFields, ...] | None = None

    def __post_init__(self) -> None:
        if self.currency is not None and (trouble := currency_trouble(self.currency)):
            raise ValueError(f"`currency` {trouble}")


class CustomerFields(model.Customer, frozen=True, omit_defaults=True):
    """Who is to hear of the order. A phone number or address that can't be used is no reason to refuse the event."""

    def __post_init__(self) -> None:
        if self.country and (trouble := country_trouble(self.country)):
            raise ValueError(f"`country` {trouble}")


class Event(model.Event, frozen=True, omit_defaults=True):
    """Something that happened to an order. Unknown fields are ignored, and kept."""

    id: EventId
    type: EventType
    order: OrderFields
    occurred_at: Moment | None = None
    customer: CustomerFields | None = None


class CloudData(msgspec.Struct, frozen=True, omit_defaults=True):
    """`data` of a CloudEvent: our event's order, customer and data."""

    order: OrderFields
    customer: CustomerFields | None = None
    data: dict[str, Any] | None = None


class CloudEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """CloudEvents 1.0, structured. A type that ends in one of ours (`com.example.order.ready`) counts as that one."""

    specversion: Annotated[str, Meta(pattern=described(r"^1\.[0-9]+$(?!\n)", 'a version of CloudEvents 1, like "1.0"'))]
    id: EventId
    source: Annotated[str, Meta(min_length=1, max_length=200, pattern=_PRINTABLE, description="Who told it.")]
    type: Annotated[str, Meta(min_length=1, max_length=200, pattern=_PRINTABLE, examples=["com.example.order.ready"])]
    data: CloudData
    time: Moment | None = None


# ---------------------------------------------------------------- what staff do


FreeText = Annotated[str, Meta(min_length=1, max_length=4000)]


class StatusChange(msgspec.Struct, frozen=True):
    """A status set by hand."""

    status: EventType
    silent: bool = False
    """Nobody is told."""
    grace: Annotated[float, Meta(ge=0, le=3600)] | None = None
    """Seconds in which it can be undone; absent: `[counter] grace`."""
    id: EventId | None = None
    """Made by the client, so that a repeat has no second effect."""
    promised_at: Moment | None = None
    """The new time, for `order.delayed`."""
    note: Annotated[str, Meta(max_length=2000)] | None = None
    """For the order's story, not for the customer."""
    data: dict[str, Any] | None = None
    """What the text needs beyond the order, such as `alternatives`."""
    text: FreeText | None = None
    """Instead of the customer's usual text."""


class Undo(msgspec.Struct, frozen=True):
    event_id: EventId


class ManualMessage(msgspec.Struct, frozen=True):
    """A message by hand: free text, a template, or a template with the words it leaves room for (`staff.question`)."""

    template: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    text: FreeText | None = None
    subject: Annotated[str, Meta(min_length=1, max_length=200, pattern=_PRINTABLE)] | None = None
    to: Annotated[str, Meta(min_length=1, max_length=100, description="`customer`, `team` or a named audience.")] = (
        "customer"
    )
    via: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=30, description="Channels in turn.")] | None = None
    urgent: bool = False
    """Passes quiet hours."""
    grace: Annotated[float, Meta(ge=0, le=3600)] | None = None
    id: EventId | None = None
    data: dict[str, Any] | None = None


class Contact(msgspec.Struct, frozen=True):
    """Where or how else a customer can be reached. An address is kept with the order; what did not reach them goes out to it."""

    phone: Address | None = None
    email: Address | None = None
    via: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=30, description="Channels in turn.")] | None = None
    text: FreeText | None = None
    """Instead of the words that did not arrive."""
    message_id: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    """Which message; absent: the one about where the order stands."""
    tell: bool = True
    """False: the address is kept and nothing goes out."""
    grace: Annotated[float, Meta(ge=0, le=3600)] | None = None
    id: EventId | None = None


class ToldBy(msgspec.Struct, frozen=True):
    """That staff told the customer themselves."""

    how: Literal["phone", "in_person"] = "phone"
    message_id: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    """Of which message; absent: of where the order stands."""
    reason: Line = ""
    """For the order's story."""
    grace: Annotated[float, Meta(ge=0, le=3600)] | None = None
    id: EventId | None = None


class WhatIf(msgspec.Struct, frozen=True):
    """A status, or else a message: the fields of those calls."""

    status: EventType | None = None
    template: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    text: FreeText | None = None
    subject: Annotated[str, Meta(min_length=1, max_length=200, pattern=_PRINTABLE)] | None = None
    to: Annotated[str, Meta(min_length=1, max_length=100)] = "customer"
    via: Annotated[tuple[Word, ...], Meta(max_length=30)] | None = None
    urgent: bool = False
    promised_at: Moment | None = None
    data: dict[str, Any] | None = None


class Reason(msgspec.Struct, frozen=True):
    """Why, for the record."""

    reason: Line = ""


class Sync(msgspec.Struct, frozen=True):
    """Ask now."""

    since: Moment | None = None
    """From when on; absent: from where it was left."""


class Retry(msgspec.Struct, frozen=True):
    channel: Word | None = None
    """Absent: from its first channel on."""


class PreviewWish(msgspec.Struct, frozen=True):
    """What to render: a template or free text, for one medium, with a known order, an event, or sample data."""

    medium: model.Medium
    template: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    locale: Locale | None = None
    order_ref: OrderRef | None = None
    event: Event | None = None
    text: FreeText | None = None


class TestWish(msgspec.Struct, frozen=True):
    to: Address | None = None
    """Absent: a harmless call that proves the credentials."""


class UplinkWish(msgspec.Struct, frozen=True):
    state: Annotated[str, Meta(pattern=described(r"^(up|down|auto)$(?!\n)", "up, down or auto"))]
    """`auto`: evidence decides again."""


class UssdWish(msgspec.Struct, frozen=True):
    """A service code of the mobile network."""

    code: Annotated[
        str, Meta(min_length=1, max_length=40, pattern=described(r"^[*#0-9]+$(?!\n)", 'a service code, like "*100#"'))
    ]


class OptOutWish(msgspec.Struct, frozen=True):
    """Who is to be left alone, and in which medium (`all`: every one): by their address, or as an order's customer."""

    medium: Annotated[str, Meta(pattern=_MEDIUM)]
    address: Address | None = None
    order_ref: OrderRef | None = None
    reason: Line = ""

    def __post_init__(self) -> None:
        if self.address is None and self.order_ref is None:
            raise ValueError("say who: an `address`, or an `order_ref`")


class OptIn(msgspec.Struct, frozen=True):
    """Which opt-out to take back: its id, or its medium and address, or its medium and an order of the customer's."""

    id: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    medium: Annotated[str, Meta(pattern=_MEDIUM)] | None = None
    address: Address | None = None
    order_ref: OrderRef | None = None
    reason: Line = ""


class TokenWish(msgspec.Struct, frozen=True):
    """A token to make. What follows the scopes binds the events that are posted with it."""

    name: Word
    scopes: Annotated[
        tuple[Annotated[str, Meta(pattern=described(r"^(events|read|staff|admin)$(?!\n)", "a scope"))], ...],
        Meta(min_length=1, max_length=4),
    ]
    types: Annotated[
        tuple[Annotated[str, Meta(max_length=100, pattern=_TYPE_GLOB)], ...],
        Meta(
            max_length=50, description="Event types it may tell of, globs allowed; none: all.", examples=[["order.*"]]
        ),
    ] = ()
    own_orders: bool = False
    """Only of orders that it was the first to name."""
    own_words: bool = False
    """Whether prose in its events reaches customers: a question, a reason, a message."""


# ---------------------------------------------------------------- parameters


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    limit: Limit = 50
    cursor: Cursor | None = None


class EventQuery(msgspec.Struct, frozen=True):
    source: (
        Annotated[str, Meta(min_length=1, max_length=200, description="Whose id it is, where sources share one.")]
        | None
    ) = None


class OrdersQuery(ListQuery, frozen=True, kw_only=True):
    status: list[EventType] = []
    stage: list[Annotated[str, Meta(pattern=described(r"^(to_confirm|making|ready|out|done)$(?!\n)", "a stage"))]] = []
    search: Annotated[str, Meta(min_length=1, max_length=100, description="Part of a number or name.")] | None = None
    since: Moment | None = None


class MessagesQuery(ListQuery, frozen=True, kw_only=True):
    state: list[State] = []
    channel: Word | None = None
    order: OrderRef | None = None
    recipient: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    since: Moment | None = None


class RepliesQuery(ListQuery, frozen=True, kw_only=True):
    order: OrderRef | None = None
    unread: bool = False


class AuditQuery(ListQuery, frozen=True, kw_only=True):
    q: Annotated[str, Meta(min_length=1, max_length=100, description="A word in any field.")] | None = None
    kind: Word | None = None
    order: OrderRef | None = None
    message: Word | None = None
    actor: Annotated[str, Meta(min_length=1, max_length=130)] | None = None
    since: Moment | None = None
    order_by: Annotated[str, Meta(pattern=described(r"^(newest|oldest)$(?!\n)", "newest or oldest"))] = "newest"


class ExportQuery(msgspec.Struct, frozen=True):
    format: Literal["jsonl", "csv"] = "jsonl"


class OptInQuery(msgspec.Struct, frozen=True):
    id: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    medium: Annotated[str, Meta(pattern=_MEDIUM)] | None = None
    address: Address | None = None


class StreamQuery(msgspec.Struct, frozen=True):
    last_event_id: (
        Annotated[int, Meta(ge=0, description="For clients that can't set the header Last-Event-ID.")] | None
    ) = None
