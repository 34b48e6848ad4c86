"""An order's story: events, messages, attempts, receipts, replies and what people did, as one readable list. Pure."""

from collections.abc import Iterator

import msgspec

from daemon.api.plumbing import present
from daemon.wire.orders import Entry
from daemon.wire.values import When
from outbox import StoredEvent, Story
from outbox.masks import mask_address
from outbox.model import Attempt, Message
from outbox.reasons import whole_args

Dated = tuple[int, int, Entry]
"""(when, rank at the same moment, what)."""


def timeline(story: Story) -> list[Entry]:
    """The oldest first."""
    dated = [
        *_events(story),
        *_messages(story),
        *(entry for attempt in story.attempts for entry in _attempt(attempt)),
        *_replies(story),
        *_acts(story),
    ]
    return [entry for _, _, entry in sorted(dated, key=lambda each: each[:2])]


def _events(story: Story) -> Iterator[Dated]:
    for row in story.events:
        yield (
            row.received_at,
            0,
            Entry(
                at=When(row.received_at),
                kind="event",
                type=row.type,
                source=row.source,
                actor=row.actor,
                event_id=row.id,
                reason=_why(row),
                past=story.order.is_past(row.seq),
            ),
        )


def _why(row: StoredEvent) -> str:
    """What a person gave as the reason; of history, that nobody was to hear of it."""
    told = msgspec.json.decode(row.raw) if row.raw else {}
    if told.get("history") is True:  # tills have words of their own under that name
        return "it happened before: nobody was told"
    by_hand = (told.get("data") or {}).get("by_hand")
    return _text(by_hand.get("note")) if isinstance(by_hand, dict) else ""


def _messages(story: Story) -> Iterator[Dated]:
    for row in story.messages:
        yield row.created_at, 1, _message(row, past=story.order.is_past(row.event_seq))


def _message(row: Message, *, past: bool) -> Entry:
    return Entry(
        at=When(row.created_at),
        kind="message",
        type=row.trigger,
        event_id=row.event_id,
        message_id=row.id,
        audience=row.audience,
        template=row.template,
        state=row.state.value,
        channel=row.channel,
        to=present.to(row),
        text=row.text or "",
        reason=str(row.reason),
        reason_code=row.reason.code,
        reason_args=whole_args(row.reason),
        possible_duplicate=row.possible_duplicate,
        past=past,
    )


def _attempt(row: Attempt) -> Iterator[Dated]:
    yield (
        row.started_at,
        2,
        Entry(
            at=When(row.started_at),
            kind="attempt",
            message_id=row.message_id,
            channel=row.channel,
            n=row.n,
            to=mask_address(row.address),
            outcome=row.outcome or "",
            code=row.code,
            detail=row.detail,
            text="" if row.sent is None else row.sent.text,
        ),
    )
    if row.receipt is not None and row.receipt_at is not None:
        yield (
            row.receipt_at,
            3,
            Entry(
                at=When(row.receipt_at),
                kind="receipt",
                message_id=row.message_id,
                channel=row.channel,
                n=row.n,
                receipt=row.receipt.value,
                state=row.receipt.value,
                detail=row.receipt_detail,
            ),
        )


def _replies(story: Story) -> Iterator[Dated]:
    for row in story.replies:
        yield (
            row.at,
            4,
            Entry(
                at=When(row.at),
                kind="reply",
                channel=row.channel,
                to=mask_address(row.address),
                actor=row.name,
                text=row.text,
                consent=row.consent or "",
                action=row.action,
                past=story.order.is_past(row.event_seq),
            ),
        )


def _acts(story: Story) -> Iterator[Dated]:
    for row in story.acts:
        yield (
            row.at,
            5,
            Entry(
                at=When(row.at),
                kind="override",
                type=row.kind,
                actor=row.actor,
                message_id=row.message_id or "",
                channel=_text(row.detail.get("channel")),
                detail=_text(row.detail.get("note")),
                reason=_text(row.detail.get("reason")),
                reason_code=_text(row.detail.get("reason_code")),
            ),
        )


def _text(value: object) -> str:
    return str(value) if value else ""
