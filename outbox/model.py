"""The nouns of the outbox, as plain frozen values. No behaviour beyond what a value knows of itself.

Times are wall-clock ms since the epoch (`outbox.clock`); durations are seconds. `seq` numbers order everything.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from outbox.outcome import ReceiptState
from outbox.reasons import NO_REASON, Reason

Medium: TypeAlias = Literal["sms", "email", "chat", "push", "crm"]
OnUnknown: TypeAlias = Literal["resend", "ask"]


class State(StrEnum):
    """Where a message stands. `MOVES` says which step may follow which."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    HELD = "held"
    UNKNOWN = "unknown"


_WAITING = frozenset({State.QUEUED, State.HELD})
_OVER = frozenset({State.FAILED, State.EXPIRED, State.SUPERSEDED, State.SUPPRESSED, State.CANCELLED})

MOVES: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.SENDING, State.HELD, State.SENT, State.DELIVERED}) | _OVER,
    State.HELD: frozenset({State.QUEUED, State.SENT, State.DELIVERED}) | _OVER,
    State.SENDING: frozenset({State.SENT, State.DELIVERED, State.QUEUED, State.HELD, State.UNKNOWN}) | _OVER,
    State.UNKNOWN: frozenset({State.SENT, State.DELIVERED, State.QUEUED, State.HELD}) | _OVER,
    State.SENT: frozenset({State.DELIVERED, State.QUEUED, State.HELD} | _OVER),
    State.DELIVERED: frozenset(),
    State.FAILED: frozenset({State.QUEUED, State.DELIVERED}),
    State.EXPIRED: frozenset({State.QUEUED, State.DELIVERED}),
    State.SUPERSEDED: frozenset({State.DELIVERED}),
    State.SUPPRESSED: frozenset({State.QUEUED, State.DELIVERED}),
    State.CANCELLED: frozenset({State.QUEUED, State.DELIVERED}),
}
"""`-> QUEUED` from an end is staff's retry or an undelivered receipt (`-> HELD` where staff hold the order); `-> DELIVERED`, and
`-> SENT` of one that waits, without sending is a receipt that came late, and `-> DELIVERED` staff who told them themselves as well."""


class Priority(IntEnum):
    """Lower goes first."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


# ---------------------------------------------------------------- what comes in

YEARS = range(1971, 9000)
"""Of the moments that senders mean. What they write where they have none (0001-01-01, 1970-01-01, 9999-12-31) lies outside and says
nothing; at the ends of the calendar a moment can't be told in every zone."""


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of an order."""

    name: str
    quantity: float | int | str = 1
    sku: str | None = None
    price: str | None = None


class OrderFields(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an event says of its order: absent fields say nothing."""

    ref: str
    source_id: Annotated[str, Meta(examples=["1042"])] | None = None
    total: str | None = None
    currency: str | None = None
    fulfilment: Annotated[str, Meta(examples=["pickup"])] | None = None
    promised_at: datetime | None = None
    items: tuple[Item, ...] | None = None
    note: Annotated[str, Meta(examples=["Please deflate before 18:00"])] | None = None
    url: Annotated[str, Meta(examples=["https://example.com/orders/1042"])] | None = None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "ref", self.ref.strip())
        if self.promised_at is not None and self.promised_at.year not in YEARS:
            msgspec.structs.force_setattr(self, "promised_at", None)


class Customer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is to hear of the order."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    locale: str | None = None
    consent: dict[str, bool] | None = None
    addresses: dict[str, str] | None = None
    country: str | None = None
    """Its two letters: a phone number without +.. is read by it, before the store's own."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened to an order, as its source told it."""

    id: str
    type: str
    order: OrderFields
    occurred_at: datetime | None = None
    customer: Customer | None = None
    data: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.occurred_at is not None and self.occurred_at.year not in YEARS:
            msgspec.structs.force_setattr(self, "occurred_at", None)


class Posted(msgspec.Struct, frozen=True):
    """An event on its way in: who told it, and its own JSON (`raw`), which is what is kept."""

    source: str
    event: Event
    raw: bytes
    received_at: int
    actor: str = ""
    """Who did it, where a person did (staff, an operator): for the audit."""
    token: str = ""
    """The token that it came by; "" for what came by another door."""
    own_orders: bool = False
    """It may tell only of orders that its own token was the first to name, or of new ones."""
    plain: bool = False
    """Whoever posted it may not write to customers in words of their own (`Policy.plain`)."""
    begins: bool = False
    """It takes a new order in: refused where its number is another's."""


class Outlook(msgspec.Struct, frozen=True):
    """A message that an event led to, as it stood when the event was taken."""

    id: str
    audience: str
    state: "State"
    via: tuple[str, ...]
    reason: str


class Acceptance(msgspec.Struct, frozen=True):
    """The answer to an event that is on the disk. `duplicate`: it had been taken before; nothing changed, and what it led to then
    is not told again."""

    event_id: str
    seq: int
    duplicate: bool = False
    messages: tuple[Outlook, ...] = ()
    why: str = ""
    """Why there are none."""
    unrouted: bool = False
    """No route names its type."""


# ---------------------------------------------------------------- what is known


class Tellers(msgspec.Struct, frozen=True, array_like=True):
    """Who tells of one kind of thing that an order may have several of, such as payments."""

    first: str
    """Who told of the newest first: what the others say is of the same one."""
    times: dict[str, int]
    """How often each told."""


class Order(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What is known of one order now: a projection of its events (`outbox.orders.project`).

    It is stored as a JSON array in the order of these fields: new ones go to the end, with a default.
    """

    ref: str
    source: str
    source_id: str | None = None
    status: str = ""
    """The newest `order.*` type by the time it happened; "" before the first."""
    status_at: int = 0
    status_source: str = ""
    payment: str = ""
    """The newest `payment.*` type."""
    payment_at: int = 0
    total: str | None = None
    currency: str | None = None
    fulfilment: str | None = None
    promised_at: int | None = None
    items: tuple[Item, ...] = ()
    note: str | None = None
    customer: Customer = Customer()
    url: str | None = None
    held: bool = False
    created_at: int
    updated_at: int
    news_at: int = 0
    """When the newest of its events happened: older news that comes late doesn't overwrite what newer ones said."""
    payment_source: str = ""
    """Who told it first."""
    after_sale: str = ""
    """The newest `return.*` or `refund.*` type: of goods and money, not of where the order stands."""
    after_sale_at: int = 0
    after_sale_source: str = ""
    """Who told it first, of an order from before `tellers`."""
    arrived_at: int = 0
    """When the customer last wrote that they are outside."""
    answer: str = ""
    """"yes" or "no": what the customer wrote to the question that its newest status of a question asked."""
    answer_at: int = 0
    told_by: str = ""
    """Who first said where it stands; "" before anybody did."""
    tellers: dict[str, Tellers] = {}
    """By type, of payments that came through, returns and refunds."""
    began: int = 0
    """The number of the event that gave its number out again: what is older is of the order that had it before. 0: none did."""

    def is_past(self, event_seq: int) -> bool:
        """Whether that event of its number, and what was told of it, is of the order that had the number before."""
        return event_seq < self.began


# ---------------------------------------------------------------- what goes out


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the route said when the message was planned: kept with it, since routes change."""

    patience: float = 600.0
    """Seconds of transient trouble on one channel before the next one is tried."""
    offline_after: float | None = None
    """Seconds the line must be down before the channel that works without it may take it, whatever its place in `via`; None: none of
    its channels does."""
    urgent: bool = False
    """Passes quiet hours, and waits not at all before it goes without the line."""
    on_unknown: OnUnknown = "resend"
    supersede: bool = True
    manual: bool = False
    """Sent by a person: neither held nor superseded."""
    answers: str = ""
    """The kind of wish that it answers by itself ("stop"): neither held nor superseded, and said to whom has just asked for silence."""
    timed: bool = False
    """It waits for a moment before or after the promised time."""
    plain: bool = False
    """What its sender set is shown to the customer where it is a value (a colour, a number), and not where it is prose."""

    @property
    def stands_alone(self) -> bool:
        """No hold stops it and no newer status takes its place."""
        return self.manual or bool(self.answers)


class PlannedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that one recipient is to learn, as the planner wants it. `id` is derived from what it is, so that planning
    the same event again yields the same id and nothing is sent twice."""

    id: str
    audience: str
    recipient: str
    """Who, within the order: `customer`, `team`, `owner`, `owner.2`. Order is kept per (order, recipient)."""
    addresses: Mapping[str, str]
    """Usable addresses by kind (`phone` in E.164, `email` lower-case, `slack` ...)."""
    via: tuple[str, ...]
    template: str
    """An event type or template name; "" for free text."""
    text: str | None = None
    """Free text written by staff."""
    subject: str | None = None
    trigger: str
    """The event type that caused it."""
    priority: Priority = Priority.NORMAL
    due_at: int
    relative: bool = True
    """`due_at` is counted from when it came (it moves with a stepped wall clock), not a moment of the day."""
    expires_at: int | None = None
    policy: Policy = Policy()
    state: State = State.QUEUED
    """QUEUED, or an end the planner saw at once: FAILED (broken route), SUPPRESSED (no address), SUPERSEDED (came too late)."""
    reason: Reason = NO_REASON


class Plan(msgspec.Struct, frozen=True):
    """What an event leads to. `drops`: types whose waiting messages of this order are not to be sent any more
    (`payment.confirmed` drops `payment.failed`)."""

    messages: Sequence[PlannedMessage] = ()
    drops: tuple[str, ...] = ()
    why: str = ""
    """Why nobody hears of it, where nobody does."""
    unrouted: bool = False
    """No route names its type."""
    moved: Mapping[int, int] = {}
    """The order is promised for another time: by the moment (ms) for which something was planned, the one that it has now."""


Planner: TypeAlias = "Callable[[Posted, Order | None, Order], Plan]"
"""(event, the order before it or None, the order with it applied) -> plan. Pure and total: it never raises."""


class Message(PlannedMessage, frozen=True, kw_only=True):
    """A planned message in the outbox."""

    seq: int = 0
    """0: it is not stored (a forecast)."""
    event_seq: int = 0
    event_id: str
    order_ref: str
    via_index: int
    """The index in `via` of the channel it is at."""
    possible_duplicate: bool = False
    attempt_count: int = 0
    """Attempts that count: not those that an outage or a shutdown cut."""
    first_try: int = 1
    """The attempt with which it began: the first, or the first since staff had it tried again."""
    channel_since: int
    """When it came to this channel, or may first be tried there where that is later: `patience` runs from here."""
    created_at: int
    updated_at: int

    @property
    def channel(self) -> str:
        """The channel it is at, or was last; "" for one that never had any."""
        return self.via[min(self.via_index, len(self.via) - 1)] if self.via else ""

    @property
    def family(self) -> str:
        """The first part of the type: newer messages supersede older ones of the same family."""
        return self.trigger.split(".", 1)[0]


class Rendered(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message's text for one medium."""

    text: str
    subject: str | None = None
    html: str | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of one message on one channel."""

    seq: int
    message_seq: int
    message_id: str
    n: int
    channel: str
    address: str
    """Where it went, as this channel names it; "" once forgotten."""
    started_at: int
    finished_at: int | None = None
    outcome: str | None = None
    """accepted | deferred | rejected | unknown; None while it is under way."""
    scope: str | None = None
    code: str = ""
    detail: str = ""
    provider_id: str = ""
    receipt: ReceiptState | None = None
    receipt_at: int | None = None
    receipt_detail: str = ""
    sent: Rendered | None = None
    counts: bool = True


class Due(msgspec.Struct, frozen=True):
    """A message whose time has come, with all that rendering it needs."""

    message: Message
    event: Event
    order: Order


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """Where a message goes next, as a pure policy decided it."""

    state: State
    reason: Reason = NO_REASON
    via_index: int | None = None
    """None: stays at its channel."""
    via: tuple[str, ...] | None = None
    """Its channels in their order again, after an attempt that was made out of it. None: as they are."""
    due_at: int | None = None
    """QUEUED: when to look at it again (None: now). UNKNOWN: when to look it up (None: never by itself, staff decide)."""
    relative: bool = True
    """`due_at` is a wait counted from now (it moves with a stepped wall clock), not a moment of the day."""
    counts: bool = True
    """Whether the attempt that led here counts."""
    possible_duplicate: bool | None = None
