"""Databases of any size for the store's benchmarks: a thousand messages made by the outbox itself, then doubled in SQL."""

import asyncio
import contextlib
import random
import sqlite3
from pathlib import Path

import msgspec

from outbox import Outbox, Refusal
from outbox.clock import SystemClock
from outbox.digest import FixedKey
from outbox.model import Event, Order, Plan, PlannedMessage, Policy, Posted, Rendered, State, Transition
from outbox.outcome import Accepted

SEED = 1000
KEY = FixedKey(b"k" * 32)
PHONE = "+447700900123"
TEXT = Rendered("Hi Ada, your balloons (order B-1042) are ready to collect. Balloon Loft. Open until six.")
SENT = Transition(state=State.SENT)

CLOCK = SystemClock()

_DOUBLE = """
BEGIN;
CREATE TEMP TABLE grow AS SELECT
    (SELECT max(seq) FROM message) AS messages, (SELECT max(seq) FROM event) AS events, (SELECT max(seq) FROM orders) AS orders,
    (SELECT max(seq) FROM attempt) AS attempts, (SELECT count(*) FROM message) AS size;
INSERT INTO orders SELECT o.seq + g.orders, o.ref || '+' || g.size, o.held, o.last_event + g.events, o.body FROM orders AS o, grow AS g;
INSERT INTO event SELECT e.seq + g.events, e.order_seq + g.orders, 0, e.source, e.id || '+' || g.size, e.type, e.actor,
    e.received_at, e.raw FROM event AS e, grow AS g;
INSERT INTO attempt SELECT a.seq + g.attempts, a.message_seq + g.messages, 0, a.n, a.channel, a.started_at, a.finished_at, a.outcome,
    a.scope, a.code, a.provider_id || '+' || g.size, a.receipt, a.receipt_at, a.poll_at, a.counts, a.detail, a.receipt_detail,
    a.address, a.sent FROM attempt AS a, grow AS g;
INSERT INTO message SELECT m.seq + g.messages, hex(randomblob(10)), m.event_seq + g.events, m.order_seq + g.orders, m.recipient,
    m.queue_place, m.open, m.state, m.ready, m.channel, m.priority, m.due_at, m.relative, m.offline_after, m.expires_at, m.via_index, m.channel_since,
    m.attempt_count, m.tries, iif(m.last_attempt, m.last_attempt + g.attempts, 0), m.possible_duplicate, m.pending_state, m.supersedes,
    m.manual, m.trigger, m.created_at, m.updated_at, m.reason, m.via, m.addresses, m.body FROM message AS m, grow AS g;
DROP TABLE grow;
COMMIT;
"""


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


async def deliver(box: Outbox, limit: int) -> int:
    """Send that many at once, each with a durable attempt and outcome."""

    async def one(seq: int) -> None:
        begun = await box.spool.begin(seq, channel="twilio", via_index=0, medium="sms", address=PHONE, sent=TEXT)
        assert not isinstance(begun, Refusal), begun.reason
        await box.spool.settle(begun, Accepted(f"SM{random.randbytes(16).hex()}"), SENT)

    due = await box.spool.due("twilio", now=CLOCK.now(), limit=limit)
    async with asyncio.TaskGroup() as group:
        for each in due:
            group.create_task(one(each.message.seq))
    return len(due)


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
    while db.execute("SELECT count(*) FROM message").fetchone()[0] < size:
        db.executescript(_DOUBLE)
    db.executescript("PRAGMA wal_checkpoint(TRUNCATE);")
    db.close()
