"""What staff's steps lead to: what would go out, what did, and how a customer can be reached."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from daemon.wire.messages import Message, SmsSize
from daemon.wire.values import Answer, Masked, State, When, Word, one_of


class Caution(Answer, frozen=True, omit_defaults=True):
    """Something that stands in the way of a message."""

    code: Annotated[
        Word,
        one_of(
            "opted_out",
            "no_address",
            "quiet_hours",
            "line_down",
            "held",
            "limit_used",
            "no_channel",
            "template_broken",
            "not_sent",
        ),
    ]
    medium: Word | None = None
    until: When | None = None
    since: When | None = None
    """Since when they have not wanted it."""
    detail: str = ""
    reason_code: Word = ""
    reason_args: Mapping[str, Any] = {}

    @property
    def reason(self) -> str:
        return self.detail


UNREACHED = frozenset({"not_sent", "opted_out", "no_address"})
"""Cautions that mean that nothing arrives by this way."""


class Planned(Answer, frozen=True, kw_only=True):
    """One message that would go out."""

    audience: Word = ""
    to: Masked = ""
    medium: Word | None = None
    channel: Word = ""
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


class Preview(Answer, frozen=True):
    """What would go out. Nothing was changed."""

    messages: tuple[Planned, ...] = ()


class StatusSet(Answer, frozen=True):
    """What staff did became this event ("": none, its messages alone). `undo_until`: nothing leaves before; null: there is nothing to undo."""

    event_id: str = ""
    undo_until: When | None = None
    duplicate: bool = False
    messages: Sequence[Message] = ()


class Undone(Answer, frozen=True):
    event_id: str = ""
    cancelled: int = 0
    status: Word = ""
    """The order's status now."""


class Way(Answer, frozen=True, kw_only=True):
    """A medium by which a customer may be reached."""

    medium: Word = ""
    kind: Word = ""
    """Of address: `phone`, `email`, `whatsapp` ..."""
    to: Masked = ""
    state: Annotated[Word, one_of("open", "opted_out", "no_address", "unusable")] = ""
    via: tuple[Word, ...] = ()
    since: When | None = None
    """Since when they have not wanted it, and by what words."""
    how: str = ""


class Ways(Answer, frozen=True, kw_only=True):
    """How an order's customer can be reached, and how it stands with the news about where the order stands, or with the message that was
    asked for."""

    about: Word = ""
    message_id: str | None = None
    state: State | None = None
    reason: str = ""
    reason_code: Word = ""
    reason_args: Mapping[str, Any] = {}
    phone: str | None = None
    """The number to dial: whole for staff, masked for others."""
    ways: tuple[Way, ...] = ()
