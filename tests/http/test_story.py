"""From an event to its story: what the HTTP face shows is what is on record."""

import asyncio
from typing import Any

import msgspec
import pytest

from outbox import Outbox
from outbox.audit import verify_export
from outbox.model import Attempt, Rendered, State, Transition
from outbox.outcome import Accepted, Rejected, Scope
from outbox.reasons import Reason
from tests.support.busy import MOST
from tests.support.face import Face, event, opened
from tests.support.small_store import SmallStore, store_settings


@pytest.fixture
def box(store: SmallStore) -> Outbox:
    return store.box


async def attempt(box: Outbox, message_id: str) -> Attempt:
    (message,) = await box.views.messages_by_id([message_id])
    begun = await box.spool.begin(
        message.seq,
        channel=message.channel,
        via_index=0,
        medium="sms",
        address="+447700900123",
        sent=Rendered("Hi Ada"),
    )
    assert isinstance(begun, Attempt)
    return begun


async def only_message(face: Face) -> str:
    ((message),) = (await face.get("/v1/messages")).json["items"]
    return str(message["id"])


async def test_event_to_story(face: Face, box: Outbox) -> None:
    assert (await face.post("/v1/events", event(), as_="till-2")).status == 202
    again = (await face.post("/v1/events", event(), as_="till-2")).json
    assert (again["event_id"], again["duplicate"]) == ("e-1", True)
    assert [each["state"] for each in again["messages"]] == ["queued"]
    assert (await face.post("/v1/events", event(type="order.placed"), as_="till-2")).status == 409
    message_id = await only_message(face)
    await box.spool.settle(await attempt(box, message_id), Accepted("SM1"), Transition(state=State.SENT))
    shown = (await face.get(f"/v1/messages/{message_id}")).json
    assert (shown["state"], shown["attempts"][0]["provider_id"]) == ("sent", "SM1")
    assert shown["attempts"][0]["sent"]["text"] == "Hi Ada"
    order = (await face.get("/v1/orders/B-1042")).json
    assert [each["kind"] for each in order["timeline"]] == ["event", "message", "attempt"]
    assert order["told"]["state"] == "sent"
    assert (await face.get("/v1/events/e-1")).json["source"] == "till-2"
    assert "+447700900123" not in str(order)


async def test_a_history_that_a_shop_keeps_with_its_order_is_not_ours(face: Face) -> None:
    """What was taken silently is marked by that name in its own JSON; a shop's list of earlier steps is none of that."""
    steps = [{"status": "placed"}, {"status": "ready"}]
    (message,) = (await face.post("/v1/events", event(history=steps), as_="till-2")).json["messages"]
    assert message["state"] == "queued"
    (told, _) = (await face.get("/v1/orders/B-1042")).json["timeline"]
    assert "nobody was told" not in told.get("reason", "")


async def test_array_keeps_each_events_own_fate(face: Face) -> None:
    await face.post("/v1/events", event("old"), as_="till-2")
    answer = await face.post(
        "/v1/events", [event("a"), event("old", "order.placed"), event("b"), event("a")], as_="till-2"
    )
    assert [each["status"] for each in answer.json["items"]] == [202, 409, 202, 200]


async def test_many_at_once_each_get_their_own_answer(face: Face) -> None:
    async def post(n: int) -> tuple[int, str]:
        answer = await face.post("/v1/events", event(f"e-{n % 50}", ref=f"B-{n % 50}"), as_="till-2")
        return answer.status, answer.json["event_id"]

    answers = await asyncio.gather(*(post(n) for n in range(100)))
    assert [id for _, id in answers] == [f"e-{n % 50}" for n in range(100)]
    assert sorted(status for status, _ in answers) == [200] * 50 + [202] * 50


async def test_status_by_hand_and_undo(face: Face, store: SmallStore) -> None:
    await face.post("/v1/events", event(type="order.in_production"), as_="till-2")
    await store.clock.advance(1)
    done = await face.post("/v1/orders/B-1042/status", {"status": "order.ready", "id": "k-1"}, as_="desk")
    assert done.status == 200
    (message,) = done.json["messages"]
    states = {each["trigger"]: each["state"] for each in (await face.get("/v1/messages")).json["items"]}
    assert states == {"order.ready": "queued", "order.in_production": "superseded"}
    await store.clock.advance(2)
    undone = await face.post("/v1/orders/B-1042/undo", {"event_id": "k-1"}, as_="desk")
    assert undone.json == {"event_id": "k-1", "cancelled": 1, "status": "order.in_production"}
    order = (await face.get("/v1/orders/B-1042")).json
    assert (order["status"], order["told"]["state"]) == ("order.in_production", "queued")
    assert (await face.get(f"/v1/messages/{message['id']}")).json["state"] == "cancelled"


async def test_silent_status(face: Face, store: SmallStore) -> None:
    await face.post("/v1/events", event(type="order.in_production"), as_="till-2")
    await store.clock.advance(1)
    await face.post("/v1/orders/B-1042/status", {"status": "order.ready", "silent": True}, as_="desk")
    states = {each["trigger"]: each["state"] for each in (await face.get("/v1/messages")).json["items"]}
    assert states == {"order.ready": "suppressed", "order.in_production": "superseded"}


async def test_hold_release_retry_cancel(face: Face) -> None:
    await face.post("/v1/events", event(), as_="till-2")
    message_id = await only_message(face)
    await face.post("/v1/orders/B-1042/hold", {"reason": "colour"}, as_="desk")
    assert (await face.get(f"/v1/messages/{message_id}")).json["state"] == "held"
    await face.post("/v1/orders/B-1042/release", {}, as_="desk")
    cancelled = await face.post(f"/v1/messages/{message_id}/cancel", {"reason": "phoned"}, as_="desk")
    assert cancelled.json["state"] == "cancelled"
    retried = await face.post(f"/v1/messages/{message_id}/retry", {"channel": "sendgrid"}, as_="desk")
    assert (retried.json["state"], retried.json["channel"]) == ("queued", "sendgrid")
    kinds = [
        each["type"] for each in (await face.get("/v1/orders/B-1042")).json["timeline"] if each["kind"] == "override"
    ]
    assert {"order.held", "order.released"} <= set(kinds)
    assert (await face.post("/v1/orders/nope/hold", {}, as_="desk")).status == 404


async def test_call_list_and_glance(face: Face, box: Outbox) -> None:
    await face.post("/v1/events", event(), as_="till-2")
    message_id = await only_message(face)
    refusal = Rejected(Scope.RECIPIENT, "21614", "not a mobile number")
    await box.spool.settle(
        await attempt(box, message_id), refusal, Transition(state=State.FAILED, reason=Reason("no channel took it"))
    )
    glance = (await face.get("/v1/status")).json
    assert (glance["failed"], glance["calls"], glance["waiting"]) == (1, 1, 0)
    (call,) = (await face.get("/v1/call-list", as_="desk")).json["items"]
    assert (call["phone"], call["reason"]) == ("+447700900123", "no channel took it")
    await face.post(f"/v1/call-list/{message_id}/done", {}, as_="desk")
    assert (await face.get("/v1/call-list", as_="desk")).json["items"] == []
    story = (await face.get("/v1/orders/B-1042")).json["timeline"]
    assert [each["actor"] for each in story if each.get("type") == "staff.told"] == ["desk"]


async def test_what_was_told_since_counts_as_no_failure_any_more(face: Face, box: Outbox) -> None:
    """The header was red for a day, and who saw it sent again what somebody had told by then."""
    await fail(face, box)
    assert await failed(face) == 1
    await face.post("/v1/orders/B-1042/contact", {"phone": "07700 900456", "id": "k-1"}, as_="desk")
    assert await failed(face) == 0
    await face.post("/v1/orders/B-1042/undo", {"event_id": "k-1"}, as_="desk")
    assert await failed(face) == 1
    await face.post("/v1/orders/B-1042/told", {"how": "in_person", "id": "t-1"}, as_="desk")
    await face.post("/v1/events", event(id="e-2", type="order.completed"), as_="till-2")
    assert await failed(face) == 0


async def test_that_it_was_told_which_is_taken_back_is_a_failure_again(face: Face, box: Outbox) -> None:
    await fail(face, box)
    await face.post("/v1/orders/B-1042/told", {"how": "in_person", "id": "t-1"}, as_="desk")
    await face.post("/v1/orders/B-1042/undo", {"event_id": "t-1"}, as_="desk")
    assert await failed(face) == 1


async def test_a_second_refund_is_other_news_than_the_one_that_failed(face: Face, box: Outbox) -> None:
    await fail(face, box, type="refund.issued")
    again = event(id="e-2", type="refund.issued", data={"amount": "5.00"})
    assert len((await face.post("/v1/events", again, as_="till-2")).json["messages"]) == 1
    assert await failed(face) == 1


async def test_that_it_came_again_and_late_tells_nobody(face: Face, box: Outbox) -> None:
    """The same news a second time, as of before: it is put aside, and what failed is still what there is."""
    await fail(face, box)
    again = event(id="e-2", occurred_at="2026-11-24T10:14:00Z")
    (aside,) = (await face.post("/v1/events", again, as_="till-2")).json["messages"]
    assert aside["state"] == "superseded"
    assert await failed(face) == 1
    assert (await face.get("/v1/orders/B-1042")).json["told"]["state"] == "failed"
    assert [each["order_ref"] for each in (await face.get("/v1/call-list", as_="desk")).json["items"]] == ["B-1042"]


async def fail(face: Face, box: Outbox, **about: Any) -> None:
    """Tell of an order by a message that no channel takes."""
    await face.post("/v1/events", event(**about), as_="till-2")
    refusal = Rejected(Scope.RECIPIENT, "21614", "not a mobile number")
    failed = Transition(state=State.FAILED, reason=Reason("no channel took it"))
    await box.spool.settle(await attempt(box, await only_message(face)), refusal, failed)


async def failed(face: Face) -> int:
    return int((await face.get("/v1/status")).json["failed"])


async def test_an_order_with_several_failures_is_on_the_call_list_with_the_newest(face: Face, box: Outbox) -> None:
    refusal = Rejected(Scope.RECIPIENT, "21614", "not a mobile number")
    failed = Transition(state=State.FAILED, reason=Reason("no channel took it"))
    for type in ("order.in_production", "order.ready"):
        await face.post("/v1/events", event(id=type, type=type), as_="till-2")
        newest = (await face.get("/v1/messages")).json["items"][0]["id"]
        await box.spool.settle(await attempt(box, newest), refusal, failed)
    (call,) = (await face.get("/v1/call-list", as_="desk")).json["items"]
    assert call["message_id"] == newest


async def test_opt_outs(face: Face) -> None:
    body = {"medium": "sms", "address": "+447700900123", "reason": "asked"}
    await face.post("/v1/events", event(), as_="till-2")
    assert (await face.call("PUT", "/v1/optouts", body, as_="desk")).status == 200
    (entry,) = (await face.get("/v1/optouts")).json["items"]
    assert "0900" not in entry["address"]
    assert (await face.get("/v1/orders/B-1042")).json["optouts"] == {"sms": "asked"}
    assert (await face.call("DELETE", "/v1/optouts", {"id": entry["id"]}, as_="desk")).status == 200
    assert (await face.get("/v1/optouts")).json["items"] == []


async def test_who_wants_no_chat_is_seen_at_their_order() -> None:
    settings = store_settings(
        channels={"whatsapp": {"phone_number_id": "1"}, "telegram": {}},
        secrets={"WHATSAPP_ACCESS_TOKEN": "EAAG", "TELEGRAM_BOT_TOKEN": "1:A"},
    )
    async with opened(settings) as face:
        both = event("e-2", ref="B-2")
        both["customer"] |= {"addresses": {"telegram": "987654321"}}
        for told in (event(), both):
            await face.post("/v1/events", told)
        consent = face.store.box.consent
        await consent.stop("chat", "+447700900123", reason="STOP", actor="customer")
        assert (await face.get("/v1/orders/B-1042")).json["optouts"] == {"chat": "STOP"}
        assert (await face.get("/v1/orders/B-2")).json["optouts"] == {}, "Telegram reaches them"
        await consent.stop("chat", "987654321", reason="no more", actor="Mia")
        assert (await face.get("/v1/orders/B-2")).json["optouts"].keys() == {"chat"}


async def test_record(face: Face) -> None:
    await face.post("/v1/events", event(), as_="till-2")
    verdict = (await face.get("/v1/audit/verify")).json
    assert verdict["ok"]
    newest = (await face.get("/v1/audit", query={"limit": "1"})).json
    assert newest["next"]
    assert len((await face.get("/v1/audit", query={"cursor": newest["next"]})).json["items"]) == verdict["entries"] - 1
    oldest = (await face.get("/v1/audit", query={"order_by": "oldest", "limit": "1"})).json["items"]
    assert oldest[0]["seq"] == 1
    assert (await face.get("/v1/audit", query={"q": "till-no-such-word"})).json["items"] == []
    whole = await face.get("/v1/audit/export", as_="owner")
    assert whole.headers["Content-Type"] == "application/jsonl"
    assert verify_export(whole.body.splitlines()).entries == verdict["entries"]
    table = await face.get("/v1/audit/export", query={"format": "csv"}, as_="owner")
    assert table.body.splitlines()[0] == b"epoch,seq,at,kind,actor,order_ref,message_id,detail,hash"
    assert (await face.get("/v1/audit/export", query={"format": "xml"}, as_="owner")).status == 422
    assert (await face.call("HEAD", "/v1/audit/export", as_="owner")).body == b""


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/orders", "/v1/optouts", "/v1/audit", "/v1/replies"])
async def test_foreign_cursors(face: Face, path: str) -> None:
    answer = await face.get(path, query={"cursor": "bm9wZQ"})
    assert (answer.status, answer.fields) == (422, ["cursor"])


async def test_figures(face: Face) -> None:
    await face.post("/v1/events", event(), as_="till-2")
    text = (await face.get("/metrics", as_=None)).body.decode()
    assert 'tether_messages{state="queued"} 1' in text
    assert "tether_events 1" in text


async def test_stream_tells_what_the_outbox_committed(face: Face, box: Outbox) -> None:
    headers = {"Authorization": f"Bearer {face.secret('screen')}"}
    async with face.session.get(face.url + "/v1/stream", headers=headers) as response, asyncio.timeout(MOST):
        await response.content.readuntil(b"\n\n")
        await face.post("/v1/events", event(), as_="till-2")
        first = await response.content.readuntil(b"\n\n")
        assert b"event: order\n" in first
        seen = int(first.split(b"\n")[0].removeprefix(b"id: "))
    await box.spool.settle(await attempt(box, await only_message(face)), Accepted("SM1"), Transition(state=State.SENT))
    headers["Last-Event-ID"] = str(seen)
    names: list[bytes] = []
    async with face.session.get(face.url + "/v1/stream", headers=headers) as response, asyncio.timeout(MOST):
        await response.content.readuntil(b"\n\n")
        while b'"state":"sent"' not in (block := await response.content.readuntil(b"\n\n")):
            names.append(block.split(b"\n")[1])
    assert b"event: attempt" in names


async def test_an_order_on_the_stream_is_never_old_on_whether_its_customer_knows(
    face: Face, box: Outbox, store: SmallStore
) -> None:
    """Ten orders whose messages move on after them: the last that the stream says of each order is what its page says."""
    headers = {"Authorization": f"Bearer {face.secret('screen')}"}
    refs = [f"B-{n}" for n in range(10)]
    latest: dict[str, object] = {}
    async with face.session.get(face.url + "/v1/stream", headers=headers) as response, asyncio.timeout(20):
        await response.content.readuntil(b"\n\n")
        for n, ref in enumerate(refs):
            await face.post("/v1/events", event(f"e-{n}", ref=ref), as_="till-2")
            message_id = (await face.get(f"/v1/messages?order={ref}&recipient=customer")).json["items"][0]["id"]
            begun = await attempt(box, message_id)
            await store.clock.advance(1)
            to = Transition(state=State.SENT if n % 2 else State.FAILED, reason=Reason("x", "refused"))
            await box.spool.settle(begun, Accepted(f"SM{n}"), to)
        wanted = {ref: (await face.get(f"/v1/orders/{ref}")).json["told"] for ref in refs}
        while latest != wanted:
            await store.clock.advance(1)
            block = await response.content.readuntil(b"\n\n")
            if b"event: order\n" in block:
                told = msgspec.json.decode(block.split(b"data: ", 1)[1].split(b"\n")[0])
                latest[told["ref"]] = told["told"]
    assert {told["state"] for told in wanted.values()} == {"sent", "failed"}


async def test_the_stream_names_the_history_that_its_numbers_count_in(face: Face, box: Outbox) -> None:
    await face.post("/v1/events", event())

    async def epoch() -> str:
        headers = {"Authorization": f"Bearer {face.secret('screen')}"}
        async with face.session.get(face.url + "/v1/stream", headers=headers) as response:
            return str(response.headers["Tether-Epoch"])

    first = await epoch()
    assert first
    assert await epoch() == first
    assert await box.audit.begin_epoch("restored from a backup") == await epoch() != first
