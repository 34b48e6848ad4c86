"""The API's answers as the screen reads them. docs/counter-api.md says what is relied on; fields it doesn't name are ignored.

Every field but a thing's own name has a default, so that an older or newer service gives a poorer screen, not a broken one.
"""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

from tui.service.reading import When as When
from tui.service.reading import Word as Word
from tui.service.reading import decode as decode
from tui.service.wire_glance import Answer as Answer
from tui.service.wire_glance import Glance as Glance
from tui.service.wire_glance import LineChange as LineChange
from tui.service.wire_glance import Modem as Modem
from tui.service.wire_glance import Source as Source
from tui.service.wire_glance import Store as Store
from tui.service.wire_glance import Trouble as Trouble
from tui.service.wire_glance import Uplink as Uplink

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list."""

    items: list[T] = []
    next: str | None = None


# ---------------------------------------------------------------- orders


class Customer(Answer, frozen=True):
    name: str | None = None
    phone: str | None = None
    email: str | None = None
    locale: str | None = None


class Told(Answer, frozen=True):
    """The newest customer message of the order's present status."""

    message_id: str = ""
    state: Word = Word("")
    channel: Word = Word("")
    at: When | None = None
    reason: str = ""
    reason_code: Word = Word("")
    reason_args: Mapping[str, Any] = {}


class Item(Answer, frozen=True):
    name: str = ""
    quantity: float | int | str = 1


class Order(Answer, frozen=True):
    ref: str
    status: Word = Word("")
    stage: Word = Word("")
    customer: Customer = Customer()
    promised_at: When | None = None
    total: str | None = None
    currency: str | None = None
    fulfilment: Word | None = None
    held: bool = False
    told: Told | None = None
    updated_at: When = When(0)
    payment: Word = Word("")
    after_sale: Word = Word("")
    source: Word = Word("")
    status_at: When | None = None
    first_item: Item | None = None
    item_count: int = 0


class Moment(Answer, frozen=True):
    """One entry of an order's story."""

    at: When = When(0)
    kind: Word = Word("")
    """event | message | attempt | receipt | reply | override"""
    type: str = ""
    source: str = ""
    actor: str = ""
    event_id: str = ""
    message_id: str = ""
    channel: Word = Word("")
    state: Word = Word("")
    outcome: Word = Word("")
    receipt: Word = Word("")
    audience: Word = Word("")
    template: str = ""
    code: str = ""
    detail: str = ""
    reason: str = ""
    reason_code: Word = Word("")
    reason_args: Mapping[str, Any] = {}
    text: str = ""
    to: str = ""
    consent: Word = Word("")
    action: Word = Word("")
    possible_duplicate: bool = False


class OrderStory(Order, frozen=True):
    """One order by itself."""

    items: tuple[Item, ...] = ()
    note: str | None = None
    optouts: dict[str, Any] | tuple[str, ...] = ()
    timeline: tuple[Moment, ...] = ()

    @property
    def opted_out(self) -> frozenset[str]:
        """The media that the customer does not want."""
        if isinstance(self.optouts, dict):
            return frozenset(medium for medium, standing in self.optouts.items() if standing)
        return frozenset(self.optouts)


# ---------------------------------------------------------------- messages


class Rendered(Answer, frozen=True):
    text: str = ""
    subject: str | None = None


class Attempt(Answer, frozen=True):
    n: int = 0
    channel: Word = Word("")
    started_at: When | None = None
    finished_at: When | None = None
    outcome: Word | None = None
    scope: Word | None = None
    code: str = ""
    detail: str = ""
    receipt: Word | None = None
    sent: Rendered | None = None


class Message(Answer, frozen=True):
    id: str
    event_id: str = ""
    order_ref: str = ""
    audience: Word = Word("")
    recipient: Word = Word("")
    """Who, within the order: `customer` who is told, or `customer.hubspot` for a system that is told about them."""
    to: str = ""
    state: Word = Word("")
    channel: Word = Word("")
    via: tuple[Word, ...] = ()
    template: Word = Word("")
    reason: str = ""
    reason_code: Word = Word("")
    reason_args: Mapping[str, Any] = {}
    trigger: Word = Word("")
    possible_duplicate: bool = False
    attempt_count: int = 0
    created_at: When = When(0)
    updated_at: When = When(0)
    due_at: When | None = None
    expires_at: When | None = None


class MessageStory(Message, frozen=True):
    attempts: tuple[Attempt, ...] = ()


class Concerning(Answer, frozen=True):
    """Of an attempt or a receipt on the stream: whose story it belongs to."""

    order_ref: str = ""


class SmsSize(Answer, frozen=True):
    encoding: str = ""
    units: int = 0
    parts: int = 0


class Rendering(Answer, frozen=True):
    """What POST /v1/messages/preview answers."""

    subject: str | None = None
    text: str = ""
    sms: SmsSize | None = None


class Caution(Answer, frozen=True):
    """Something that stands in a message's way."""

    code: Word = Word("")
    medium: Word | None = None
    until: When | None = None
    since: When | None = None
    detail: str = ""
    reason_code: Word = Word("")
    reason_args: Mapping[str, Any] = {}

    @property
    def reason(self) -> str:
        return self.detail


UNREACHED = frozenset({"not_sent", "opted_out", "no_address"})
"""Cautions that mean that nothing arrives by this way."""


class Planned(Answer, frozen=True):
    """One message that would go out."""

    audience: Word = Word("")
    to: str = ""
    medium: Word | None = None
    channel: Word = Word("")
    via: tuple[Word, ...] = ()
    subject: str | None = None
    text: str = ""
    sms: SmsSize | None = None
    due_at: When | None = None
    warnings: tuple[Caution, ...] = ()

    @property
    def tells_customer(self) -> bool:
        """Whether the customer themselves would hear, not a system about them."""
        return self.audience == "customer" and self.medium != "crm"

    @property
    def reaches(self) -> bool:
        """Whether anything would arrive."""
        return bool(self.to) and not any(each.code in UNREACHED for each in self.warnings)


class Prospect(Answer, frozen=True):
    """What would happen. `sure`: the service said so; else it is put together from less."""

    messages: tuple[Planned, ...] = ()
    sure: bool = True


class Way(Answer, frozen=True):
    """A medium by which a customer may be reached."""

    medium: Word = Word("")
    kind: Word = Word("")
    to: str = ""
    state: Word = Word("")
    """open | opted_out | no_address | unusable"""
    via: tuple[Word, ...] = ()
    since: When | None = None
    how: str = ""


class Ways(Answer, frozen=True):
    """How an order's customer can be reached, and how it stands with the news about where it stands."""

    about: Word = Word("")
    message_id: str | None = None
    state: Word | None = None
    reason: str = ""
    reason_code: Word = Word("")
    reason_args: Mapping[str, Any] = {}
    phone: str | None = None
    ways: tuple[Way, ...] = ()


class Kept(Answer, frozen=True):
    """What a source told and nobody understood."""

    id: str
    source: str = ""
    reason: str = ""
    at: When = When(0)
    times: int = 1


class Reread(Answer, frozen=True):
    """Whether it is understood, or put aside, by now; else why not."""

    closed: bool = True
    reason: str = ""


class Template(Answer, frozen=True):
    name: str
    media: tuple[str, ...] = ()


# ---------------------------------------------------------------- the rest


class Channel(Answer, frozen=True):
    name: str
    title: str = ""
    known_to_customers: bool = False
    """They call it by its title, not by its medium."""
    medium: Word = Word("")
    state: Word = Word("")
    """ready | open | paused | misconfigured"""
    reason: str = ""
    queued: int = 0
    sent_today: int = 0
    daily_limit: int | None = None
    last_success: When | None = None
    last_failure: When | None = None
    last_trouble: str = ""
    rate: float | None = None


class Reply(Answer, frozen=True):
    id: str
    order_ref: str | None = None
    name: str | None = None
    sender: str = msgspec.field(name="from", default="")
    channel: Word = Word("")
    text: str = ""
    at: When = When(0)
    read: bool = False
    consent: Word | None = None
    action: Word | None = None
    """What its exact words did: arrived | yes | no"""


class Call(Answer, frozen=True):
    message_id: str
    order_ref: str = ""
    name: str | None = None
    phone: str | None = None
    say: str = ""
    reason: str = ""
    reason_code: Word = Word("")
    reason_args: Mapping[str, Any] = {}
    since: When | None = None
    done_at: When | None = None


class OptOut(Answer, frozen=True):
    id: str = ""
    medium: Word = Word("")
    address: str = ""
    reason: str = ""
    actor: str = ""
    at: When | None = None


class AuditEntry(Answer, frozen=True):
    seq: int
    at: When = When(0)
    kind: Word = Word("")
    actor: str = ""
    order_ref: str | None = None
    message_id: str | None = None
    detail: Any = None


class Verdict(Answer, frozen=True):
    """Whether the record's chain holds."""

    ok: bool = False
    entries: int = 0
    first_bad: int | None = None


class StepTaken(Answer, frozen=True):
    event_id: str = ""
    undo_until: When | None = None


class TestResult(Answer, frozen=True):
    ok: bool = True
    summary: str = ""


class FieldProblem(Answer, frozen=True):
    field: str = ""
    detail: str = ""


class Problem(Answer, frozen=True):
    """RFC 9457."""

    title: str = ""
    status: int = 0
    detail: str = ""
    errors: tuple[FieldProblem, ...] = ()
