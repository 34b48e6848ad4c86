"""What staff ask for at an order."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from daemon.wire.checks import PRINTABLE, Address, EventId, EventType, FreeText, Line, Moment, Word
from daemon.wire.requests.act import Act, Reason, part


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


def set_status(ref: str, change: StatusChange | Mapping[str, Any]) -> Act:
    return _at(ref, "status", change, id_in_body=True)


def undo(ref: str, event_id: str) -> Act:
    return _at(ref, "undo", Undo(event_id))


def write(ref: str, message: ManualMessage | Mapping[str, Any]) -> Act:
    """Without `via`: by what reaches the customer soonest."""
    return _at(ref, "messages", message, id_in_body=True)


def hold(ref: str, reason: str = "") -> Act:
    return _at(ref, "hold", Reason(reason))


def release(ref: str, reason: str = "") -> Act:
    return _at(ref, "release", Reason(reason))


def contact(ref: str, wish: Mapping[str, Any]) -> Act:
    """Another address or way, and what did not reach them goes out to it (unless `tell` is false)."""
    return _at(ref, "contact", Contact(**wish), id_in_body=True)


def told(ref: str, how: Literal["phone", "in_person"], message_id: str = "") -> Act:
    """Staff told the customer themselves."""
    return _at(ref, "told", ToldBy(how, message_id or None), id_in_body=True)


def take_in(event: Mapping[str, Any]) -> Act:
    """An order taken at the counter: an event, taken once by its id."""
    return Act(path="/v1/orders", body=event, id_in_body=True)


def promise(ref: str, at: str) -> Act:
    """Another promised time (RFC 3339). The order stays where it stands."""
    return _at(ref, "status", {"status": "order.changed", "promised_at": at}, id_in_body=True)


def _at(ref: str, what: str, body: msgspec.Struct | Mapping[str, Any], *, id_in_body: bool = False) -> Act:
    return Act(path=f"/v1/orders/{part(ref)}/{what}", body=body, id_in_body=id_in_body)
