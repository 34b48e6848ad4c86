"""How rows look between SQLite and the model: written as tuples, read as one JSON array for many rows.

Reading many rows as a single JSON value costs one turn of the interpreter's lock, not one a row.
"""

from typing import Annotated

import msgspec

from outbox import harmless
from outbox.model import (
    Attempt,
    Due,
    Event,
    Message,
    Order,
    OrderFields,
    PlannedMessage,
    Policy,
    Priority,
    Rendered,
    State,
)
from outbox.outcome import ReceiptState
from outbox.reasons import Reason, decode_args, encode_args, plain

IN_QUEUE = frozenset({State.QUEUED, State.SENDING})
"""The states in which a message keeps later ones of its queue waiting, unless it waits in doubt."""

OPEN = frozenset({State.QUEUED, State.HELD, State.SENDING, State.UNKNOWN})
"""The states that something of ours still works on."""


CHANGES = "changes"
"""Marks a column that is written again when its row changes."""
BLOB = "blob"
"""Marks a column of JSON that is text here and bytes on the disk."""


class Joined(msgspec.Struct, frozen=True):
    """Marks a field that is read along with its row from another table."""

    column: str


class MessageBody(msgspec.Struct, array_like=True, frozen=True):
    """What of a message never changes and is never searched. New fields go to the end, with a default."""

    audience: str
    template: str
    text: str | None
    subject: str | None
    policy: Policy


class StoredOrder(msgspec.Struct, frozen=True):
    """A row of `orders`. `body` is the `Order` as a JSON array, without the names of its fields, since each event writes it anew."""

    seq: int
    ref: str
    held: Annotated[int, CHANGES]
    began: Annotated[int, CHANGES]
    last_event: Annotated[int, CHANGES]
    body: Annotated[bytes, CHANGES, BLOB]


class EventRow(msgspec.Struct, frozen=True):
    """A row of `event`: what happened, as it was told."""

    seq: int
    order_seq: int
    earlier: int
    source: str
    id: str
    type: str
    actor: str
    received_at: int
    raw: Annotated[bytes, BLOB]


class AuditEntry(msgspec.Struct, frozen=True):
    """A row of `audit`."""

    seq: int
    at: int
    kind: str
    actor: str
    order_ref: str
    message_id: str
    detail: str
    hash: Annotated[bytes, BLOB]


class MessageRow(msgspec.Struct, array_like=True):
    """A message as the writer works on it. `message_row` reads it."""

    seq: int
    id: str
    event_seq: int
    order_seq: int
    recipient: str
    queue_place: int
    state: Annotated[State, CHANGES]
    ready: Annotated[int, CHANGES]
    channel: Annotated[str, CHANGES]
    priority: int
    due_at: Annotated[int, CHANGES]
    relative: Annotated[int, CHANGES]
    offline_after: int | None
    expires_at: int | None
    via_index: Annotated[int, CHANGES]
    channel_since: Annotated[int, CHANGES]
    attempt_count: Annotated[int, CHANGES]
    tries: Annotated[int, CHANGES]
    first_try: Annotated[int, CHANGES]
    last_attempt: Annotated[int, CHANGES]
    possible_duplicate: Annotated[int, CHANGES]
    pending_state: Annotated[str, CHANGES]
    supersedes: int
    manual: int
    trigger: str
    created_at: int
    updated_at: Annotated[int, CHANGES]
    reason: Annotated[str, CHANGES]
    reason_code: Annotated[str, CHANGES]
    reason_args: Annotated[str, CHANGES]
    via: Annotated[str, CHANGES]
    addresses: Annotated[str, BLOB]
    body: Annotated[str, BLOB]
    event_id: Annotated[str, Joined("e.id")]
    order_ref: Annotated[str, Joined("o.ref")]
    order_held: Annotated[int, Joined("o.held AND m.event_seq >= o.began")]
    order_began: Annotated[int, Joined("o.began")]

    @property
    def open(self) -> int:
        return int(self.state in OPEN)

    @property
    def waits_in_doubt(self) -> bool:
        """Whether it may have arrived, and waits to be sent all the same: nobody waits for it."""
        return self.state is State.QUEUED and bool(self.possible_duplicate)

    @property
    def is_past(self) -> bool:
        """Whether it is of the order that had the number before: nothing that the present one is told of, waits for or is held by is
        for it."""
        return self.event_seq < self.order_began

    @property
    def family(self) -> str:
        return self.trigger.split(".", 1)[0]

    @property
    def why(self) -> Reason:
        return Reason(self.reason, self.reason_code, **decode_args(self.reason_args))

    @why.setter
    def why(self, reason: Reason) -> None:
        self.reason, self.reason_code, self.reason_args = str(reason), reason.code, encode_args(reason)

    def channels(self) -> tuple[str, ...]:
        return tuple(self.via.split(",")) if self.via else ()

    def message(self) -> Message:
        body = _bodies.decode(self.body)
        return Message(
            id=self.id,
            audience=body.audience,
            recipient=self.recipient,
            addresses=_addresses.decode(self.addresses),
            via=self.channels(),
            template=body.template,
            text=body.text,
            subject=body.subject,
            trigger=self.trigger,
            priority=_PRIORITIES[self.priority],
            due_at=self.due_at,
            relative=bool(self.relative),
            expires_at=self.expires_at,
            policy=body.policy,
            state=self.state,
            reason=self.why,
            seq=self.seq,
            event_seq=self.event_seq,
            event_id=self.event_id,
            order_ref=self.order_ref,
            via_index=self.via_index,
            possible_duplicate=bool(self.possible_duplicate),
            attempt_count=self.attempt_count,
            first_try=self.first_try,
            channel_since=self.channel_since,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


class DueRow(msgspec.Struct, array_like=True, frozen=True):
    """A message with the event and the order that rendering it needs."""

    message: MessageRow
    event: str
    order: str

    def due(self) -> Due:
        """Of an event that was taken out (its customer is forgotten) no more is known than what it was about."""
        row = self.message
        event = decode_event(self.event) if self.event else Event(row.event_id, row.trigger, OrderFields(row.order_ref))
        return Due(row.message(), event, decode_order(self.order))


class AttemptRow(msgspec.Struct, array_like=True):
    """An attempt as the writer works on it. `attempt_row` reads it."""

    seq: int
    message_seq: int
    earlier: int
    n: int
    channel: str
    started_at: int
    finished_at: Annotated[int | None, CHANGES]
    outcome: Annotated[str | None, CHANGES]
    scope: Annotated[str | None, CHANGES]
    code: Annotated[str, CHANGES]
    provider_id: Annotated[str, CHANGES]
    receipt: Annotated[ReceiptState | None, CHANGES]
    receipt_at: Annotated[int | None, CHANGES]
    poll_at: Annotated[int | None, CHANGES]
    counts: Annotated[int, CHANGES]
    detail: Annotated[str, CHANGES]
    receipt_detail: Annotated[str, CHANGES]
    address: str
    units: Annotated[int, CHANGES]
    """What it takes of its channel's limits; what it took, once it has ended."""
    sent: Annotated[str | None, BLOB]
    message_id: Annotated[str, Joined("m.id")]

    def attempt(self) -> Attempt:
        return Attempt(
            seq=self.seq,
            message_seq=self.message_seq,
            message_id=self.message_id,
            n=self.n,
            channel=self.channel,
            address=self.address,
            started_at=self.started_at,
            finished_at=self.finished_at,
            outcome=self.outcome,
            scope=self.scope,
            code=self.code,
            detail=self.detail,
            provider_id=self.provider_id,
            receipt=self.receipt,
            receipt_at=self.receipt_at,
            receipt_detail=self.receipt_detail,
            sent=None if self.sent is None else _rendered.decode(self.sent),
            counts=bool(self.counts),
        )


def body_of(planned: PlannedMessage) -> bytes:
    return encode(MessageBody(planned.audience, planned.template, planned.text, planned.subject, planned.policy))


_PRIORITIES = tuple(Priority)
_encoder = msgspec.json.Encoder(enc_hook=plain)
_bodies = msgspec.json.Decoder(MessageBody)
_addresses = msgspec.json.Decoder(dict[str, str])
_rendered = msgspec.json.Decoder(Rendered)
_events = msgspec.json.Decoder(Event)

encode = _encoder.encode


def decode_event(raw: bytes | str) -> Event:
    """An event as it was stored, where what is harmful in its texts is kept as it came, written by its number."""
    event = _events.decode(raw)
    text = raw if isinstance(raw, str) else raw.decode()
    return event if text.isascii() and text.isprintable() and "\\" not in text else harmless.cleaned(event)


decode_body = _bodies.decode
decode_addresses = _addresses.decode
decode_rendered = _rendered.decode
decode_order = msgspec.json.Decoder(Order).decode
decode_messages = msgspec.json.Decoder(list[MessageRow]).decode
decode_dues = msgspec.json.Decoder(list[DueRow]).decode
decode_attempts = msgspec.json.Decoder(list[AttemptRow]).decode
