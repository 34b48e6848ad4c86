"""What the counter's screen reads of each answer, by its own structs: the two sides of the wire agree."""

from typing import Any

import msgspec
import pytest

from daemon.channels.base import ReceiptUpdate
from daemon.wire.customers import Call, OptOut, Reply
from daemon.wire.messages import Message, MessageDetail, Rendering, Template
from daemon.wire.orders import Order, OrderDetail
from daemon.wire.problem import ProblemBody
from daemon.wire.record import AuditEntry, Chain
from daemon.wire.service import Channel, Glance
from daemon.wire.steps import Preview, StatusSet
from daemon.wire.values import Page, decode
from outbox.model import State, Transition
from outbox.outcome import Accepted, ReceiptState, Rejected, Scope
from outbox.reasons import Reason
from tests.support.face import Face, event
from tests.support.small_store import SmallStore

NOW = 1_795_515_300_000


@pytest.fixture
async def furnished(face: Face, store: SmallStore) -> Face:
    order = {
        "total": "48.50",
        "currency": "GBP",
        "promised_at": "2026-11-24T12:00:00Z",
        "items": [{"name": "Foil 7", "quantity": 2}],
    }
    await face.post("/v1/events", event(order=order))
    (message,) = await store.messages()
    attempt = await store.begin(message.id)
    await store.clock.advance(0.4)
    await store.box.spool.settle(attempt, Accepted("SM1"), Transition(state=State.SENT))
    await store.clock.advance(0.5)
    await store.reports("twilio", ReceiptUpdate(state=ReceiptState.UNDELIVERED, provider_id="SM1"))
    refused = Rejected(Scope.RECIPIENT, "550", "no such mailbox")
    await store.end(message.id, State.FAILED, Reason("every channel refused it"), outcome=refused)
    await store.hears("twilio", "on my way")
    await store.box.consent.stop("email", "ada@example.com", reason="asked", actor="desk")
    return face


async def read(face: Face, path: str, kind: Any, *, as_: str = "desk") -> Any:
    answer = await face.get(path, as_=as_)
    assert answer.status == 200, answer.body
    return decode(answer.body, kind)


async def test_orders(furnished: Face) -> None:
    (order,) = (await read(furnished, "/v1/orders", Page[Order])).items
    assert (order.ref, order.stage, order.told.state, order.promised_at) == (
        "B-1042",
        "ready",
        "failed",
        1_795_521_600_000,
    )
    story = await read(furnished, "/v1/orders/B-1042", OrderDetail)
    assert set(story.optouts) == {"email"}
    assert sorted(each.kind for each in story.timeline) == [
        "attempt",
        "attempt",
        "event",
        "message",
        "receipt",
        "reply",
    ]
    assert story.timeline[0].type == "order.ready"
    attempt = next(each for each in story.timeline if each.kind == "attempt")
    assert (attempt.channel, attempt.outcome, attempt.text) == ("twilio", "accepted", "Hi Ada")
    assert story.items[0].quantity == 2


async def test_messages(furnished: Face) -> None:
    (message,) = (await read(furnished, "/v1/messages?state=failed", Page[Message])).items
    assert (message.audience, message.reason, message.to) == ("customer", "every channel refused it", "+44…0123")
    story = await read(furnished, f"/v1/messages/{message.id}", MessageDetail)
    assert story.attempts[0].sent.text == "Hi Ada"


async def test_the_rest(furnished: Face) -> None:
    glance = await read(furnished, "/v1/status", Glance)
    assert (glance.store.name, glance.store.grace, glance.calls, glance.replies, glance.radio.state) == (
        "Our shop",
        8.0,
        1,
        1,
        "open",
    )
    assert (await read(furnished, "/v1/channels", Page[Channel])).items[0].title == "Twilio"
    assert (await read(furnished, "/v1/templates", Page[Template])).items
    (reply,) = (await read(furnished, "/v1/replies", Page[Reply])).items
    assert (reply.sender, reply.text) == ("+44…0123", "on my way")
    (call,) = (await read(furnished, "/v1/call-list", Page[Call])).items
    assert (call.phone, call.since) == ("+447700900123", NOW + 900)
    (optout,) = (await read(furnished, "/v1/optouts", Page[OptOut])).items
    assert optout.id
    assert (await read(furnished, "/v1/audit/verify", Chain, as_="owner")).ok
    assert (await read(furnished, "/v1/audit", Page[AuditEntry], as_="owner")).items


async def test_a_step_and_what_it_would_send(furnished: Face) -> None:
    ask = await furnished.post("/v1/orders/B-1042/preview", {"status": "order.cancelled"}, as_="desk")
    (planned,) = decode(ask.body, Preview).messages
    assert (planned.channel, planned.sms.parts, planned.warnings) == ("twilio", 1, ())
    step = await furnished.post("/v1/orders/B-1042/status", {"status": "order.cancelled", "id": "k1"}, as_="desk")
    taken = decode(step.body, StatusSet)
    assert (taken.event_id, taken.undo_until) == ("k1", NOW + 900 + 8000)
    shown = await furnished.post("/v1/messages/preview", {"template": "order.ready", "medium": "sms"}, as_="desk")
    assert decode(shown.body, Rendering).sms.parts == 1


async def test_refusals(face: Face) -> None:
    answer = await face.post("/v1/orders/nope/hold", {}, as_="desk")
    problem = msgspec.json.decode(answer.body, type=ProblemBody)
    assert (problem.status, problem.detail) == (404, "no order 'nope' is known")
