"""What tests of the outbox share: events and messages in a line, and a database that is opened on a real file."""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from daemon.config import Settings
from daemon.keys.digests import BoxKeys
from outbox import Outbox, Refusal
from outbox.clock import Clock
from outbox.digest import FixedKey, Keys
from outbox.model import (
    Attempt,
    Due,
    Event,
    Message,
    Order,
    Plan,
    PlannedMessage,
    Planner,
    Policy,
    Posted,
    Priority,
    State,
    Transition,
)
from outbox.outcome import Accepted, Outcome, ReceiptState
from tests.support.fake_clock import FakeClock

PHONE = "+447700900123"
KEY = FixedKey(b"k" * 32)
MAIL = "ada@example.com"
SENT = Transition(state=State.SENT)
NOW = FakeClock().now()


@asynccontextmanager
async def open_box(
    path: Path, clock: Clock | None = None, *, reserve: int = 0, keys: Keys = KEY
) -> AsyncIterator[Outbox]:
    async with Outbox.open(
        path / "tether.db", clock=clock or FakeClock(), rng=random.Random(7), keys=keys, reserve=reserve
    ) as box:
        yield box


def open_own_box(folder: Path, clock: Clock | None = None) -> AbstractAsyncContextManager[Outbox]:
    """As a box opens it whose tether.toml lies in that folder, with its own words."""
    return open_box(folder, clock, keys=BoxKeys(Settings(file=folder / "tether.toml")))


def posted(
    id: str = "e1",
    type: str = "order.ready",
    ref: str = "B-1",
    *,
    source: str = "pos",
    at: int = NOW,
    actor: str = "",
    order: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Posted:
    raw = msgspec.json.encode({"id": id, "type": type, "order": {"ref": ref, **(order or {})}, **fields})
    return Posted(source, msgspec.json.decode(raw, type=Event), raw, at, actor)


def planned(id: str = "m1", **changes: Any) -> PlannedMessage:
    values: dict[str, Any] = {
        "id": id,
        "audience": "customer",
        "recipient": "customer",
        "addresses": {"phone": PHONE, "email": MAIL},
        "via": ("twilio", "modem", "sendgrid"),
        "template": "order.ready",
        "trigger": "order.ready",
        "due_at": NOW,
        "priority": Priority.NORMAL,
        "policy": Policy(offline_after=60.0),
    }
    return PlannedMessage(**values | changes)


def plans(*messages: PlannedMessage, drops: tuple[str, ...] = ()) -> Planner:
    def plan(event: Posted, before: Order | None, after: Order) -> Plan:
        return Plan(messages, drops)

    return plan


def one_each(event: Posted, before: Order | None, after: Order) -> Plan:
    """One message to the customer for each event, about it."""
    type_ = event.event.type
    return Plan((planned(f"m_{event.event.id}", template=type_, trigger=type_, due_at=event.received_at),))


async def accept_one(box: Outbox, message: PlannedMessage | None = None, **event: Any) -> Message:
    """Take an event that leads to that message; the message."""
    message = message or planned()
    await box.spool.accept(posted(**event), plans(message))
    return await message_of(box, message.id)


async def message_of(box: Outbox, id: str) -> Message:
    (message,) = await box.views.messages_by_id([id])
    return message


async def state_of(box: Outbox, id: str) -> State:
    return (await message_of(box, id)).state


async def begin(box: Outbox, message: Message, channel: str = "twilio", address: str = PHONE) -> Attempt:
    begun = await box.spool.begin(
        message.seq, channel=channel, via_index=message.via.index(channel), medium="sms", address=address
    )
    assert not isinstance(begun, Refusal), begun.reason
    return begun


async def send(
    box: Outbox, message: Message, outcome: Outcome | None = None, to: Transition = SENT, channel: str = "twilio"
) -> Message:
    return await box.spool.settle(await begin(box, message, channel), outcome or Accepted(f"P-{message.id}"), to)


async def due_ids(box: Outbox, channel: str = "twilio", *, now: int = NOW, **more: Any) -> list[str]:
    return ids(await box.spool.due(channel, now=now, limit=100, **more))


def ids(dues: list[Due]) -> list[str]:
    return [due.message.id for due in dues]


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt, as `daemon.channels.base.ReceiptUpdate`."""

    state: ReceiptState
    provider_id: str = ""
    reference: str = ""
    code: str = ""
    detail: str = ""
    at: int | None = None


def everything_in(folder: Path) -> bytes:
    """Every byte of every file: what is freed and what is still in the log, too."""
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
