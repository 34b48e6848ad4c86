"""Messages of the outbox: how each stands, its attempts, and what a text looks like before it is sent."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import field

from daemon.wire.values import Answer, Masked, Outcome, Receipt, State, When, Word, one_of


class SentText(Answer, frozen=True):
    text: str = ""
    subject: str | None = None
    html: str | None = None


class Attempt(Answer, frozen=True, kw_only=True):
    n: int = 0
    channel: Word = ""
    started_at: When = field(default_factory=When)
    finished_at: When | None = None
    outcome: Outcome | None = None
    scope: Word | None = None
    code: str = ""
    detail: str = ""
    provider_id: str = ""
    receipt: Receipt | None = None
    receipt_at: When | None = None
    receipt_detail: str = ""
    counts: bool = True
    sent: SentText | None = None


class AttemptChange(Attempt, frozen=True, kw_only=True):
    """An attempt on the stream."""

    message_id: str = ""
    order_ref: str = ""


class ReceiptChange(Answer, frozen=True, kw_only=True):
    """A receipt on the stream."""

    message_id: str = ""
    order_ref: str = ""
    n: int = 0
    channel: Word = ""
    receipt: Receipt = ""
    at: When = field(default_factory=When)
    detail: str = ""


class Message(Answer, frozen=True, kw_only=True):
    id: str
    event_id: str = ""
    event_seq: int = 0
    """The number of the event that it tells of: below its order's `began`, it is of the order that had the number before."""
    order_ref: str = ""
    audience: Word = ""
    recipient: Word = ""
    """Who, within the order: `customer` who is told, or `customer.hubspot` for a system that is told about them."""
    to: Masked = ""
    state: State = ""
    channel: Word = ""
    via: tuple[Word, ...] = ()
    template: Word = ""
    trigger: Word = ""
    priority: Annotated[Word, one_of("high", "normal", "low")] = ""
    reason: str = ""
    """The English sentence; programs read `reason_code` and `reason_args`."""
    reason_code: Word = ""
    reason_args: Mapping[str, Any] = {}
    manual: bool = False
    possible_duplicate: bool = False
    attempt_count: int = 0
    created_at: When = field(default_factory=When)
    updated_at: When = field(default_factory=When)
    due_at: When = field(default_factory=When)
    expires_at: When | None = None


class MessageDetail(Message, frozen=True, kw_only=True):
    text: str | None = None
    subject: str | None = None
    attempts: tuple[Attempt, ...] = ()


class Messages(Answer, frozen=True):
    items: Sequence[Message] = ()
    next: str | None = None


class SmsSize(Answer, frozen=True):
    encoding: str = ""
    units: int = 0
    parts: int = 0


class Template(Answer, frozen=True):
    name: str
    media: tuple[str, ...] = ()


class Templates(Answer, frozen=True):
    """What staff may send by hand."""

    items: Sequence[Template] = ()
    next: str | None = None


class Rendering(Answer, frozen=True):
    """A text as it would be sent."""

    subject: str | None = None
    text: str = ""
    html: str | None = None
    sms: SmsSize | None = None
