"""An event as it comes in: the one source of validation and of the OpenAPI schemas.

It is `outbox.model.Event` with the constraints that only the outside needs. Unknown fields are ignored here, and kept with
the event's own JSON.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from daemon.iso import country_trouble, currency_trouble
from daemon.wire.checks import (
    CURRENCY,
    PRINTABLE,
    EventId,
    EventType,
    FreeText,
    Locale,
    Moment,
    Money,
    OrderRef,
    described,
)
from outbox import model


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
        super().__post_init__()
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
    """What to render: a template or free text, for one medium, with a known order, an event, or sample data. Without `locale` in the
    customer's language, or the store's."""

    medium: model.Medium
    template: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    locale: Locale | None = None
    order_ref: OrderRef | None = None
    event: Event | None = None
    text: FreeText | None = None
