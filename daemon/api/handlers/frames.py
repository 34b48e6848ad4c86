"""Changes as server-sent events: each with the thing as it is now, looked up for many at a time."""

from collections.abc import Mapping, Sequence

import msgspec

from daemon.api.handlers.orders import with_told
from daemon.api.plumbing import present
from daemon.api.plumbing.services import Services
from daemon.api.plumbing.sse import frame
from daemon.wire.messages import AttemptChange, ReceiptChange
from daemon.wire.values import When, encode
from outbox import Change
from outbox.model import Attempt, Message

Key = tuple[str, str]
CUSTOMER = "customer"
_OF_MESSAGES = ("message", "attempt", "receipt")


async def frames(services: Services, changes: Sequence[Change]) -> list[bytes]:
    """The events of these changes, in their order. What changed more than once stands where it changed last."""
    latest = _latest(changes)
    messages = await _messages(services, list(latest))
    _with_their_orders(latest, messages)
    values = await _values(services, list(latest), messages)
    told = sorted(((seq, key) for key, seq in latest.items() if key in values), key=lambda each: each[0])
    return [frame(key[0], seq, encode(values[key])) for seq, key in told]


async def _messages(services: Services, keys: Sequence[Key]) -> Mapping[str, Message]:
    ids = list(dict.fromkeys(key for kind, key in keys if kind in _OF_MESSAGES))
    return {each.id: each for each in await services.box.views.messages_by_id(ids)} if ids else {}


def _with_their_orders(latest: dict[Key, int], messages: Mapping[str, Message]) -> None:
    """Whether the customer was told is part of an order: when that changes, the order does. One that changed besides is told as it is
    now anyway."""
    for (kind, key), seq in list(latest.items()):
        message = messages.get(key) if kind == "message" else None
        if message is not None and message.recipient == CUSTOMER:
            latest.setdefault(("order", message.order_ref), seq)


def _latest(changes: Sequence[Change]) -> dict[Key, int]:
    """By thing: the number of its last change. An attempt or a receipt changes its message too."""
    latest: dict[Key, int] = {}
    for change in changes:
        keys: list[Key] = [(change.kind, change.key)]
        if change.kind in ("attempt", "receipt"):
            keys.append(("message", change.key))
        for key in keys:
            latest.pop(key, None)
            latest[key] = change.seq
    return latest


async def _values(
    services: Services, keys: Sequence[Key], messages: Mapping[str, Message]
) -> dict[Key, msgspec.Struct]:
    values: dict[Key, msgspec.Struct] = {}
    if refs := [key for kind, key in keys if kind == "order"]:
        found = await services.box.views.orders_by_ref(refs)
        values |= {("order", each.ref): each for each in await with_told(services, found)}
    if messages:
        values |= await _of_messages(services, messages)
    if any(kind == "channel" for kind, _ in keys):
        values |= {("channel", row.name): present.channel(row) for row in await services.engine.board.board()}
    if replies := [key for kind, key in keys if kind == "reply"]:
        values |= {("reply", row.id): present.reply(row) for row in await services.box.replies.get(replies)}
    values[("uplink", "")] = present.uplink(await services.engine.board.uplink())
    return values


async def _of_messages(services: Services, messages: Mapping[str, Message]) -> dict[Key, msgspec.Struct]:
    found = await services.box.views.attempts(list(messages))
    attempts: Mapping[str, Attempt] = {each.message_id: each for each in found}
    values: dict[Key, msgspec.Struct] = {("message", each.id): present.message(each) for each in messages.values()}
    for message_id, attempt in attempts.items():
        if message := messages.get(message_id):
            values[("attempt", message_id)] = _attempt(attempt, message)
            if attempt.receipt is not None and attempt.receipt_at is not None:
                values[("receipt", message_id)] = _receipt(attempt, message)
    return values


def _attempt(attempt: Attempt, message: Message) -> AttemptChange:
    shown = msgspec.structs.asdict(present.attempt(attempt))
    return AttemptChange(message_id=message.id, order_ref=message.order_ref, **shown)


def _receipt(attempt: Attempt, message: Message) -> ReceiptChange:
    assert attempt.receipt is not None
    assert attempt.receipt_at is not None
    return ReceiptChange(
        message_id=message.id,
        order_ref=message.order_ref,
        n=attempt.n,
        channel=attempt.channel,
        receipt=attempt.receipt.value,
        at=When(attempt.receipt_at),
        detail=attempt.receipt_detail,
    )
