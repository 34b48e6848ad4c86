"""How rows look between SQLite and the model: written as tuples, read as one JSON array for many rows.

Reading many rows as a single JSON value costs one turn of the interpreter's lock, not one a row.
"""

import msgspec

from outbox.model import (
    Attempt,
    Customer,
    Due,
    Event,
    Item,
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

IN_LINE = frozenset({State.QUEUED, State.SENDING})
"""The states in which a message keeps later ones of its line waiting."""

OPEN = frozenset({State.QUEUED, State.HELD, State.SENDING, State.UNKNOWN})
"""The states that something of ours still works on."""


class MessageBody(msgspec.Struct, array_like=True, frozen=True):
    """What of a message never changes and is never searched. New fields go to the end, with a default."""

    audience: str
    template: str
    text: str | None
    subject: str | None
    policy: Policy


class OrderBody(msgspec.Struct, array_like=True, frozen=True):
    """An order as it is kept: `Order`'s fields in its order, without their names, since each event writes it anew.

    SQL names two places in it: `$[3]` the status, `$[14]` the customer. New fields go to the end, with a default.
    """

    ref: str
    source: str
    source_id: str | None
    status: str
    status_at: int
    status_source: str
    payment: str
    payment_at: int
    total: str | None
    currency: str | None
    fulfilment: str | None
    promised_at: int | None
    items: tuple[Item, ...]
    note: str | None
    customer: Customer
    url: str | None
    held: bool
    created_at: int
    updated_at: int
    news_at: int
    payment_source: str = ""
    after_sale: str = ""
    after_sale_at: int = 0
    after_sale_source: str = ""


class MessageRow(msgspec.Struct, array_like=True):
    """A message as the writer works on it. The order is that of `message_row` in the SQL files."""

    seq: int
    id: str
    event_seq: int
    order_seq: int
    recipient: str
    line: int
    state: State
    ready: int
    channel: str
    priority: int
    due_at: int
    relative: int
    modem_after: int | None
    expires_at: int | None
    hop: int
    channel_since: int
    attempt_count: int
    tries: int
    last_attempt: int
    possible_duplicate: int
    verdict: str
    supersedes: int
    manual: int
    kind: str
    created_at: int
    updated_at: int
    reason: str
    via: str
    addresses: str
    body: str
    event_id: str
    order_ref: str
    order_held: int

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def family(self) -> str:
        return self.kind.split(".", 1)[0]

    def values(self) -> tuple[object, ...]:
        """What `insert_message` writes."""
        return (
            self.seq, self.id, self.event_seq, self.order_seq, self.recipient, self.line, int(self.state in OPEN),
            self.state.value, self.ready, self.channel, self.priority, self.due_at, self.relative, self.modem_after,
            self.expires_at, self.hop, self.channel_since, self.attempt_count, self.tries, self.last_attempt,
            self.possible_duplicate, self.verdict, self.supersedes, self.manual, self.kind, self.created_at, self.updated_at, self.reason, self.via,
            self.addresses.encode(), self.body.encode(),
        )  # fmt: skip

    def changes(self) -> tuple[object, ...]:
        """What `update_message` writes."""
        return (
            self.seq, self.state.value, self.ready, self.channel, self.due_at, self.relative, self.hop, self.channel_since,
            self.attempt_count, self.tries, self.last_attempt, self.possible_duplicate, self.verdict, self.updated_at, self.reason, self.via,
        )  # fmt: skip

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
            trigger=self.kind,
            priority=_PRIORITIES[self.priority],
            due_at=self.due_at,
            expires_at=self.expires_at,
            policy=body.policy,
            state=self.state,
            reason=self.reason,
            seq=self.seq,
            event_seq=self.event_seq,
            event_id=self.event_id,
            order_ref=self.order_ref,
            hop=self.hop,
            possible_duplicate=bool(self.possible_duplicate),
            attempt_count=self.attempt_count,
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
        event = decode_event(self.event) if self.event else Event(row.event_id, row.kind, OrderFields(row.order_ref))
        return Due(row.message(), event, decode_order(self.order))


class AttemptRow(msgspec.Struct, array_like=True):
    """An attempt as the writer works on it. The order is that of `attempt_row` in the SQL files."""

    seq: int
    message_seq: int
    earlier: int
    n: int
    channel: str
    started_at: int
    finished_at: int | None
    outcome: str | None
    scope: str | None
    code: str
    provider_id: str
    receipt: ReceiptState | None
    receipt_at: int | None
    poll_at: int | None
    counts: int
    detail: str
    receipt_detail: str
    address: str
    sent: str | None
    message_id: str

    def values(self) -> tuple[object, ...]:
        """What `insert_attempt` writes."""
        return (
            self.seq, self.message_seq, self.earlier, self.n, self.channel, self.started_at, self.finished_at, self.outcome, self.scope,
            self.code, self.provider_id, self.receipt, self.receipt_at, self.poll_at, self.counts, self.detail,
            self.receipt_detail, self.address, None if self.sent is None else self.sent.encode(),
        )  # fmt: skip

    def changes(self) -> tuple[object, ...]:
        """What `update_attempt` writes."""
        return (
            self.seq, self.finished_at, self.outcome, self.scope, self.code, self.provider_id, self.receipt, self.receipt_at,
            self.poll_at, self.counts, self.detail, self.receipt_detail,
        )  # fmt: skip

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


def encode_order(order: Order) -> bytes:
    return encode(
        OrderBody(
            order.ref,
            order.source,
            order.source_id,
            order.status,
            order.status_at,
            order.status_source,
            order.payment,
            order.payment_at,
            order.total,
            order.currency,
            order.fulfilment,
            order.promised_at,
            order.items,
            order.note,
            order.customer,
            order.url,
            order.held,
            order.created_at,
            order.updated_at,
            order.news_at,
            order.payment_source,
            order.after_sale,
            order.after_sale_at,
            order.after_sale_source,
        )
    )


def decode_order(body: bytes | str) -> Order:
    kept = _orders.decode(body)
    return Order(
        ref=kept.ref,
        source=kept.source,
        source_id=kept.source_id,
        status=kept.status,
        status_at=kept.status_at,
        status_source=kept.status_source,
        payment=kept.payment,
        payment_at=kept.payment_at,
        total=kept.total,
        currency=kept.currency,
        fulfilment=kept.fulfilment,
        promised_at=kept.promised_at,
        items=kept.items,
        note=kept.note,
        customer=kept.customer,
        url=kept.url,
        held=kept.held,
        created_at=kept.created_at,
        updated_at=kept.updated_at,
        news_at=kept.news_at,
        payment_source=kept.payment_source,
        after_sale=kept.after_sale,
        after_sale_at=kept.after_sale_at,
        after_sale_source=kept.after_sale_source,
    )


_PRIORITIES = tuple(Priority)
_encoder = msgspec.json.Encoder()
_bodies = msgspec.json.Decoder(MessageBody)
_addresses = msgspec.json.Decoder(dict[str, str])
_rendered = msgspec.json.Decoder(Rendered)
_events = msgspec.json.Decoder(Event)
_orders = msgspec.json.Decoder(OrderBody)

encode = _encoder.encode
decode_event = _events.decode
decode_messages = msgspec.json.Decoder(list[MessageRow]).decode
decode_dues = msgspec.json.Decoder(list[DueRow]).decode
decode_attempts = msgspec.json.Decoder(list[AttemptRow]).decode
