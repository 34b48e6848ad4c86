"""What goes out about the service itself and those around it: channels, consent, replies, calls, the record, tokens."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from daemon.api.schema.answers import Masked, Moment
from daemon.api.schema.source_answers import SourceOut


class ChannelOut(msgspec.Struct, frozen=True):
    name: str
    title: str
    medium: str
    state: Literal["ready", "open", "paused", "misconfigured"]
    reason: str
    queued: int
    sent_today: int
    daily_limit: int | None
    rate: float | None
    """A second; null: unpaced."""
    last_success: Moment | None
    last_failure: Moment | None
    last_trouble: str
    detail: dict[str, Any]
    """What is particular to it: the modem's signal, operator and credit."""


class SmsOut(msgspec.Struct, frozen=True):
    """Text messages today, over all channels and the modem."""

    parts_today: int
    daily_parts: int
    cost_today: str
    """Estimated, in the store's currency."""
    daily_cost: str
    countries: list[str]
    """Where they may go."""
    held_blocks: list[str]
    """How numbers begin of which too many new ones came: more of them are held."""


class UplinkOut(msgspec.Struct, frozen=True):
    state: Literal["up", "down"]
    since: Moment


class Channels(msgspec.Struct, frozen=True):
    items: list[ChannelOut]
    next: str | None
    uplink: UplinkOut
    sms: SmsOut


class TestOut(msgspec.Struct, frozen=True):
    ok: bool
    summary: str


class OptOutOut(msgspec.Struct, frozen=True):
    id: str
    medium: str
    address: Masked
    reason: str
    actor: str
    at: Moment
    store: str
    """The other store of the fleet at which it was asked; "": here."""


class OptOuts(msgspec.Struct, frozen=True):
    items: list[OptOutOut]
    next: str | None


class OptOutSet(msgspec.Struct, frozen=True):
    medium: str
    address: Masked
    opted_out: bool


class ReplyOut(msgspec.Struct, frozen=True):
    id: str
    order_ref: str | None
    channel: str
    sender: Masked = msgspec.field(name="from")
    name: str
    text: str
    consent: str | None
    """"stop" and "start" are heeded; "unclear" may be a wish for silence, and staff decide."""
    action: str | None
    """What its exact words did to the order (`[replies]`): "arrived", "yes", "no"."""
    at: Moment
    read: bool


class RepliesOut(msgspec.Struct, frozen=True):
    items: list[ReplyOut]
    next: str | None


class ReplyRead(msgspec.Struct, frozen=True):
    id: str
    read: bool


class CallOut(msgspec.Struct, frozen=True):
    """A customer whom nothing reached: who to phone, and what to say. The number is whole for staff, else masked."""

    message_id: str
    order_ref: str
    name: str
    phone: str | None
    say: str
    reason: str
    reason_code: str
    reason_args: dict[str, Any]
    since: Moment
    done_at: Moment | None


class CallList(msgspec.Struct, frozen=True):
    items: list[CallOut]
    next: str | None


class CallDone(msgspec.Struct, frozen=True):
    """It became this event; `undo_until` as for a status by hand."""

    message_id: str
    done: bool
    event_id: str
    undo_until: Moment | None


class StoreOut(msgspec.Struct, frozen=True):
    name: str
    country: str
    timezone: str
    locale: str
    currency: str
    grace: float
    """Seconds in which what staff send can be undone."""


class LineChange(msgspec.Struct, frozen=True):
    state: str
    at: Moment


class Seen(msgspec.Struct, frozen=True):
    """Whether there was something to know of."""

    seen: bool


class TroubleOut(msgspec.Struct, frozen=True):
    """Something that needs a person."""

    what: str
    why: str


class RestoredOut(msgspec.Struct, frozen=True):
    backup: str
    made_at: Moment
    at: Moment


class Confirmed(msgspec.Struct, frozen=True):
    """`freed`: messages that waited for that and go on now."""

    confirmed: bool
    freed: int


class Glance(msgspec.Struct, frozen=True):
    """What the counter's header shows."""

    store: StoreOut
    now: Moment
    version: str
    uplink: UplinkOut
    waiting: int
    failed: int
    unknown: int
    replies: int
    calls: int
    """Customers to phone."""
    sms: SmsOut
    modem: dict[str, Any] | None
    quiet_until: Moment | None
    """While quiet hours last: until when."""
    history: list[LineChange]
    """The line's changes of the last day, the newest first."""
    trouble: list[TroubleOut]
    """What is wrong at this moment with the machine, its clock and others', its backups, and the channels."""
    sources: list[SourceOut]
    """Those that are asked, and how far behind each is."""
    unrouted: Mapping[str, int]
    """Event types that no route names, and how many of each came since the start."""
    restored: RestoredOut | None
    """The backup that took the database's place, until staff have confirmed it: automatic texts to customers wait."""


class AuditOut(msgspec.Struct, frozen=True):
    seq: int
    at: Moment
    kind: str
    actor: str
    order_ref: str | None
    message_id: str | None
    detail: dict[str, Any]
    hash: str


class AuditPage(msgspec.Struct, frozen=True):
    items: list[AuditOut]
    next: str | None


class HeadLine(msgspec.Struct, frozen=True):
    """`at` in ms; `signature`: Ed25519 by `key` over "tether head 1", a line break and the JSON array [epoch, seq, hash, at]."""

    epoch: str
    seq: int
    hash: str
    at: int
    key: str
    signature: str


class HeadOut(msgspec.Struct, frozen=True):
    head: HeadLine | None
    """None: the record is empty."""


class VerifyOut(msgspec.Struct, frozen=True):
    ok: bool
    entries: int
    first_bad: int | None


class TokenOut(msgspec.Struct, frozen=True):
    name: str
    scopes: list[str]
    created_at: Moment
    types: list[str]
    """Event types it may tell of; none: all."""
    own_orders: bool
    own_words: bool


class Tokens(msgspec.Struct, frozen=True):
    items: list[TokenOut]
    next: str | None


class TokenMade(msgspec.Struct, frozen=True):
    """The secret is shown this once."""

    name: str
    scopes: list[str]
    token: str
    types: list[str]
    own_orders: bool
    own_words: bool


class TokenGone(msgspec.Struct, frozen=True):
    name: str
    revoked: bool


class Alive(msgspec.Struct, frozen=True):
    status: str
    version: str


class Reloaded(msgspec.Struct, frozen=True):
    reloaded: bool
