"""What customers say: their replies and their wish for silence, whom to phone, and what is kept of a person."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from daemon.wire.values import Answer, Masked, When, Word, one_of


class OptOut(Answer, frozen=True, kw_only=True):
    id: str = ""
    medium: Word = ""
    address: Masked = ""
    reason: str = ""
    actor: str = ""
    at: When = field(default_factory=When)
    store: str = ""
    """The other store of the fleet at which it was asked; "": here."""


class OptOuts(Answer, frozen=True):
    items: Sequence[OptOut] = ()
    next: str | None = None


class OptOutSet(Answer, frozen=True):
    medium: Word = ""
    address: Masked = ""
    opted_out: bool = False


class Reply(Answer, frozen=True, kw_only=True):
    id: str
    order_ref: str | None = None
    channel: Word = ""
    sender: Masked = msgspec.field(name="from", default="")
    name: str = ""
    text: str = ""
    consent: Word | None = None
    """"stop" and "start" are heeded; "unclear" may be a wish for silence, and staff decide."""
    action: Word | None = None
    """What its exact words did to the order (`[replies]`): "arrived", "yes", "no"."""
    at: When = field(default_factory=When)
    read: bool = False


class Replies(Answer, frozen=True):
    items: Sequence[Reply] = ()
    next: str | None = None


class ReplyRead(Answer, frozen=True):
    id: str
    read: bool = False


class Call(Answer, frozen=True, kw_only=True):
    """A customer whom nothing reached: who to phone, and what to say. The number is whole for staff, else masked."""

    message_id: str
    order_ref: str = ""
    name: str = ""
    phone: str | None = None
    say: str = ""
    reason: str = ""
    reason_code: Word = ""
    reason_args: Mapping[str, Any] = {}
    since: When = field(default_factory=When)
    done_at: When | None = None


class CallList(Answer, frozen=True):
    items: Sequence[Call] = ()
    next: str | None = None


class CallDone(Answer, frozen=True):
    """It became this event ("": none, its message alone); `undo_until` as for a status by hand."""

    message_id: str
    done: bool = False
    event_id: str = ""
    undo_until: When | None = None


# ---------------------------------------------------------------- a person's own data


class Copy(Answer, frozen=True):
    """A backup, or what an upgrade or a restore put aside. `until`: when it is gone at the latest; null: it is rotated out in its time."""

    name: str
    kind: Annotated[Word, one_of("backup", "aside")] = ""
    made_at: When = field(default_factory=When)
    until: When | None = None


class Forgotten(Answer, frozen=True):
    """How much of the person there was in what is kept now (or would be taken out), and which copies from before there are."""

    dry_run: bool = False
    orders: int = 0
    events: int = 0
    messages: int = 0
    attempts: int = 0
    replies: int = 0
    optouts: int = 0
    quarantined: Annotated[int, Meta(description="Bodies that nobody understood and that name them.")] = 0
    left: Annotated[
        int,
        Meta(
            description="Orders that share an address with theirs and name somebody else, on which it only stands (whoever paid, a slip that was "
            "put right), or so many that it is hardly theirs alone: these stay, and are forgotten by an address of their own."
        ),
    ] = 0
    copies: Sequence[Copy] = ()
    copies_unseen: Annotated[str, Meta(description="Why the backups can't be looked at now; empty: they were.")] = ""


class Person(Answer, frozen=True):
    """All that is kept under the address."""

    address: str = ""
    orders: Sequence[dict[str, Any]] = ()
    replies: Sequence[dict[str, Any]] = ()
    consent: Sequence[dict[str, Any]] = ()
    quarantined: Annotated[
        Sequence[dict[str, Any]], Meta(description="What sources told of them and nobody understood.")
    ] = ()
