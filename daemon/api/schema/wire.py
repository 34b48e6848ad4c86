"""What comes in, as msgspec structs: the one source of validation and of the OpenAPI schemas.

The event is `outbox.model.Event` with the constraints that only the outside needs. Unknown fields are ignored here, and kept with
the event's own JSON.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from daemon.iso import country_trouble, currency_trouble
from daemon.wire.checks import (
    CURRENCY,
    MEDIUM,
    PRINTABLE,
    Address,
    Cursor,
    EventId,
    EventType,
    FreeText,
    Limit,
    Locale,
    Moment,
    Money,
    OrderRef,
    Word,
    described,
)
from outbox import model
from outbox.model import State

# ---------------------------------------------------------------- the event


class ItemFields(model.Item, frozen=True, omit_defaults=True):
    """One line of an order."""

    price: Money | None = None


class OrderFields(model.OrderFields, frozen=True, omit_defaults=True):
    """What an event says of its order: absent fields say nothing."""

    ref: OrderRef
    source_id: Annotated[str, Meta(max_length=200, pattern=PRINTABLE)] | None = None
    total: Money | None = None
    currency: Annotated[str, Meta(pattern=CURRENCY)] | None = None
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
    source: Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE, description="Who told it.")]
    type: Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE, examples=["com.example.order.ready"])]
    data: CloudData
    time: Moment | None = None


class PreviewWish(msgspec.Struct, frozen=True):
    """What to render: a template or free text, for one medium, with a known order, an event, or sample data."""

    medium: model.Medium
    template: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    locale: Locale | None = None
    order_ref: OrderRef | None = None
    event: Event | None = None
    text: FreeText | None = None


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
    medium: Annotated[str, Meta(pattern=MEDIUM)] | None = None
    address: Address | None = None


class StreamQuery(msgspec.Struct, frozen=True):
    last_event_id: (
        Annotated[int, Meta(ge=0, description="For clients that can't set the header Last-Event-ID.")] | None
    ) = None
