"""What staff, the command line and administrators ask for: the one source of validation, of the OpenAPI schemas, and of what the screen
sends. What is left out has its default."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from daemon.wire.checks import (
    MEDIUM,
    PRINTABLE,
    TYPE_GLOB,
    Address,
    EventId,
    EventType,
    FreeText,
    Line,
    Moment,
    OrderRef,
    Word,
    described,
)


class StatusChange(msgspec.Struct, frozen=True, omit_defaults=True):
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


class ManualMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message by hand: free text, a template, or a template with the words it leaves room for (`staff.question`)."""

    template: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    text: FreeText | None = None
    subject: Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)] | None = None
    to: Annotated[str, Meta(min_length=1, max_length=100, description="`customer`, `team` or a named audience.")] = (
        "customer"
    )
    via: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=30, description="Channels in turn.")] | None = None
    urgent: bool = False
    """Passes quiet hours."""
    grace: Annotated[float, Meta(ge=0, le=3600)] | None = None
    id: EventId | None = None
    data: dict[str, Any] | None = None


class Contact(msgspec.Struct, frozen=True, omit_defaults=True):
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


class WhatIf(msgspec.Struct, frozen=True, omit_defaults=True):
    """A status, or else a message: the fields of those calls."""

    status: EventType | None = None
    template: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    text: FreeText | None = None
    subject: Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)] | None = None
    to: Annotated[str, Meta(min_length=1, max_length=100)] = "customer"
    via: Annotated[tuple[Word, ...], Meta(max_length=30)] | None = None
    urgent: bool = False
    promised_at: Moment | None = None
    data: dict[str, Any] | None = None


class Reason(msgspec.Struct, frozen=True):
    """Why, for the record."""

    reason: Line = ""


class Sync(msgspec.Struct, frozen=True, omit_defaults=True):
    """Ask now."""

    since: Moment | None = None
    """From when on; absent: from where it was left."""


class Retry(msgspec.Struct, frozen=True, omit_defaults=True):
    channel: Word | None = None
    """Absent: from its first channel on."""


class TestWish(msgspec.Struct, frozen=True, omit_defaults=True):
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


class OptOutWish(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is to be left alone, and in which medium (`all`: every one): by their address, or as an order's customer."""

    medium: Annotated[str, Meta(pattern=MEDIUM)]
    address: Address | None = None
    order_ref: OrderRef | None = None
    reason: Line = ""

    def __post_init__(self) -> None:
        if self.address is None and self.order_ref is None:
            raise ValueError("say who: an `address`, or an `order_ref`")


class OptIn(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which opt-out to take back: its id, or its medium and address, or its medium and an order of the customer's."""

    id: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    medium: Annotated[str, Meta(pattern=MEDIUM)] | None = None
    address: Address | None = None
    order_ref: OrderRef | None = None
    reason: Line = ""


class TokenWish(msgspec.Struct, frozen=True, omit_defaults=True):
    """A token to make. What follows the scopes binds the events that are posted with it."""

    name: Word
    scopes: Annotated[
        tuple[Annotated[str, Meta(pattern=described(r"^(events|read|staff|admin)$(?!\n)", "a scope"))], ...],
        Meta(min_length=1, max_length=4),
    ]
    types: Annotated[
        tuple[Annotated[str, Meta(max_length=100, pattern=TYPE_GLOB)], ...],
        Meta(
            max_length=50, description="Event types it may tell of, globs allowed; none: all.", examples=[["order.*"]]
        ),
    ] = ()
    own_orders: bool = False
    """Only of orders that it was the first to name."""
    own_words: bool = False
    """Whether prose in its events reaches customers: a question, a reason, a message."""
