"""Orders as they are known now, and one with its story."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import field

from daemon.wire.stages import STAGES
from daemon.wire.values import Answer, Masked, State, When, Word, one_of


class Item(Answer, frozen=True, omit_defaults=True):
    """One line of an order."""

    name: str = ""
    quantity: float | int | str = 1
    sku: str | None = None
    price: str | None = None


class Customer(Answer, frozen=True):
    name: str | None = None
    phone: Masked | None = None
    email: Masked | None = None
    locale: str | None = None


class Told(Answer, frozen=True):
    """The newest message to the customer about the order's present status."""

    message_id: str = ""
    state: State = ""
    channel: Word = ""
    at: When = field(default_factory=When)
    reason: str = ""
    reason_code: Word = ""
    reason_args: Mapping[str, Any] = {}


class Answered(Answer, frozen=True):
    """What the customer wrote to the question that the order's status asked."""

    answer: Annotated[Word, one_of("yes", "no")] = ""
    at: When = field(default_factory=When)


class Order(Answer, frozen=True, kw_only=True):
    ref: str
    source: Word = ""
    source_id: str | None = None
    status: Word = ""
    stage: Annotated[Word, one_of(*STAGES)] = ""
    next_step: Word = ""
    """The status that usually follows; "" where it has come to its end."""
    steps: tuple[Word, ...] = ()
    """The statuses that staff may set by hand, what usually follows first."""
    status_at: When | None = None
    payment: Word = ""
    after_sale: Word = ""
    """The newest return or refund; it does not move the stage."""
    customer: Customer = Customer()
    fulfilment: Word | None = None
    promised_at: When | None = None
    total: str | None = None
    currency: str | None = None
    first_item: Item | None = None
    """What to make first of all; `item_count` says of how many kinds."""
    item_count: int = 0
    held: bool = False
    told: Told | None = None
    arrived_at: When | None = None
    """When the customer last wrote that they are outside."""
    answered: Answered | None = None
    created_at: When = field(default_factory=When)
    updated_at: When = field(default_factory=When)
    began: int = 0
    """The number of the event that gave its number out again: messages of earlier events are of the order that had it before. 0: none did."""


class Entry(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an order's story. Which fields it has depends on its kind."""

    at: When
    kind: Annotated[Word, one_of("event", "message", "attempt", "receipt", "reply", "override")]
    type: str = ""
    """An event's type, a message's trigger, a deed's name."""
    source: str = ""
    actor: str = ""
    event_id: str = ""
    message_id: str = ""
    audience: Word = ""
    template: str = ""
    state: Word = ""
    channel: Word = ""
    n: int | None = None
    to: Masked = ""
    outcome: Word = ""
    receipt: Word = ""
    code: str = ""
    detail: str = ""
    text: str = ""
    reason: str = ""
    reason_code: Word = ""
    reason_args: Mapping[str, Any] = {}
    consent: Word = ""
    action: Word = ""
    """What a reply's exact words did: "arrived", "yes", "no"."""
    possible_duplicate: bool = False
    past: bool = False
    """Whether an event, a message or a reply is of the order that had the number before."""


class OrderDetail(Order, frozen=True, kw_only=True):
    items: tuple[Item, ...] = ()
    note: str | None = None
    url: str | None = None
    optouts: Mapping[str, str] = {}
    """By medium: why nothing of it may go to this customer."""
    unusable: tuple[str, ...] = ()
    """Kinds of address (`phone`, `email`) that were given and can't be one; `phone` also where no text goes to that number."""
    timeline: tuple[Entry, ...] = ()


class Orders(Answer, frozen=True):
    items: Sequence[Order] = ()
    next: str | None = None


class Held(Answer, frozen=True):
    ref: str
    held: bool = False
