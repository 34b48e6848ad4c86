"""What goes out, as msgspec structs. Times are RFC 3339 in UTC."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypedDict

import msgspec
from msgspec import Meta

from daemon.api.schema.problem import ProblemBody
from daemon.wire.stages import Stage
from outbox.model import Item, State

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class ReasonFields(TypedDict):
    """Why a message stands where it does, as each answer about one has it."""

    reason: str
    reason_code: str
    reason_args: dict[str, Any]


Masked = Annotated[str, Meta(description="Masked.", examples=["+44…0123"])]


class LedTo(msgspec.Struct, frozen=True):
    """A message that an event led to: how it stands, by which channels it goes in turn, and why it does not."""

    id: str
    audience: str
    state: State
    via: tuple[str, ...]
    reason: str


class Accepted(msgspec.Struct, frozen=True):
    """The event is on the disk. `duplicate`: it had been taken before."""

    event_id: str
    duplicate: bool
    messages: Sequence[LedTo]
    warnings: Sequence[str]
    """Why nobody hears of it, or what is odd about it."""


class BatchItem(msgspec.Struct, frozen=True, omit_defaults=True):
    index: int
    status: int
    event_id: str | None
    duplicate: bool
    problem: ProblemBody | None
    warnings: list[str] = []
    """Left out where there are none."""


class BatchAnswer(msgspec.Struct, frozen=True):
    """One answer for each event, in order."""

    items: list[BatchItem]


# ---------------------------------------------------------------- messages


class SentText(msgspec.Struct, frozen=True):
    text: str
    subject: str | None
    html: str | None


class AttemptOut(msgspec.Struct, frozen=True):
    n: int
    channel: str
    started_at: Moment
    finished_at: Moment | None
    outcome: Literal["accepted", "deferred", "rejected", "unknown"] | None
    scope: str | None
    code: str
    detail: str
    provider_id: str
    receipt: Literal["sent", "delivered", "read", "undelivered"] | None
    receipt_at: Moment | None
    receipt_detail: str
    counts: bool
    sent: SentText | None


class AttemptChange(AttemptOut, frozen=True, kw_only=True):
    """An attempt on the stream."""

    message_id: str
    order_ref: str


class ReceiptChange(msgspec.Struct, frozen=True):
    """A receipt on the stream."""

    message_id: str
    order_ref: str
    n: int
    channel: str
    receipt: Literal["sent", "delivered", "read", "undelivered"]
    at: Moment
    detail: str


class MessageOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    event_id: str
    order_ref: str
    audience: str
    recipient: str
    to: Masked
    state: State
    channel: str
    via: tuple[str, ...]
    template: str
    trigger: str
    priority: Literal["high", "normal", "low"]
    reason: str
    """The English sentence; programs read `reason_code` and `reason_args`."""
    reason_code: str
    reason_args: dict[str, Any]
    manual: bool
    possible_duplicate: bool
    attempt_count: int
    created_at: Moment
    updated_at: Moment
    due_at: Moment
    expires_at: Moment | None


class MessageDetail(MessageOut, frozen=True, kw_only=True):
    text: str | None
    subject: str | None
    attempts: list[AttemptOut]


class Messages(msgspec.Struct, frozen=True):
    items: list[MessageOut]
    next: str | None


class SmsSize(msgspec.Struct, frozen=True):
    encoding: str
    units: int
    parts: int


class TemplateOut(msgspec.Struct, frozen=True):
    name: str
    media: list[str]


class Templates(msgspec.Struct, frozen=True):
    """What staff may send by hand."""

    items: list[TemplateOut]
    next: str | None


class PreviewOut(msgspec.Struct, frozen=True):
    subject: str | None
    text: str
    html: str | None
    sms: SmsSize | None


# ---------------------------------------------------------------- events and orders


class EventOut(msgspec.Struct, frozen=True):
    """An event as its source told it (`event`), and the messages it led to."""

    id: str
    source: str
    type: str
    order_ref: str
    received_at: Moment
    occurred_at: Moment | None
    actor: str
    event: msgspec.Raw | None
    """Its own JSON; null once its person was forgotten."""
    messages: list[MessageOut]


class CustomerOut(msgspec.Struct, frozen=True):
    name: str | None
    phone: Masked | None
    email: Masked | None
    locale: str | None


class Told(msgspec.Struct, frozen=True):
    """The newest message to the customer about the order's present status."""

    message_id: str
    state: State
    channel: str
    at: Moment
    reason: str
    reason_code: str
    reason_args: dict[str, Any]


class AnsweredOut(msgspec.Struct, frozen=True):
    """What the customer wrote to the question that the order's status asked."""

    answer: Literal["yes", "no"]
    at: Moment


class OrderOut(msgspec.Struct, frozen=True, kw_only=True):
    ref: str
    source: str
    source_id: str | None
    status: str
    stage: Stage
    status_at: Moment | None
    payment: str
    after_sale: str
    """The newest return or refund; it does not move the stage."""
    customer: CustomerOut
    fulfilment: str | None
    promised_at: Moment | None
    total: str | None
    currency: str | None
    first_item: Item | None
    """What to make first of all; `item_count` says of how many kinds."""
    item_count: int
    held: bool
    told: Told | None
    arrived_at: Moment | None
    """When the customer last wrote that they are outside."""
    answered: AnsweredOut | None
    created_at: Moment
    updated_at: Moment


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of an order's story. Which fields it has depends on its kind."""

    at: Moment
    kind: Literal["event", "message", "attempt", "receipt", "reply", "override"]
    type: str | None = None
    """An event's type, a message's trigger, a deed's name."""
    source: str | None = None
    actor: str | None = None
    event_id: str | None = None
    message_id: str | None = None
    audience: str | None = None
    template: str | None = None
    state: str | None = None
    channel: str | None = None
    n: int | None = None
    to: Masked | None = None
    outcome: str | None = None
    receipt: str | None = None
    code: str | None = None
    detail: str | None = None
    text: str | None = None
    reason: str | None = None
    reason_code: str | None = None
    reason_args: dict[str, Any] | None = None
    consent: str | None = None
    action: str | None = None
    """What a reply's exact words did: "arrived", "yes", "no"."""
    possible_duplicate: bool = False


class OrderDetail(OrderOut, frozen=True, kw_only=True):
    items: tuple[Item, ...]
    note: str | None
    url: str | None
    optouts: dict[str, str]
    """By medium: why nothing of it may go to this customer."""
    timeline: list[Entry]


class Orders(msgspec.Struct, frozen=True):
    items: list[OrderOut]
    next: str | None


class Warned(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that stands in the way of a message."""

    code: Literal[
        "opted_out",
        "no_address",
        "quiet_hours",
        "line_down",
        "held",
        "limit_used",
        "no_channel",
        "template_broken",
        "not_sent",
    ]
    medium: str | None = None
    until: Moment | None = None
    since: Moment | None = None
    """Since when they have not wanted it."""
    detail: str | None = None
    reason_code: str | None = None
    reason_args: dict[str, Any] | None = None


class Prospective(msgspec.Struct, frozen=True):
    """One message that would go out."""

    audience: str
    to: Masked
    medium: str | None
    channel: str
    via: tuple[str, ...]
    subject: str | None
    text: str
    sms: SmsSize | None
    due_at: Moment | None
    warnings: list[Warned]


class Prospect(msgspec.Struct, frozen=True):
    """What would go out. Nothing was changed."""

    messages: list[Prospective]


class StatusSet(msgspec.Struct, frozen=True):
    """What staff did became this event. `undo_until`: nothing leaves before; null: there is nothing to undo."""

    event_id: str
    undo_until: Moment | None
    duplicate: bool
    messages: list[MessageOut]


class Undone(msgspec.Struct, frozen=True):
    event_id: str
    cancelled: int
    status: str
    """The order's status now."""


class WayOut(msgspec.Struct, frozen=True, kw_only=True):
    """A medium by which a customer may be reached."""

    medium: str
    kind: str
    """Of address: `phone`, `email`, `whatsapp` ..."""
    to: Masked
    state: Literal["open", "opted_out", "no_address", "unusable"]
    via: list[str]
    since: Moment | None
    """Since when they have not wanted it, and by what words."""
    how: str


class Ways(msgspec.Struct, frozen=True, kw_only=True):
    """How an order's customer can be reached, and how it stands with the news about where the order stands."""

    about: str
    message_id: str | None
    state: State | None
    reason: str
    reason_code: str
    reason_args: dict[str, Any]
    phone: str | None
    """The number to dial: whole for staff, masked for others."""
    ways: list[WayOut]


class HeldOut(msgspec.Struct, frozen=True):
    ref: str
    held: bool
