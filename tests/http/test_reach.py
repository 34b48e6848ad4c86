"""A customer whom nothing reached is helped, over HTTP and on the real outbox: another address, another way, or told by a person."""

from typing import Any

import msgspec
import pytest

from outbox import Outbox
from outbox.model import State
from tests.support.face import Face, event
from tests.support.small_store import SmallStore

Json = dict[str, Any]
ORDER = "/v1/orders/B-1042"


@pytest.fixture
def box(store: SmallStore) -> Outbox:
    return store.box


async def untold(face: Face, store: SmallStore, **customer: str) -> Json:
    """An order that is ready, and whose customer nobody can tell."""
    told = event()
    told["customer"] = {"name": "Kofi", **customer}
    assert (await face.post("/v1/events", told)).status == 202
    await store.clock.advance(1)
    order = await read(face)
    assert order["told"]["state"] == "suppressed"
    return order


async def read(face: Face, path: str = ORDER, as_: str = "desk") -> Json:
    answer = await face.get(path, as_=as_)
    assert answer.status == 200, answer.body
    found: Json = answer.json
    return found


async def test_a_number_given_at_the_counter_is_kept_and_told(face: Face, store: SmallStore, box: Outbox) -> None:
    await untold(face, store)
    answer = await face.post(f"{ORDER}/contact", {"phone": "07700 900456", "id": "k-1"}, as_="desk")
    (message,) = answer.json["messages"]
    assert (message["state"], message["trigger"], message["template"]) == ("queued", "order.ready", "order.ready")
    assert answer.json["undo_until"] is not None
    order = await read(face)
    assert (order["customer"]["phone"], order["told"]["message_id"]) == ("+44…0456", message["id"])
    (kept,) = await box.views.messages_by_id([message["id"]])
    assert kept.addresses == {"phone": "+447700900456"}
    (entry,) = [each for each in order["timeline"] if each.get("type") == "staff.contact"]
    assert (entry["source"], entry["actor"]) == ("counter", "desk")
    again = await face.post(f"{ORDER}/contact", {"phone": "07700 900456", "id": "k-1"}, as_="desk")
    assert (again.json["duplicate"], len((await read(face, "/v1/messages"))["items"])) == (True, 2)


async def test_a_repeat_is_none_though_what_was_untold_is_under_way_by_then(face: Face, store: SmallStore) -> None:
    """Its answer was lost; what the news says beyond its order came from the message that was not told then."""
    asked = event(type="order.out_of_stock", data={"item": "Silver moon"})
    asked["customer"] = {"name": "Kofi"}
    await face.post("/v1/events", asked)
    await store.clock.advance(1)
    first = await face.post(f"{ORDER}/contact", {"phone": "07700 900456", "id": "k-1"}, as_="desk")
    again = await face.post(f"{ORDER}/contact", {"phone": "07700 900456", "id": "k-1"}, as_="desk")
    assert [each.status for each in (first, again)] == [200, 200]
    assert [each.json["duplicate"] for each in (first, again)] == [False, True]
    other = await face.post(f"{ORDER}/contact", {"phone": "07700 900457", "id": "k-1"}, as_="desk")
    assert other.status == 409


async def test_nothing_leaves_before_the_grace_period_is_over_and_undo_stops_it(face: Face, store: SmallStore) -> None:
    """Nobody has told them then: they are among those to be helped as before."""
    await untold(face, store)
    await face.post(f"{ORDER}/contact", {"phone": "07700 900456", "id": "k-1"}, as_="desk")
    assert (await read(face, "/v1/status"))["calls"] == 0
    undone = await face.post(f"{ORDER}/undo", {"event_id": "k-1"}, as_="desk")
    assert undone.json["cancelled"] == 1
    told = (await read(face))["told"]
    assert (told["state"], told["reason_code"]) == ("suppressed", "no_address")
    assert (await read(face, "/v1/status"))["calls"] == 1
    assert [each.state for each in await store.messages() if each.recipient == "customer"][1] is State.CANCELLED


async def test_what_the_team_was_not_told_is_no_news_for_the_customer(face: Face, store: SmallStore) -> None:
    await face.post("/v1/events", event())
    words = {"to": "team", "text": "Has she paid? Ask before you hand it over.", "id": "t-1"}
    (to_team,) = (await face.post(f"{ORDER}/messages", words, as_="desk")).json["messages"]
    assert (await face.post(f"/v1/messages/{to_team['id']}/cancel", {}, as_="desk")).status in (200, 409)
    wish = {"via": ["sendgrid"], "message_id": to_team["id"], "id": "k-1"}
    answer = await face.post(f"{ORDER}/contact", wish, as_="desk")
    assert (answer.status, answer.fields) == (404, ["message_id"])
    told = await face.post(f"{ORDER}/told", {"message_id": to_team["id"]}, as_="desk")
    assert told.status == 404
    assert [each.text for each in await store.messages() if each.recipient == "customer"] == [None]


@pytest.mark.parametrize("wish", [{"phone": "12"}, {"email": "kofi"}, {"phone": "Kofi"}, {}])
async def test_what_can_be_no_address_is_refused_before_and_at_enter(face: Face, store: SmallStore, wish: Json) -> None:
    await untold(face, store)
    for path in ("contact", "contact/preview"):
        answer = await face.post(f"{ORDER}/{path}", wish, as_="desk")
        assert (answer.status, answer.fields) == (422, [next(iter(wish), "phone")])
    order = await read(face)
    assert (order["customer"]["phone"], order["told"]["state"]) == (None, "suppressed")


async def test_the_preview_says_where_it_would_go_and_changes_nothing(face: Face, store: SmallStore) -> None:
    before = await untold(face, store)
    answer = await face.post(f"{ORDER}/contact/preview", {"phone": "07700 900456"}, as_="desk")
    (planned,) = answer.json["messages"]
    assert (planned["to"], planned["medium"]) == ("+44…0456", "sms")
    assert "Kofi" in planned["text"]
    assert "B-1042" in planned["text"]
    assert await read(face) == before


async def test_an_address_can_be_kept_without_telling_anything(face: Face, store: SmallStore) -> None:
    await untold(face, store)
    answer = await face.post(f"{ORDER}/contact", {"email": "Kofi@Example.com", "tell": False}, as_="desk")
    assert answer.json["messages"] == []
    order = await read(face)
    assert (order["customer"]["email"], order["told"]["state"]) == ("k…@example.com", "suppressed")


async def test_staff_phone_the_number_that_was_put_right(face: Face, store: SmallStore) -> None:
    """What had failed was planned for the wrong one: a stranger was called."""
    await face.post("/v1/events", event())
    (ready,) = await store.messages()
    await store.end(ready.id, State.FAILED)
    await face.post(f"{ORDER}/contact", {"phone": "07700 900456", "tell": False}, as_="desk")
    (call,) = (await read(face, "/v1/call-list"))["items"]
    assert (call["message_id"], call["phone"]) == (ready.id, "+447700900456")


async def test_whom_a_number_was_given_who_said_stop_is_named_before_enter(
    face: Face, store: SmallStore, box: Outbox
) -> None:
    await untold(face, store)
    await box.consent.stop("sms", "+447700900456", reason="STOP", actor="customer")
    (planned,) = (await face.post(f"{ORDER}/contact/preview", {"phone": "07700 900456"}, as_="desk")).json["messages"]
    (warning,) = planned["warnings"]
    assert (warning["code"], warning["reason_code"], warning["detail"]) == ("opted_out", "opted_out", "STOP")
    assert warning["since"].startswith("2026-11-24T10:15:01")


async def test_staff_told_them_and_take_it_back(face: Face, store: SmallStore) -> None:
    await untold(face, store)
    assert (await read(face, "/v1/status"))["calls"] == 1
    done = await face.post(f"{ORDER}/told", {"how": "in_person", "id": "t-1"}, as_="desk")
    assert done.json["undo_until"] is not None
    told = (await read(face))["told"]
    assert (told["state"], told["reason_code"], told["reason_args"]) == (
        "delivered",
        "told_in_person",
        {"who": "desk"},
    )
    assert (await read(face, "/v1/status"))["calls"] == 0
    await store.clock.advance(2)
    assert (await face.post(f"{ORDER}/undo", {"event_id": "t-1"}, as_="desk")).status == 200
    told = (await read(face))["told"]
    assert (told["state"], told["reason_code"]) == ("suppressed", "no_address")
    (call,) = (await read(face, "/v1/call-list"))["items"]
    again = await face.post(f"/v1/call-list/{call['message_id']}/done", {}, as_="desk")
    assert again.json["undo_until"] is not None
    assert (await read(face))["told"]["reason_code"] == "phoned"


async def test_too_late_to_take_back_that_they_were_told(face: Face, store: SmallStore) -> None:
    await untold(face, store)
    await face.post(f"{ORDER}/told", {"id": "t-1"}, as_="desk")
    await store.clock.advance(9)
    assert (await face.post(f"{ORDER}/undo", {"event_id": "t-1"}, as_="desk")).status == 409


async def test_the_ways_that_there_are(face: Face, store: SmallStore, box: Outbox) -> None:
    await untold(face, store)
    await face.post(f"{ORDER}/contact", {"phone": "07700 900456", "tell": False}, as_="desk")
    await box.consent.stop("sms", "+447700900456", reason="STOP", actor="customer")
    found = await read(face, f"{ORDER}/ways")
    assert (found["about"], found["reason_code"], found["phone"]) == ("order.ready", "no_address", "+447700900456")
    sms, mail = found["ways"]
    assert (sms["state"], sms["how"], sms["via"], sms["to"]) == ("opted_out", "STOP", ["twilio", "modem"], "+44…0456")
    assert (mail["state"], mail["to"], mail["via"]) == ("no_address", "", ["sendgrid"])
    assert (await read(face, f"{ORDER}/ways", as_="screen"))["phone"] == "+44…0456"


async def test_a_reader_can_neither_give_an_address_nor_say_that_it_was_told(face: Face, store: SmallStore) -> None:
    """A wall screen's token was stolen: its holder wants a customer's news sent to a number of their own."""
    await untold(face, store)
    for path, body in (("contact", {"phone": "07700 900456"}), ("told", {}), ("contact/preview", {"via": ["modem"]})):
        assert (await face.post(f"{ORDER}/{path}", body, as_="screen")).status == 403


async def test_an_opt_out_by_an_order_and_by_nothing_usable(face: Face, store: SmallStore, box: Outbox) -> None:
    await untold(face, store)
    await face.post(f"{ORDER}/contact", {"phone": "07700 900456", "tell": False}, as_="desk")
    by_order = await face.call("PUT", "/v1/optouts", {"medium": "sms", "order_ref": "B-1042"}, as_="desk")
    assert (by_order.status, by_order.json["address"]) == (200, "+44…0456")
    assert await box.consent.blocked("sms", "+447700900456") == "entered by staff"
    back = {"medium": "sms", "order_ref": "B-1042", "reason": "asked at the counter"}
    assert (await face.call("DELETE", "/v1/optouts", back, as_="desk")).json["opted_out"] is False
    assert await box.consent.blocked("sms", "+447700900456") is None
    assert (await face.call("DELETE", "/v1/optouts", back, as_="desk")).status == 404
    for wish, status in (
        ({"medium": "all", "address": "Gita"}, 422),
        ({"medium": "sms", "address": "Gita"}, 422),
        ({"medium": "email", "order_ref": "B-1042"}, 422),
        ({"medium": "sms", "order_ref": "B-9"}, 404),
        ({"medium": "sms"}, 422),
    ):
        assert (await face.call("PUT", "/v1/optouts", wish, as_="desk")).status == status, wish


async def test_an_order_s_customer_who_wants_nothing_at_all_gets_nothing_by_any_way(face: Face, box: Outbox) -> None:
    """Phone and mail were silenced, and Messenger went on."""
    told = event()
    told["customer"] |= {"addresses": {"messenger": "PSID-1", "fcm": "TOKEN", "whatsapp": "+447700900123"}}
    only_messenger = event("e-2", ref="B-2")
    only_messenger["customer"] = {"name": "Kofi", "addresses": {"messenger": "PSID-2"}}
    for each in (told, only_messenger):
        assert (await face.post("/v1/events", each)).status == 202
    for ref, addresses in (
        ("B-1042", ("+447700900123", "ada@example.com", "PSID-1", "TOKEN")),
        ("B-2", ("PSID-2",)),
    ):
        wish = {"medium": "all", "order_ref": ref}
        answer = await face.call("PUT", "/v1/optouts", wish, as_="desk")
        assert (answer.status, len(answer.json["address"].split(", "))) == (200, len(addresses))
        assert all([await box.consent.blocked("chat", each) for each in addresses])
        assert (await face.call("DELETE", "/v1/optouts", wish, as_="desk")).status == 200
        assert not any([await box.consent.blocked("push", each) for each in addresses])


@pytest.mark.parametrize(
    ("medium", "typed", "about", "silenced"),
    [
        ("chat", "07700 900123", "chat", ["+447700900123"]),
        ("crm", "+44 7700 900123", "crm", ["+447700900123"]),
        ("chat", "987654321", "chat", ["987654321"]),
        ("chat", "U024BE7LH", "chat", ["U024BE7LH"]),
        ("chat", "-1001234567890", "chat", ["-1001234567890"]),
        ("crm", "Ada+shop@example.com", "crm", ["ada+shop@example.com"]),
        ("all", "987654321", "chat", ["987654321"]),
        ("all", "447700900123", "sms", ["+447700900123", "447700900123"]),
        ("all", "(07700) 900123", "sms", ["+447700900123"]),
    ],
)
async def test_an_opt_out_by_hand_holds_where_messages_would_go(
    face: Face, box: Outbox, medium: str, typed: str, about: str, silenced: list[str]
) -> None:
    """WhatsApp went on to a number that was typed as it is dialled, and "all" took Telegram's ids for telephone numbers."""
    wish = {"medium": medium, "address": typed}
    answer = await face.call("PUT", "/v1/optouts", wish, as_="desk")
    assert answer.status == 200, answer.body
    assert all([await box.consent.blocked(about, each) for each in silenced])
    assert (await face.call("DELETE", "/v1/optouts", wish, as_="desk")).status == 200
    assert not any([await box.consent.blocked(about, each) for each in silenced])
    assert (await face.call("DELETE", "/v1/optouts", wish, as_="desk")).status == 404


@pytest.mark.parametrize("typed", ["07700", "1042", "B-1042", "U024BE7LH"])
async def test_what_may_be_a_slip_is_not_noted_for_all_media(face: Face, typed: str) -> None:
    answer = await face.call("PUT", "/v1/optouts", {"medium": "all", "address": typed}, as_="desk")
    assert (answer.status, answer.fields) == (422, ["address"])


async def test_news_whose_event_has_another_till_s_number_is_told_as_it_was(face: Face, store: SmallStore) -> None:
    """Both tills count from one: the second's customer was to hear what the first had run out of."""
    await store.token("till-1", "events")
    for till, ref, item in (("till-1", "B-1", "Gold star"), ("till-2", "B-1042", "Silver moon")):
        told = event("1", "order.out_of_stock", ref, data={"item": item})
        told["customer"] = {"name": "Kofi"}
        assert (await face.post("/v1/events", told, as_=till)).status == 202
    says = {each["order_ref"]: each["say"] for each in (await read(face, "/v1/call-list"))["items"]}
    assert ("Gold star" in says["B-1"], "Silver moon" in says["B-1042"]) == (True, True)
    (planned,) = (await face.post(f"{ORDER}/contact/preview", {"phone": "07700 900456"}, as_="desk")).json["messages"]
    assert "Silver moon" in planned["text"]


async def test_a_wrong_number_that_is_taken_back_costs_the_right_one_nothing_of_the_news(
    face: Face, store: SmallStore
) -> None:
    """The text to the right one asked what to do about "something"."""
    asked = event(type="order.out_of_stock", data={"item": "Silver moon"})
    asked["customer"] = {"name": "Kofi"}
    await face.post("/v1/events", asked)
    await store.clock.advance(1)
    await face.post(f"{ORDER}/contact", {"phone": "07700 900456", "id": "k-1"}, as_="desk")
    assert (await face.post(f"{ORDER}/undo", {"event_id": "k-1"}, as_="desk")).status == 200
    (planned,) = (await face.post(f"{ORDER}/contact/preview", {"phone": "07700 900457"}, as_="desk")).json["messages"]
    assert "Silver moon" in planned["text"]


async def test_what_staff_had_not_told_after_all_says_the_sum_that_it_said(face: Face, store: SmallStore) -> None:
    """A part was paid back, and their text said "your payment"."""
    refund = {"amount": "5.00", "currency": "GBP"}
    await face.post("/v1/events", event("e-1", "refund.issued", data=refund))
    (waiting,) = await store.messages()
    await face.post(f"{ORDER}/told", {"message_id": waiting.id, "id": "t-1"}, as_="desk")
    assert (await face.post(f"{ORDER}/undo", {"event_id": "t-1"}, as_="desk")).status == 200
    (again,) = [each for each in await store.messages() if each.state is State.QUEUED]
    (told,) = await store.box.views.events(again.event_id, source="counter")
    assert msgspec.json.decode(told.raw)["data"] == refund


@pytest.mark.parametrize("wish", [{"phone": "07700 900456"}, {"email": "kofi@example.com"}])
async def test_a_delay_tells_its_new_time_to_whom_staff_found_a_way(face: Face, store: SmallStore, wish: Json) -> None:
    """It said that nobody knows it yet."""
    late = event(type="order.delayed", order={"promised_at": "2026-11-24T17:00:00Z"})
    late["customer"] = {"name": "Kofi"}
    await face.post("/v1/events", late)
    await store.clock.advance(1)
    (planned,) = (await face.post(f"{ORDER}/contact/preview", wish, as_="desk")).json["messages"]
    assert "17:00" in planned["text"].partition("-----")[0]
