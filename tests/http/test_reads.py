"""Lists and single things: filters, pages, masks, and the refusal of what can't be meant."""

from typing import Any, NoReturn

import pytest

from daemon.config import QuietHours, Store, TimeOfDay
from outbox.model import Rendered, State
from outbox.outcome import Rejected, Scope
from outbox.reasons import Reason
from tests.support.face import Face, event, opened
from tests.support.small_store import SmallStore, store_settings
from tests.support.sources import json_response

REFUSED = Rejected(Scope.RECIPIENT, "21614", "not a mobile number")


@pytest.fixture
async def messages(face: Face) -> list[str]:
    for n in range(5):
        await face.post("/v1/events", event(f"e-{n}", ref=f"B-{n}"))
    return [each.id for each in await face.store.messages()]


async def test_pages(face: Face, messages: list[str]) -> None:
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(5):
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await face.get("/v1/messages", as_="screen", query=query)).json
        seen += [each["id"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == messages[::-1]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/orders", "/v1/optouts", "/v1/audit", "/v1/replies"])
async def test_parameters_of_lists(face: Face, path: str) -> None:
    assert (await face.get(path, query={"limit": "500"})).status == 200
    for query, field in [
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "1.5"}, "limit"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"sate": "failed"}, "sate"),
        ([("limit", "1"), ("limit", "2")], "limit"),
        ({"limit": "1\0"}, "limit"),
    ]:
        answer = await face.get(path, query=query)
        assert (answer.status, answer.fields) == (422, [field]), query


async def test_a_word_that_is_none_is_answered_with_those_that_are(face: Face) -> None:
    """Who asked for "faild" was told that this is an invalid enum value, and of none that is valid."""
    refused = await face.get("/v1/messages", query={"state": "faild"})
    assert refused.json["detail"].startswith(
        "state[0]: Invalid enum value 'faild'; write one of queued, sending, sent, "
    )
    by_fax = await face.post("/v1/messages/preview", {"medium": "fax", "text": "x"}, as_="desk")
    assert by_fax.json["errors"][0]["detail"].endswith("; write one of sms, email, chat, push, crm")


async def test_filters_of_messages(face: Face, messages: list[str]) -> None:
    await face.store.end(messages[0], State.FAILED, Reason("no channel took it"), outcome=REFUSED)
    await face.store.end(messages[1], State.DELIVERED)
    for query, found in [
        ([("state", "failed")], [messages[0]]),
        ([("state", "failed"), ("state", "delivered")], [messages[1], messages[0]]),
        ([("order", "B-3")], [messages[3]]),
        ([("channel", "vonage")], []),
        ([("recipient", "customer"), ("order", "B-4")], [messages[4]]),
        ([("since", "2026-11-24T10:15:00+00:00"), ("state", "failed")], [messages[0]]),
    ]:
        page = (await face.get("/v1/messages", query=query)).json
        assert [each["id"] for each in page["items"]] == found, query
    assert (await face.get("/v1/messages", query={"state": "lost"})).fields == ["state[0]"]
    assert (await face.get("/v1/messages", query={"channel": "pigeon"})).fields == ["channel"]
    assert (await face.get("/v1/messages", query={"since": "2026-11-24"})).fields == ["since"]


async def test_message_with_its_attempts(face: Face, store: SmallStore, messages: list[str]) -> None:
    text = Rendered("Hi Ada", html="<p>")
    await store.end(messages[0], State.FAILED, outcome=REFUSED, text=text)
    await store.begin(messages[1])
    shown = (await face.get(f"/v1/messages/{messages[0]}", as_="screen")).json
    assert shown["to"] == "+44…0123"
    (attempt,) = shown["attempts"]
    assert attempt["code"] == "21614"
    assert attempt["sent"] == {"text": "Hi Ada", "subject": None, "html": "<p>"}
    assert attempt["finished_at"] == "2026-11-24T10:15:00.000Z"
    (under_way,) = (await face.get(f"/v1/messages/{messages[1]}")).json["attempts"]
    assert (under_way["finished_at"], under_way["outcome"]) == (None, None)
    assert "0900123" not in str(shown)
    assert (await face.get("/v1/messages/nope")).status == 404


async def test_retry_and_cancel(face: Face, messages: list[str]) -> None:
    first = f"/v1/messages/{messages[0]}"
    cancelled = await face.call("POST", f"{first}/cancel", as_="desk", body={"reason": "they phoned"})
    assert (cancelled.json["state"], cancelled.json["reason"]) == ("cancelled", "they phoned")
    assert (await face.call("POST", f"{first}/cancel", as_="desk")).status == 200
    assert (await face.post(f"{first}/retry", {"channel": "sendgrid"}, as_="desk")).json["state"] == "queued"
    assert (await face.post(f"{first}/retry", {"channel": "pigeon"}, as_="desk")).fields == ["channel"]
    await face.store.end(messages[0], State.DELIVERED)
    assert (await face.post(f"{first}/retry", as_="desk")).status == 409
    assert (await face.post(f"{first}/cancel", as_="desk")).status == 409
    assert (await face.post("/v1/messages/nope/retry", as_="desk")).status == 404


# ---------------------------------------------------------------- events


async def test_event_with_its_messages(face: Face) -> None:
    await face.post("/v1/events", event(), as_="till-2")
    shown = (await face.get("/v1/events/e-1", as_="desk")).json
    assert shown["source"] == "till-2"
    assert shown["event"]["customer"]["phone"] == "+447700900123"
    assert [each["trigger"] for each in shown["messages"]] == ["order.ready"]


async def test_event_is_masked_for_who_may_only_read(face: Face) -> None:
    body = event(
        customer={
            "name": "Ada",
            "phone": "+447700900123",
            "email": "ada@example.com",
            "addresses": {"fcm": "token-123456"},
        }
    )
    await face.post("/v1/events", body, as_="till-2")
    customer = (await face.get("/v1/events/e-1", as_="screen")).json["event"]["customer"]
    assert customer == {"name": "Ada", "phone": "+44…0123", "email": "a…@example.com", "addresses": {"fcm": "to…56"}}


async def test_event_id_that_several_sources_have(face: Face) -> None:
    await face.post("/v1/events", event(), as_="till-2")
    await face.store.token("till-3", "events", "read")
    await face.post("/v1/events", event(ref="B-3"), as_="till-3")
    answer = await face.get("/v1/events/e-1", as_="desk")
    assert (answer.status, answer.fields) == (409, ["source"])
    assert "till-2, till-3" in answer.problem["detail"]
    assert (await face.get("/v1/events/e-1", as_="desk", query={"source": "till-3"})).json["order_ref"] == "B-3"
    assert (await face.get("/v1/events/e-1", as_="till-3")).json["order_ref"] == "B-3"
    assert (await face.get("/v1/events/nope")).status == 404


# ---------------------------------------------------------------- the rest


async def test_channels_and_the_line(face: Face, store: SmallStore) -> None:
    listed = (await face.get("/v1/channels", as_="screen")).json
    assert [each["name"] for each in listed["items"]] == ["twilio", "modem", "sendgrid"]
    assert listed["uplink"] == {"state": "up", "since": "2026-11-24T10:15:00.000Z", "forced": False}
    assert listed["items"][1]["detail"]["stage"] == "stopped"
    paused = await face.post("/v1/channels/twilio/pause", {"reason": "out of credit"})
    assert (paused.json["state"], paused.json["reason"]) == ("paused", "paused by owner: out of credit")
    assert (await face.call("POST", "/v1/channels/twilio/resume")).json["state"] == "ready"
    for act in ("pause", "resume", "test"):
        assert (await face.post(f"/v1/channels/pigeon/{act}")).status == 404
    assert (await face.post("/v1/uplink", {"state": "down"})).json["state"] == "down"
    assert (await face.post("/v1/uplink", {"state": "auto"})).json["state"] == "down", "until a probe is answered"
    assert (await face.post("/v1/uplink", {"state": "up"})).json["state"] == "up"
    assert (await face.post("/v1/uplink", {"state": "auto"})).json["state"] == "up"
    changes = [each.detail["state"] for each in await store.acts("uplink.forced")]
    assert changes == ["down", "auto", "up", "auto"]
    assert (await face.post("/v1/uplink", {"state": "sideways"})).fields == ["state"]


@pytest.mark.parametrize("path", ["/v1/channels", "/v1/sources", "/v1/templates", "/v1/tokens"])
async def test_short_lists_are_read_page_by_page_as_well(face: Face, path: str) -> None:
    whole = (await face.get(path)).json
    assert whole["next"] is None
    items, cursor = [], None
    for _ in whole["items"]:
        page = (await face.get(path, query={"limit": 1, **({"cursor": cursor} if cursor else {})})).json
        items += page["items"]
        cursor = page["next"]
    assert (items, cursor) == (whole["items"], None)
    assert (await face.get(path, query={"cursor": "x"})).fields == ["cursor"]


async def test_a_channel_is_tested_without_and_with_a_message(face: Face, store: SmallStore) -> None:
    store.http.answer = lambda asked: json_response({"status": "active", "sid": "SM1"}, 201)
    assert (await face.call("POST", "/v1/channels/twilio/test")).json == {
        "ok": True,
        "summary": "the account is active",
    }
    assert [each.method for each in store.http.asked] == ["GET"]
    told = (await face.post("/v1/channels/twilio/test", {"to": "+447700900123"})).json
    assert told == {"ok": True, "summary": "Twilio took it as SM1."}
    assert b"To=%2B447700900123" in store.http.asked[-1].body
    store.http.answer = lambda asked: json_response({"code": 20003, "message": "Authenticate"}, 401)
    assert (await face.call("POST", "/v1/channels/twilio/test")).json["ok"] is False


async def test_a_channel_is_tested_with_a_number_as_people_dial_it() -> None:
    settings = store_settings(
        channels={"whatsapp": {"phone_number_id": "106540352242922"}}, secrets={"WHATSAPP_ACCESS_TOKEN": "EAAG-token"}
    )
    async with opened(settings) as face:
        face.store.http.answer = lambda asked: json_response({"messages": [{"id": "wamid.1"}]})
        told = (await face.post("/v1/channels/whatsapp/test", {"to": "07700 900123"})).json
    assert told == {"ok": True, "summary": "WhatsApp took it as wamid.1."}
    assert b'"to":"447700900123"' in face.store.http.asked[-1].body


async def test_a_channel_that_fails_inside_is_told_as_a_fault_of_ours(face: Face, store: SmallStore) -> None:
    def break_down(asked: object) -> NoReturn:
        raise RuntimeError("password hunter2")

    store.http.answer = break_down
    answer = await face.call("POST", "/v1/channels/twilio/test")
    assert answer.problem["status"] == 500
    assert b"hunter2" not in answer.body


async def test_optouts(face: Face) -> None:
    body = {"medium": "sms", "address": "+447700900123", "reason": "asked at the counter"}
    assert (await face.call("PUT", "/v1/optouts", body, as_="desk")).json == {
        "medium": "sms",
        "address": "+44…0123",
        "opted_out": True,
    }
    (entry,) = (await face.get("/v1/optouts", as_="screen")).json["items"]
    assert (entry["address"], entry["reason"], entry["actor"]) == ("+44…0123", "asked at the counter", "desk")
    gone = await face.call("DELETE", "/v1/optouts", {"id": entry["id"]}, as_="desk")
    assert gone.json["opted_out"] is False
    assert (await face.call("DELETE", "/v1/optouts", {"id": entry["id"]}, as_="desk")).status == 404
    await face.call("PUT", "/v1/optouts", body, as_="desk")
    by_query = {"medium": "sms", "address": "+447700900123"}
    assert (await face.call("DELETE", "/v1/optouts", as_="desk", query=by_query)).status == 200
    assert (await face.call("DELETE", "/v1/optouts", as_="desk", query=by_query)).status == 404
    assert (await face.call("DELETE", "/v1/optouts", as_="desk")).fields == ["id"]
    local = {"medium": "sms", "address": "07700 900123"}
    await face.call("PUT", "/v1/optouts", local, as_="desk")
    assert await face.store.box.consent.blocked("sms", "+447700900123")
    for wrong in ({"medium": "sms", "address": "ask"}, {"medium": "email", "address": "ada"}):
        assert (await face.call("PUT", "/v1/optouts", wrong, as_="desk")).fields == ["address"]
    everything = {"medium": "all", "address": "ADA@Example.com"}
    assert (await face.call("PUT", "/v1/optouts", everything, as_="desk")).status == 200
    assert await face.store.box.consent.blocked("email", "ada@example.com")
    assert (await face.call("PUT", "/v1/optouts", {"medium": "fax", "address": "x"}, as_="desk")).fields == ["medium"]


async def test_record(face: Face) -> None:
    await face.post("/v1/events", event())
    await face.post("/v1/orders/B-1042/hold", {"reason": "colour"}, as_="desk")
    await face.post("/v1/orders/B-1042/release", {}, as_="desk")
    rows = (await face.get("/v1/audit")).json["items"]
    kinds = [each["kind"] for each in rows]
    assert kinds[:4] == ["message.queued", "order.released", "message.held", "order.held"]
    oldest = (await face.get("/v1/audit", query={"order_by": "oldest", "q": "colour"})).json["items"]
    assert [(each["kind"], each["actor"], each["detail"]) for each in oldest] == [
        ("order.held", "desk", {"reason": "colour"})
    ]
    verdict = (await face.get("/v1/audit/verify")).json
    assert verdict == {"ok": True, "entries": len(kinds), "first_bad": None}


async def test_replies(face: Face, store: SmallStore) -> None:
    await face.post("/v1/events", event())
    await store.hears("twilio", "on my way")
    (reply,) = (await face.get("/v1/replies", as_="screen", query={"unread": "true"})).json["items"]
    assert (reply["from"], reply["text"], reply["read"]) == ("+44…0123", "on my way", False)
    assert (reply["order_ref"], reply["name"]) == ("B-1042", "Ada Lovelace")
    read = f"/v1/replies/{reply['id']}/read"
    assert (await face.call("POST", read, as_="desk")).json == {"id": reply["id"], "read": True}
    assert (await face.get("/v1/replies", query={"unread": "true"})).json["items"] == []
    assert (await face.call("POST", "/v1/replies/999/read", as_="desk")).status == 404


async def not_reached(face: Face, state: State) -> Any:
    await face.post("/v1/events", event())
    (message,) = await face.store.messages()
    await face.store.end(message.id, state, Reason("every channel refused it"), outcome=REFUSED)
    return message.id


@pytest.mark.parametrize("state", [State.FAILED, State.EXPIRED, State.SUPPRESSED])
async def test_call_list(face: Face, state: State) -> None:
    message_id = await not_reached(face, state)
    (call,) = (await face.get("/v1/call-list", as_="desk")).json["items"]
    assert call["phone"] == "+447700900123"
    assert (call["order_ref"], call["reason"]) == ("B-1042", "every channel refused it")
    assert "B-1042" in call["say"]
    (seen,) = (await face.get("/v1/call-list", as_="screen")).json["items"]
    assert seen["phone"] == "+44…0123"
    assert (await face.get("/v1/status")).json["calls"] == 1
    done = f"/v1/call-list/{message_id}/done"
    for _ in range(2):
        answer = (await face.call("POST", done, as_="desk")).json
        assert (answer["message_id"], answer["done"], answer["event_id"]) == (
            message_id,
            True,
            f"called-{message_id}",
        )
    assert (await face.get("/v1/call-list", as_="desk")).json["items"] == []
    told = (await face.get("/v1/orders/B-1042")).json["told"]
    assert (told["state"], told["reason_code"], told["reason_args"]) == ("delivered", "phoned", {"who": "desk"})
    assert (await face.call("POST", "/v1/call-list/nope/done", as_="desk")).status == 404


async def test_who_was_not_told_that_their_order_is_cancelled_is_to_be_phoned(face: Face) -> None:
    await face.post("/v1/events", event(type="order.cancelled"))
    (message,) = await face.store.messages()
    await face.store.end(message.id, State.FAILED, Reason("every channel refused it"), outcome=REFUSED)
    (call,) = (await face.get("/v1/call-list", as_="desk")).json["items"]
    assert (call["message_id"], call["phone"]) == (message.id, "+447700900123")


async def test_call_list_leaves_out_old_news_and_what_staff_kept_silent(face: Face) -> None:
    await not_reached(face, State.FAILED)
    await face.post("/v1/events", event("e-2", "order.completed"))
    assert (await face.get("/v1/call-list", as_="desk")).json["items"] == []
    await face.post("/v1/events", event("e-3", "order.placed", ref="B-3"))
    await face.post("/v1/orders/B-3/status", {"status": "order.ready", "silent": True}, as_="desk")
    assert (await face.get("/v1/call-list", as_="desk")).json["items"] == []


async def test_glance() -> None:
    quiet = QuietHours(from_=TimeOfDay(10 * 60), to=TimeOfDay(10 * 60 + 16))
    async with opened(store_settings(quiet_hours=quiet)) as face:
        await face.post("/v1/events", event())
        await face.post("/v1/uplink", {"state": "down"})
        glance = (await face.get("/v1/status", as_="screen")).json
    assert glance["store"]["grace"] == 8.0
    assert (glance["waiting"], glance["failed"], glance["unknown"], glance["replies"]) == (1, 0, 0, 0)
    assert (glance["modem"]["state"], glance["modem"]["stage"]) == ("open", "stopped")
    assert glance["quiet_until"] == "2026-11-24T10:16:00.000Z"
    assert glance["history"] == [{"state": "down", "at": "2026-11-24T10:15:00.000Z"}]


async def test_reload(face: Face, store: SmallStore) -> None:
    assert (await face.call("POST", "/v1/reload")).json == {"reloaded": True}
    assert [each.actor for each in await store.acts("config.loaded")] == ["owner"]
    store.on_disk = store_settings(store=Store(country="Atlantis"))
    refused = await face.call("POST", "/v1/reload")
    assert refused.status == 409
    assert "store.country" in refused.problem["detail"]
    assert len(await store.acts("config.loaded")) == 1


async def test_a_channel_says_what_it_is_called_whether_it_can_be_used_or_not() -> None:
    channels = {"telegram": {"chat": "-100"}, "slack": {"channel": "C1"}}
    async with opened(store_settings(channels=channels)) as face:
        rows = {row["name"]: row for row in (await face.get("/v1/channels", as_="screen")).json["items"]}
    assert {row["state"] for row in rows.values()} == {"misconfigured"}, "neither has its secret"
    assert {name: (row["title"], row["known_to_customers"]) for name, row in rows.items()} == {
        "telegram": ("Telegram", True),
        "slack": ("Slack", False),
    }
