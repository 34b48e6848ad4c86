"""What staff see of orders and do to them: acts, the grace period, undoing, previews, the story."""

from typing import Any

import msgspec
import pytest

from daemon.api.plumbing import present
from daemon.channels.base import ReceiptUpdate
from daemon.config import QuietHours, RouteTable, TimeOfDay
from daemon.wire.requests import orders as order_acts
from daemon.wire.stages import STAGES
from outbox.model import Message, State, Transition
from outbox.outcome import Accepted, ReceiptState
from tests.support.face import Face, event, opened
from tests.support.small_store import CHANNELS, SmallStore, store_settings


@pytest.fixture
async def order(face: Face) -> str:
    await face.post("/v1/events", event("e-1", "order.in_production", order={"total": "48.50", "currency": "GBP"}))
    return "/v1/orders/B-1042"


async def staff(face: Face, path: str, body: Any = None, **more: Any) -> Any:
    return await face.post(
        path, body, as_="desk", headers={"X-Tether-Actor": "Kofi", **more.pop("headers", {})}, **more
    )


async def test_list_and_one(face: Face, order: str) -> None:
    listed = (await face.get("/v1/orders", as_="screen")).json
    (row,) = listed["items"]
    assert row["ref"] == "B-1042"
    assert row["stage"] == "making"
    assert row["customer"] == {"name": "Ada Lovelace", "phone": "+44…0123", "email": "a…@example.com", "locale": None}
    assert row["told"]["state"] == "queued"
    assert row["told"]["channel"] == "sendgrid"
    assert row["updated_at"] == "2026-11-24T10:15:00.000Z"
    one = (await face.get(order, as_="screen")).json
    assert {key: one[key] for key in row} == row
    assert one["optouts"] == {}
    assert one["unusable"] == []
    assert (await face.get("/v1/orders/B-9", as_="screen")).status == 404


async def test_an_order_says_which_of_its_customers_addresses_can_be_none(face: Face) -> None:
    customer = {"name": "Lin", "phone": "12345", "email": "lin@example.com"}
    await face.post("/v1/events", {**event(), "customer": customer})
    assert (await face.get("/v1/orders/B-1042")).json["unusable"] == ["phone"]


async def test_nor_does_a_text_go_to_a_number_abroad(face: Face) -> None:
    """The order's page said "text ✓" beside "not told: foreign number", and reaching them proposed a text."""
    customer = {"name": "Zoë", "phone": "+33 6 12 34 56 78"}
    await face.post("/v1/events", {**event(), "customer": customer})
    assert (await face.get("/v1/orders/B-1042")).json["unusable"] == ["phone"]
    found = (await face.get("/v1/orders/B-1042/ways", as_="desk")).json
    assert found["phone"] == "+33612345678", "it can be phoned all the same"
    states = {each["medium"]: each["state"] for each in found["ways"]}
    assert states["sms"] == "unusable"


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("order.placed", "to_confirm"),
        ("order.confirmed", "making"),
        ("order.ready", "ready"),
        ("order.out_for_delivery", "out"),
        ("order.completed", "done"),
        ("order.gift_wrapped", "making"),
        ("order.customization_needed", "to_confirm"),
    ],
)
async def test_stages(face: Face, status: str, stage: str) -> None:
    await face.post("/v1/events", event(type=status))
    assert (await face.get("/v1/orders/B-1042")).json["stage"] == stage
    for each in STAGES:
        listed = (await face.get("/v1/orders", query={"stage": each})).json["items"]
        assert [row["stage"] for row in listed] == ([stage] if each == stage else [])


@pytest.mark.parametrize(
    ("status", "fulfilment", "following"),
    [
        ("order.placed", None, "order.confirmed"),
        ("order.customization_needed", None, "order.confirmed"),
        ("order.confirmed", "pickup", "order.ready"),
        ("order.gift_wrapped", "pickup", "order.ready"),
        ("order.ready", "pickup", "order.completed"),
        ("order.ready", "Delivery", "order.out_for_delivery"),
        ("order.ready", "courier", "order.out_for_delivery"),
        ("order.out_for_delivery", "delivery", "order.completed"),
        ("order.completed", "pickup", ""),
        ("order.cancelled", None, ""),
    ],
)
async def test_what_staff_may_do_next(face: Face, status: str, fulfilment: str | None, following: str) -> None:
    await face.post("/v1/events", event(type=status, order={"fulfilment": fulfilment}))
    for shown in ((await face.get("/v1/orders/B-1042")).json, (await face.get("/v1/orders")).json["items"][0]):
        assert shown["next_step"] == following
        assert shown["steps"][0] == (following or "order.confirmed")
        assert status not in shown["steps"]
        assert len(set(shown["steps"])) == len(shown["steps"])
        assert set(shown["steps"]) >= {"order.delayed", "order.cancelled", "order.ready"} - {status}


@pytest.mark.parametrize("kind", ["refund.issued", "return.requested", "payment.confirmed"])
async def test_money_and_goods_move_no_order_off_the_board(face: Face, kind: str) -> None:
    await face.post("/v1/events", event("e-1", "order.in_production", ref="B-7"))
    await face.post("/v1/events", event("e-2", kind, ref="B-7", data={"amount": "1.00"}))
    one = (await face.get("/v1/orders/B-7")).json
    assert (one["status"], one["stage"]) == ("order.in_production", "making")
    assert kind in (one["after_sale"], one["payment"])
    assert [row["ref"] for row in (await face.get("/v1/orders?stage=making")).json["items"]] == ["B-7"]


async def test_filters(face: Face, order: str) -> None:
    await face.post("/v1/events", event("e-2", "order.ready", ref="B-2"))
    for query, refs in [
        ({"stage": "ready"}, ["B-2"]),
        ([("stage", "ready"), ("stage", "making")], ["B-1042", "B-2"]),
        ({"status": "order.in_production"}, ["B-1042"]),
        ({"search": "1042"}, ["B-1042"]),
        ({"since": "2026-11-24T10:15:01Z"}, []),
    ]:
        found = (await face.get("/v1/orders", query=query)).json["items"]
        assert sorted(each["ref"] for each in found) == refs, query


async def test_status_by_hand_waits_out_the_grace_period(face: Face, order: str) -> None:
    answer = await staff(face, f"{order}/status", {"status": "order.ready", "id": "k-1"})
    assert answer.status == 200
    assert answer.json["undo_until"] == "2026-11-24T10:15:08.000Z"
    (message,) = answer.json["messages"]
    assert message["due_at"] == "2026-11-24T10:15:08.000Z"
    stored = (await face.store.events())[-1]
    assert (stored.source, stored.id, stored.type, stored.actor) == ("counter", "k-1", "order.ready", "Kofi (desk)")


async def test_status_posted_twice_acts_once(face: Face, order: str) -> None:
    first = await staff(face, f"{order}/status", {"status": "order.ready", "id": "k-1"})
    await face.store.clock.advance(3)
    again = await staff(face, f"{order}/status", {"status": "order.ready", "id": "k-1"})
    assert again.status == 200
    assert again.json["duplicate"]
    assert again.json["undo_until"] == first.json["undo_until"]
    assert len(await face.store.events()) == 2
    other = await staff(face, f"{order}/status", {"status": "order.cancelled", "id": "k-1"})
    assert other.status == 409


@pytest.mark.parametrize("key", ["press-7", "press-" + 200 * "7"], ids=["short", "long"])
async def test_idempotency_key_stands_for_an_id(face: Face, order: str, key: str) -> None:
    for _ in range(2):
        headers = {"Idempotency-Key": key}
        assert (await staff(face, f"{order}/status", {"status": "order.ready"}, headers=headers)).status == 200
    assert len(await face.store.events()) == 2


async def test_silent_status_tells_nobody_and_drops_older_news(face: Face, order: str) -> None:
    answer = await staff(face, f"{order}/status", {"status": "order.ready", "silent": True, "grace": 0})
    (message,) = answer.json["messages"]
    assert (message["state"], message["reason"]) == ("suppressed", "staff chose not to tell")
    assert answer.json["undo_until"] is None
    older = (await face.store.messages())[0]
    assert older.state is State.SUPERSEDED


async def test_own_words_replace_the_customers_text(face: Face, order: str) -> None:
    answer = await staff(face, f"{order}/status", {"status": "order.delayed", "text": "Ten minutes more"})
    shown = await face.get(f"/v1/messages/{answer.json['messages'][0]['id']}")
    assert (shown.json["text"], shown.json["template"]) == ("Ten minutes more", "")


async def test_new_time_of_a_delayed_order(face: Face, order: str) -> None:
    await staff(face, f"{order}/status", {"status": "order.delayed", "promised_at": "2026-11-24T13:00:00+01:00"})
    assert (await face.get(order)).json["promised_at"] == "2026-11-24T12:00:00.000Z"


@pytest.mark.parametrize("more", [{}, {"text": "Two hours more"}])
async def test_a_reminder_goes_with_the_new_time_that_staff_give(more: Any) -> None:
    reminder = {"on": "order.placed", "to": "customer", "via": ["twilio"], "at": "-2h", "supersede": False}
    async with opened(store_settings(route=[msgspec.convert(reminder, RouteTable)])) as face:
        await face.post("/v1/events", event("e-1", "order.placed", order={"promised_at": "2026-11-24T15:00:00Z"}))
        delayed = {"status": "order.delayed", "promised_at": "2026-11-24T17:00:00Z", **more}
        assert (await staff(face, "/v1/orders/B-1042/status", delayed)).status == 200
        (waiting,) = (await face.get("/v1/messages?state=queued&recipient=customer")).json["items"][1:]
        assert (waiting["template"], waiting["due_at"]) == ("order.placed", "2026-11-24T15:00:00.000Z")


async def test_another_promised_time_is_staffs_to_note(face: Face, order: str) -> None:
    act = order_acts.promise("B-1042", "2026-11-24T13:00:00+01:00")
    body = {**msgspec.to_builtins(act.body), "id": "p-1"}
    assert (await face.call(act.method, act.path, body, as_="desk")).status == 200
    shown = (await face.get(order)).json
    assert (shown["promised_at"], shown["status"]) == ("2026-11-24T12:00:00.000Z", "order.in_production")
    assert [message.trigger for message in await face.store.messages()] == ["order.in_production"], "nobody is told"


async def test_message_by_hand(face: Face, order: str) -> None:
    body = {"text": "Gold or silver?", "via": ["sendgrid", "twilio"], "id": "k-2", "urgent": True}
    answer = await staff(face, f"{order}/messages", body)
    (message,) = answer.json["messages"]
    assert (message["via"], message["manual"], message["trigger"]) == (["sendgrid", "twilio"], True, "staff.message")
    assert (await face.get(order)).json["status"] == "order.in_production"
    undone = await staff(face, f"{order}/undo", {"event_id": "k-2"})
    assert undone.json == {"event_id": "k-2", "cancelled": 1, "status": "order.in_production"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": "x", "to": "nobody"}, "to"),
        ({"text": "x", "via": ["pigeon"]}, "via"),
        ({"text": "x", "via": []}, "via"),
        ({"text": ""}, "text"),
        ({"text": " \n"}, "text"),
        ({"template": 7}, "template"),
        ({"template": "order.redy"}, "template"),
        ({"template": "no.such", "to": "customer", "text": "x"}, "template"),
    ],
)
async def test_messages_by_hand_that_are_wrong(face: Face, order: str, body: Any, field: str) -> None:
    answer = await staff(face, f"{order}/messages", body)
    assert (answer.status, answer.fields) == (422, [field])


@pytest.mark.parametrize("act", ["status", "messages", "hold", "release", "undo", "preview"])
async def test_acts_on_unknown_orders(face: Face, act: str) -> None:
    body = {"status": "order.ready", "text": "x", "event_id": "e"}
    answer = await staff(face, f"/v1/orders/nope/{act}", body)
    assert answer.status == 404
    assert "nope" in answer.problem["detail"]


async def test_hold_and_release(face: Face, order: str) -> None:
    assert (await staff(face, f"{order}/hold", {"reason": "waiting for the colour"})).json == {
        "ref": "B-1042",
        "held": True,
    }
    assert (await face.get(order)).json["held"]
    assert (await face.call("POST", f"{order}/release", as_="desk")).json["held"] is False
    story = (await face.get(order)).json["timeline"]
    acts = [each for each in story if each["kind"] == "override"]
    assert [(each["type"], each["actor"]) for each in acts] == [
        ("order.held", "Kofi (desk)"),
        ("message.held", "Kofi (desk)"),
        ("order.released", "desk"),
        ("message.queued", "desk"),
    ]
    assert acts[0]["reason"] == "waiting for the colour"


async def test_preview_changes_nothing_and_warns() -> None:
    quiet = QuietHours(from_=TimeOfDay(10 * 60), to=TimeOfDay(11 * 60 + 15))
    channels = {"twilio": {**CHANNELS["twilio"], "daily_limit": 1}}
    async with opened(store_settings(quiet_hours=quiet, channels=channels)) as face:
        store = face.store
        await face.post("/v1/events", event("e-0", "order.ready", ref="B-1"))
        await store.end((await store.messages())[0].id, State.SENT)
        store.engine.lanes["twilio"].day.add(store.clock.now(), 1)
        await face.post("/v1/events", event("e-1", "order.in_production"))
        await staff(face, "/v1/orders/B-1042/hold", {})
        before = await store.events(), await store.messages()
        await store.box.consent.stop("sms", "+447700900123", reason="STOP", actor="Twilio")
        await face.post("/v1/uplink", {"state": "down"})
        answer = await staff(face, "/v1/orders/B-1042/preview", {"status": "order.ready"})
        (message,) = answer.json["messages"]
        assert (message["sms"]["parts"], message["to"]) == (1, "+44…0123")
        assert "B-1042" in message["text"]
        codes = [each["code"] for each in message["warnings"]]
        assert codes == ["held", "opted_out", "quiet_hours", "line_down", "limit_used"]
        assert message["warnings"][2]["until"] == "2026-11-24T11:15:00.000Z"
        assert (await store.events(), await store.messages()) == before


async def test_preview_of_a_message_by_hand(face: Face, order: str) -> None:
    answer = await staff(face, f"{order}/preview", {"template": "no.such"})
    assert [each["code"] for each in answer.json["messages"][0]["warnings"]] == ["template_broken"]
    answer = await staff(face, f"{order}/preview", {"text": "hello", "via": ["sendgrid"]})
    assert answer.json["messages"][0]["medium"] == "email"
    assert (await staff(face, f"{order}/preview", {})).fields == ["status"]


async def test_preview_without_an_address(face: Face) -> None:
    await face.post("/v1/events", event(type="order.placed", ref="B-2", customer={"name": "Sam"}))
    answer = await staff(face, "/v1/orders/B-2/preview", {"status": "order.ready"})
    assert [each["code"] for each in answer.json["messages"][0]["warnings"]] == ["no_address"]


async def test_story_is_one_list_in_order(face: Face, store: SmallStore, order: str) -> None:
    (message,) = await store.messages()
    await store.clock.advance(1)
    attempt = await store.begin(message.id)
    await store.clock.advance(0.5)
    await store.box.spool.settle(attempt, Accepted("SM1"), Transition(state=State.SENT))
    await store.clock.advance(7.5)
    await store.reports("sendgrid", ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id="SM1"))
    story = (await face.get(order, as_="screen")).json["timeline"]
    assert [each["kind"] for each in story] == ["event", "message", "attempt", "receipt"]
    assert story[2] == {
        "at": "2026-11-24T10:15:01.000Z",
        "kind": "attempt",
        "message_id": message.id,
        "channel": "sendgrid",
        "n": 1,
        "to": "a…@example.com",
        "outcome": "accepted",
        "text": "Hi Ada",
    }
    assert (await face.get("/v1/stream", as_=None)).status == 401


async def test_reference_with_a_slash_and_letters_of_all_kinds(face: Face) -> None:
    ref = "Straße 5/№2 %"
    await face.post("/v1/events", event(ref=ref))
    from urllib.parse import quote

    assert (await face.get(f"/v1/orders/{quote(ref, safe='')}")).json["ref"] == ref


async def test_opt_outs_of_the_customer_show_at_the_order(face: Face, store: SmallStore) -> None:
    await face.post("/v1/events", event(customer={"phone": "+447700900123", "consent": {"email": False}}))
    await store.box.consent.stop("sms", "+447700900123", reason="STOP", actor="Twilio")
    assert (await face.get("/v1/orders/B-1042")).json["optouts"] == {
        "email": "the customer does not want it",
        "sms": "STOP",
    }


def test_answers_keep_designs_names() -> None:
    from daemon.wire.messages import MessageDetail
    from daemon.wire.service import Channel

    def names(kind: type[msgspec.Struct]) -> set[str]:
        return {field.encode_name for field in msgspec.structs.fields(kind)}

    assert names(MessageDetail) >= {
        "id", "event_id", "order_ref", "audience", "to", "state", "channel", "via", "template", "priority", "reason",
        "possible_duplicate", "attempt_count", "created_at", "due_at", "expires_at", "attempts",
    }  # fmt: skip
    assert names(Channel) >= {
        "name", "medium", "state", "reason", "queued", "sent_today", "daily_limit", "last_success", "last_failure",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("via", "via_index", "shown"),
    [
        (("twilio", "sendgrid"), 0, "+44…0123"),
        (("twilio", "sendgrid"), 1, "a…@example.com"),
        (("slack",), 0, ""),
        (("webhook",), 0, ""),
        ((), 0, "+44…0123"),
        (("a-channel-of-an-older-release",), 0, "+44…0123"),
    ],
)
def test_a_message_is_shown_with_the_address_that_its_channel_takes(
    via: tuple[str, ...], via_index: int, shown: str
) -> None:
    addresses = {"phone": "+447700900123", "email": "ada@example.com"}
    message = Message(
        id="m1", audience="customer", recipient="customer", addresses=addresses, via=via, template="order.ready",
        trigger="order.ready", due_at=0, seq=1, event_seq=1, event_id="e", order_ref="B-1", via_index=via_index,
        possible_duplicate=False, attempt_count=0, channel_since=0, created_at=0, updated_at=0,
    )  # fmt: skip
    assert present.to(message) == shown
