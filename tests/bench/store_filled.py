"""Databases of any size for the store's benchmarks: a thousand messages made by the outbox itself, then doubled in SQL."""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from outbox import Outbox, Refusal
from outbox.clock import SystemClock
from outbox.digest import FixedKey
from outbox.model import Due, Event, Order, Plan, PlannedMessage, Policy, Posted, Rendered, State, Transition
from outbox.outcome import Accepted

SEED = 1000
KEY = FixedKey(b"k" * 32)
PHONE = "+447700900123"
TEXT = Rendered("Hi Ada, your balloons (order B-1042) are ready to collect. Balloon Loft. Open until six.")
SENT = Transition(state=State.SENT)

CLOCK = SystemClock()

_BEGIN = """
BEGIN;
CREATE TEMP TABLE grow AS SELECT
    (SELECT max(seq) FROM message) AS messages, (SELECT max(seq) FROM event) AS events, (SELECT max(seq) FROM orders) AS orders,
    (SELECT max(seq) FROM attempt) AS attempts, (SELECT count(*) FROM message) AS size;
"""
_END = "DROP TABLE grow; COMMIT;"
_ANEW: Mapping[str, Mapping[str, str]] = {
    "orders": {"seq": "seq + g.orders", "ref": "ref || '+' || g.size", "last_event": "last_event + g.events"},
    "event": {
        "seq": "seq + g.events",
        "order_seq": "order_seq + g.orders",
        "earlier": "0",
        "id": "id || '+' || g.size",
    },
    "attempt": {
        "seq": "seq + g.attempts",
        "message_seq": "message_seq + g.messages",
        "earlier": "0",
        "provider_id": "provider_id || '+' || g.size",
    },
    "message": {
        "seq": "seq + g.messages",
        "id": "hex(randomblob(10))",
        "event_seq": "event_seq + g.events",
        "order_seq": "order_seq + g.orders",
        "last_attempt": "iif(last_attempt, last_attempt + g.attempts, 0)",
    },
}
"""What of a row's copy is another's; all else is the same."""


def posted(number: int) -> Posted:
    """A till's event of some 600 bytes."""
    raw = msgspec.json.encode(
        {
            "id": f"till-2-{number}",
            "type": "order.ready",
            "occurred_at": "2026-11-24T10:15:00Z",
            "order": {
                "ref": f"B-{number}",
                "total": "48.50",
                "currency": "GBP",
                "fulfilment": "pickup",
                "promised_at": "2026-11-24T12:00:00Z",
                "items": [{"name": "Helium bouquet, 12", "quantity": 1}],
                "note": "pink and white, weights in the shape of a star, and a card that says happy birthday",
            },
            "customer": {
                "name": "Ada",
                "phone": "07700 900123",
                "email": "ada@example.com",
                "locale": "en-GB",
                "consent": {"sms": True, "email": True},
                "addresses": {"fcm": "token"},
            },
            "data": {},
        }
    )
    return Posted("pos", msgspec.json.decode(raw, type=Event), raw, CLOCK.now())


def plan(event: Posted, before: Order | None, after: Order) -> Plan:
    type_ = event.event.type
    message = PlannedMessage(
        id=random.Random(event.event.id).randbytes(10).hex(),
        audience="customer",
        recipient="customer",
        addresses={"phone": PHONE, "email": "ada@example.com"},
        via=("twilio", "vonage", "modem", "sendgrid"),
        template=type_,
        trigger=type_,
        due_at=event.received_at,
        expires_at=event.received_at + 43_200_000,
        policy=Policy(offline_after=60.0),
    )
    return Plan((message,))


def opened(path: Path) -> "contextlib.AbstractAsyncContextManager[Outbox]":
    return Outbox.open(path / "tether.db", clock=CLOCK, rng=random.Random(1), keys=KEY, reserve=0)


async def life(box: Outbox, events: Sequence[Posted]) -> None:
    """Events that come at once, with all that becomes of them: what is offered before its commit is tried then, as the service does."""
    async with asyncio.TaskGroup() as group:
        offered: list[Due] = []

        def offer(dues: Sequence[Due]) -> int:
            offered.extend(dues)
            for due in dues:
                group.create_task(_send(box, due.message.seq))
            return len(dues)

        box.spool.on_offer = offer
        for event in events:
            group.create_task(box.spool.accept(event, plan))
    if len(offered) < len(events):
        await deliver(box, len(events))


async def deliver(box: Outbox, limit: int) -> int:
    """Send that many at once, each with a durable attempt and outcome."""
    due = await box.spool.due("twilio", now=CLOCK.now(), limit=limit)
    async with asyncio.TaskGroup() as group:
        for each in due:
            group.create_task(_send(box, each.message.seq))
    return len(due)


async def _send(box: Outbox, seq: int) -> None:
    begun = await box.spool.begin(seq, channel="twilio", via_index=0, medium="sms", address=PHONE, sent=TEXT)
    assert not isinstance(begun, Refusal), begun.reason
    await box.spool.settle(begun, Accepted(f"SM{random.randbytes(16).hex()}"), SENT)


async def fill(path: Path, size: int, *, sent: bool) -> None:
    """At least that many messages, waiting or sent."""
    async with opened(path) as box:
        await box.spool.accept_many([posted(-n) for n in range(1, SEED + 1)], plan)
        while sent and await deliver(box, 100):
            pass
    await asyncio.to_thread(_double, path / "tether.db", size)


def _double(file: Path, size: int) -> None:
    db = sqlite3.connect(file, isolation_level=None)
    db.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;")
    double = _BEGIN + "".join(_copied(db, table) for table in _ANEW) + _END
    while db.execute("SELECT count(*) FROM message").fetchone()[0] < size:
        db.executescript(double)
    db.executescript("PRAGMA wal_checkpoint(TRUNCATE);")
    db.close()


def _copied(db: sqlite3.Connection, table: str) -> str:
    columns = [column for _, column, *_ in db.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(_ANEW[table].get(column, column) for column in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table}, grow AS g;\n"
