"""What the counter's screen reads of each answer, by its own structs: the two sides of the wire agree."""

from typing import Any

import msgspec
import pytest

from daemon.wire.customers import Call, OptOut, Reply
from daemon.wire.messages import Message, MessageDetail, Rendering, Template
from daemon.wire.orders import Order, OrderDetail
from daemon.wire.problem import ProblemBody
from daemon.wire.record import AuditEntry, Chain
from daemon.wire.service import Channel, Glance
from daemon.wire.steps import Preview, StatusSet
from daemon.wire.values import Page, decode
from outbox import ReplyRow
from outbox.model import Attempt, Rendered, State
from outbox.outcome import ReceiptState
from outbox.reasons import Reason
from tests.support.face import Face, event
from tests.support.fake_services import FakeServices

NOW = 1_795_515_300_000


@pytest.fixture
async def furnished(face: Face, services: FakeServices) -> Face:
    order = {
        "total": "48.50",
        "currency": "GBP",
        "promised_at": "2026-11-24T12:00:00Z",
        "items": [{"name": "Foil 7", "quantity": 2}],
    }
    await face.post("/v1/events", event(order=order))
    (message_id,) = services.box.sent
    services.box.tries.append(
        Attempt(
            seq=1,
            message_seq=1,
            message_id=message_id,
            n=1,
            channel="twilio",
            address="+447700900123",
            started_at=NOW,
            finished_at=NOW + 400,
            outcome="accepted",
            receipt=ReceiptState.DELIVERED,
            receipt_at=NOW + 900,
            sent=Rendered("Hi Ada"),
        )
    )
    services.box.move(message_id, State.FAILED, Reason("every channel refused it"))
    services.box.inbox.append(ReplyRow("r1", "B-1042", "twilio", "+447700900123", "Ada", "on my way", NOW, False))
    await services.box.consent.stop("email", "ada@example.com", reason="asked", actor="desk")
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
    assert [each.kind for each in story.timeline] == ["event", "message", "reply", "attempt", "receipt"] or [
        each.kind for each in story.timeline
    ] == ["event", "message", "attempt", "reply", "receipt"]
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
    assert (glance.store.name, glance.store.grace, glance.calls, glance.replies, glance.radio.bars) == (
        "Our shop",
        8.0,
        1,
        1,
        3,
    )
    assert (await read(furnished, "/v1/channels", Page[Channel])).items[0].title == "Twilio"
    assert (await read(furnished, "/v1/templates", Page[Template])).items
    (reply,) = (await read(furnished, "/v1/replies", Page[Reply])).items
    assert (reply.sender, reply.text) == ("+44…0123", "on my way")
    (call,) = (await read(furnished, "/v1/call-list", Page[Call])).items
    assert (call.phone, call.since) == ("+447700900123", NOW)
    (optout,) = (await read(furnished, "/v1/optouts", Page[OptOut])).items
    assert optout.id
    assert (await read(furnished, "/v1/audit/verify", Chain, as_="owner")).ok
    assert (await read(furnished, "/v1/audit", Page[AuditEntry], as_="owner")).items == []


async def test_a_step_and_what_it_would_send(furnished: Face) -> None:
    ask = await furnished.post("/v1/orders/B-1042/preview", {"status": "order.completed"}, as_="desk")
    (planned,) = decode(ask.body, Preview).messages
    assert (planned.channel, planned.sms.parts, planned.warnings) == ("twilio", 1, ())
    step = await furnished.post("/v1/orders/B-1042/status", {"status": "order.completed", "id": "k1"}, as_="desk")
    taken = decode(step.body, StatusSet)
    assert (taken.event_id, taken.undo_until) == ("k1", NOW + 8000)
    shown = await furnished.post("/v1/messages/preview", {"template": "order.ready", "medium": "sms"}, as_="desk")
    assert decode(shown.body, Rendering).sms.parts == 1


async def test_refusals(face: Face) -> None:
    answer = await face.post("/v1/orders/nope/hold", {}, as_="desk")
    problem = msgspec.json.decode(answer.body, type=ProblemBody)
    assert (problem.status, problem.detail) == (404, "no order 'nope' is known")
