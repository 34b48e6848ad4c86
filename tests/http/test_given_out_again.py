"""A number that one order had and another has now: what was known of the one says nothing of the other."""

import pytest

from daemon.config import Planning
from outbox.model import State
from tests.support.face import Answer, Face, event, opened
from tests.support.small_store import SmallStore, store_settings

PROMISED = {"promised_at": "2026-11-24T15:00:00Z"}
ORDER = "/v1/orders/42"
KOFI = "+447700900456"


async def given_out_again(face: Face, id: str, phone: str = "07700 900456") -> Answer:
    """42 is Kofi's from now on."""
    placed = event(id, "order.placed", "42")
    placed["customer"] = {"name": "Kofi", "phone": phone}
    return await face.post("/v1/events", placed)


async def untold(face: Face, state: State = State.FAILED) -> str:
    """Ada's news by that number ended so, and the number is Kofi's: her message."""
    taken = await face.post("/v1/events", event("a-1", "order.placed", "42"))
    message_id: str = taken.json["messages"][0]["id"]
    await face.store.end(message_id, state)
    await face.post("/v1/events", event("a-2", "order.completed", "42"))
    await face.store.clock.advance(600)
    await given_out_again(face, "k-1")
    return message_id


async def test_a_number_that_is_given_out_again_is_the_next_customers_alone(face: Face) -> None:
    """Tills that count from one each day: the next morning's customer has no mail address, and was mailed about to yesterday's."""
    await face.post("/v1/events", event("e-1", "order.placed", "42", order={"note": "For Mum", **PROMISED}))
    await face.post("/v1/events", event("e-2", "order.completed", "42"))
    await face.store.clock.advance(600)
    (message,) = (await given_out_again(face, "e-3")).json["messages"]
    planned = await face.store.message(message["id"])
    assert (planned.addresses, planned.via) == ({"phone": "+447700900456"}, ("twilio", "modem"))
    shown = (await face.get("/v1/orders/42")).json
    assert (shown["note"], shown["promised_at"], shown["customer"]["email"]) == (None, None, None)


async def test_a_text_is_previewed_with_nothing_of_yesterdays_customer(face: Face) -> None:
    """What the screen offers to be sent asked Kofi what Ada's card was to say."""
    asked = {"question": "What shall the card for Mum say?"}
    await face.post("/v1/events", event("e-1", "order.placed", "42"))
    await face.post("/v1/events", event("e-2", "order.customization_needed", "42", data=asked))
    wish = {"template": "order.customization_needed", "medium": "sms", "order_ref": "42"}
    assert "Mum" in (await face.post("/v1/messages/preview", wish, as_="desk")).json["text"]
    await face.post("/v1/events", event("e-3", "order.completed", "42"))
    await face.store.clock.advance(600)
    await given_out_again(face, "e-4")
    shown = (await face.post("/v1/messages/preview", wish, as_="desk")).json["text"]
    assert ("Kofi" in shown, "Mum" in shown) == (True, False)


async def test_a_text_is_previewed_with_what_was_told_since_the_boxs_clock_was_put_right(face: Face) -> None:
    """The number was given out by a clock that was a day ahead: what was told of that order after it was not found."""
    await face.post("/v1/events", event("a-1", "order.placed", "42"))
    await face.post("/v1/events", event("a-2", "order.completed", "42"))
    face.store.clock.step(86_400)
    await given_out_again(face, "k-1")
    face.store.clock.step(-86_400)
    asked = event("k-2", "order.customization_needed", "42", data={"question": "What shall the card for Dad say?"})
    await face.post("/v1/events", asked | {"customer": {"name": "Kofi"}})
    wish = {"template": "order.customization_needed", "medium": "sms", "order_ref": "42"}
    assert "Dad" in (await face.post("/v1/messages/preview", wish, as_="desk")).json["text"]


async def test_who_orders_again_by_the_number_of_a_cancelled_order_is_still_known(face: Face) -> None:
    await face.post("/v1/events", event("e-1", "order.placed", "42"))
    await face.post("/v1/events", event("e-2", "order.cancelled", "42"))
    known = [
        {"name": "Ada Lovelace"},
        {"name": "Ada L.", "phone": "07700 900123"},
        {"name": "ada lovelace", "addresses": {"fcm": "t"}},
    ]
    for id, customer in zip(("e-3", "e-4", "e-5"), known, strict=True):
        again = event(id, "order.placed", "42")
        again["customer"] = customer
        assert (await face.post("/v1/events", again)).status == 202
        assert (await face.get("/v1/orders/42")).json["customer"]["email"] == "a…@example.com"
        await face.post("/v1/events", event(f"{id}-over", "order.cancelled", "42"))


async def test_a_number_that_staff_took_by_mistake_is_the_tills_customers_alone(face: Face) -> None:
    taken = await face.post("/v1/orders", event("k-1", "order.placed", "42"), as_="desk")
    assert (await face.post("/v1/orders/42/undo", {"event_id": taken.json["event_id"]}, as_="desk")).status == 200
    await face.store.clock.advance(60)
    (message,) = (await given_out_again(face, "e-1")).json["messages"]
    assert (await face.store.message(message["id"])).addresses == {"phone": "+447700900456"}


# ---------------------------------------------------------------- help for whom it was given before


@pytest.mark.parametrize("path", ["contact", "contact/preview"])
@pytest.mark.parametrize(
    "wish", [{"via": ["sendgrid"]}, {"phone": "07700 900123"}, {"email": "ada@example.com", "tell": False}]
)
async def test_what_its_former_customer_was_not_told_goes_to_nobody_by_its_present_ones_ways(
    face: Face, store: SmallStore, path: str, wish: dict[str, object]
) -> None:
    """Kofi was mailed that his order is cancelled, and all that he was to hear from then on went to Ada's number."""
    message_id = await untold(face)
    before = await store.messages()
    answer = await face.post(f"{ORDER}/{path}", {**wish, "message_id": message_id}, as_="desk")
    assert (answer.status, answer.fields) == (409, ["message_id"])
    assert await store.messages() == before
    customer = (await face.get(ORDER)).json["customer"]
    assert (customer["phone"], customer["email"]) == ("077…0456", None)


@pytest.mark.parametrize("state", [State.FAILED, State.UNKNOWN])
@pytest.mark.parametrize("by", ["order", "call list"])
async def test_who_had_the_number_before_and_was_phoned_is_done_with_and_the_present_order_was_told_nothing(
    face: Face, store: SmallStore, by: str, state: State
) -> None:
    """It stood as Kofi's, and who looked at the counter's head went on to see that a message had failed."""
    message_id = await untold(face, state)
    before = (await face.get(ORDER)).json["told"]
    counted = "failed" if state is State.FAILED else "unknown"
    assert (await face.get("/v1/status")).json[counted] == 1
    path = f"{ORDER}/told" if by == "order" else f"/v1/call-list/{message_id}/done"
    body = {"message_id": message_id} if by == "order" else {"reason": "they ring off"}
    done = await face.post(path, body, as_="desk")
    assert (done.status, done.json["event_id"], done.json["undo_until"]) == (200, "", None)
    assert (await face.get("/v1/status")).json[counted] == 0
    message = await store.message(message_id)
    assert (message.state, message.reason.code) == (State.DELIVERED, "phoned")
    (act,) = [each for each in await store.acts("message.delivered") if each.message_id == message_id]
    assert (act.actor, act.detail.get("channel")) == ("desk", None)
    order = (await face.get(ORDER)).json
    assert order["told"] == before
    (noted,) = [each for each in order["timeline"] if each["kind"] == "override" and each["reason_code"] == "phoned"]
    assert (noted["message_id"], noted.get("detail", "")) == (message_id, body.get("reason", ""))
    again = await face.post(path, body, as_="desk")
    assert again.status == 200
    assert await store.acts("message.delivered") == [act]


@pytest.mark.parametrize("call", ["/v1/orders/{ref}/told", "/v1/call-list/{message_id}/done"])
async def test_what_is_just_leaving_is_not_noted_as_told(face: Face, store: SmallStore, call: str) -> None:
    message_id = await untold(face)
    await face.post(f"/v1/messages/{message_id}/retry", {}, as_="desk")
    await store.begin(message_id)
    body = {"message_id": message_id} if call.endswith("told") else {}
    told = await face.post(call.format(ref="42", message_id=message_id), body, as_="desk")
    assert told.status == 409
    assert (await store.message(message_id)).state is State.SENDING
    document = (await face.get("/openapi.json", as_=None)).json
    assert {"404", "409", "507"} <= document["paths"][call]["post"]["responses"].keys()


async def test_who_had_the_number_before_is_phoned_at_their_own(face: Face) -> None:
    message_id = await untold(face)
    asked = {"message_id": message_id}
    ways = (await face.get(f"{ORDER}/ways", query=asked, as_="desk")).json
    assert (ways["message_id"], ways["about"], ways["state"]) == (message_id, "order.placed", "failed")
    assert (ways["phone"], ways["ways"]) == ("+447700900123", [])
    assert (await face.get(f"{ORDER}/ways", query=asked, as_="screen")).json["phone"] == "+44…0123"
    assert (await face.get(f"{ORDER}/ways", as_="desk")).json["phone"] == "+447700900456"


async def test_a_message_says_of_which_order_it_is(face: Face) -> None:
    message_id = await untold(face)
    began = (await face.get(ORDER)).json["began"]
    page = (await face.get("/v1/messages")).json["items"]
    assert {each["id"] for each in page if each["recipient"] == "customer" and each["event_seq"] < began} >= {
        message_id
    }
    assert [each["event_id"] for each in page if each["event_seq"] >= began] == ["k-1"]


# ---------------------------------------------------------------- taking back


async def test_that_staff_had_not_told_them_after_all_is_not_answered_by_what_the_former_customer_was_told() -> None:
    """Kofi still stood as told: Ada had been."""
    async with opened(store_settings(planning=Planning(default_routes=False))) as face:
        await face.post("/v1/events", event("a-1", "order.placed", "42"))
        await face.post(f"{ORDER}/told", {"id": "t-1"}, as_="desk")
        await face.post("/v1/events", event("a-2", "order.completed", "42"))
        await face.store.clock.advance(600)
        await given_out_again(face, "k-1")
        await face.post(f"{ORDER}/told", {"id": "t-2"}, as_="desk")
        assert (await face.post(f"{ORDER}/undo", {"event_id": "t-2"}, as_="desk")).status == 200
        assert (await face.get(ORDER)).json["told"]["reason_code"] == "undone"


async def test_what_was_done_for_the_former_customer_is_not_taken_back_at_the_next_ones_order(face: Face) -> None:
    await face.post("/v1/events", event("a-1", "order.placed", "42"))
    await face.post("/v1/events", event("a-2", "order.completed", "42"))
    await face.post(f"{ORDER}/told", {"id": "t-1"}, as_="desk")
    await face.store.clock.advance(2)
    await given_out_again(face, "k-1")
    messages = await face.store.messages()
    assert (await face.post(f"{ORDER}/undo", {"event_id": "t-1"}, as_="desk")).status == 409
    assert await face.store.messages() == messages


async def test_a_step_is_taken_back_to_where_this_very_order_stood(face: Face) -> None:
    """Ada's was completed by a clock a day ahead: Kofi's new order stood as completed."""
    face.store.clock.step(86_400)
    await face.post("/v1/events", event("a-1", "order.placed", "42"))
    await face.post("/v1/events", event("a-2", "order.completed", "42"))
    face.store.clock.step(-86_400)
    await given_out_again(face, "k-1")
    await face.store.clock.advance(60)
    await face.post(f"{ORDER}/status", {"status": "order.in_production", "id": "s-1"}, as_="desk")
    undone = await face.post(f"{ORDER}/undo", {"event_id": "s-1"}, as_="desk")
    assert (undone.status, undone.json["status"]) == (200, "order.placed")


# ---------------------------------------------------------------- what they wrote


async def test_what_its_former_customer_wrote_is_not_put_in_the_present_ones_mouth(
    face: Face, store: SmallStore
) -> None:
    """ "Can I come at five?" stood there as Kofi's, and the answer went to him."""
    await face.post("/v1/events", event("a-1", "order.placed", "42"))
    await store.hears("twilio", "Can I come at five?")
    (asked,) = (await face.get("/v1/replies")).json["items"]
    assert (asked["order_ref"], asked["name"]) == ("42", "Ada Lovelace")
    await face.post("/v1/events", event("a-2", "order.completed", "42"))
    await store.clock.advance(600)
    await given_out_again(face, "k-1", KOFI)
    await store.hears("twilio", "I am at the door.")
    await store.hears("twilio", "Thank you.", address=KOFI)
    assert await written(face) == {
        "Can I come at five?": (None, ""),
        "I am at the door.": (None, ""),
        "Thank you.": ("42", "Kofi"),
    }


async def written(face: Face) -> dict[str, tuple[str | None, str]]:
    """Whose order each was put to, and their name."""
    replies = (await face.get("/v1/replies")).json["items"]
    return {each["text"]: (each["order_ref"], each["name"]) for each in replies}


@pytest.mark.parametrize("hours", [-1, 1])
async def test_whose_words_they_are_is_no_matter_of_the_networks_clock(
    face: Face, store: SmallStore, hours: int
) -> None:
    """A text lay with the network until the till could tell of its order, or was stamped in another zone: Kofi's had no order and could not
    be answered, or Ada's was his."""
    stamped = store.clock.now() + hours * 3_600_000
    await face.post("/v1/events", event("a-1", "order.placed", "42"))
    await store.hears("twilio", "silver, please", at=stamped)
    await face.post("/v1/events", event("a-2", "order.completed", "42"))
    await store.clock.advance(600)
    await given_out_again(face, "k-1", KOFI)
    await store.hears("twilio", "gold, please", address=KOFI, at=stamped)
    assert await written(face) == {"silver, please": (None, ""), "gold, please": ("42", "Kofi")}


async def test_whose_words_they_are_is_no_matter_of_the_boxs_clock(face: Face, store: SmallStore) -> None:
    """The number was given out by a clock that was a day ahead: for a day, all that Kofi wrote had no order, and his talk with the store was
    empty."""
    await face.post("/v1/events", event("a-1", "order.placed", "42"))
    await store.hears("twilio", "silver, please")
    await face.post("/v1/events", event("a-2", "order.completed", "42"))
    store.clock.step(86_400)
    await given_out_again(face, "k-1", KOFI)
    store.clock.step(-86_400)
    await store.hears("twilio", "gold, please", address=KOFI)
    assert await written(face) == {"silver, please": (None, ""), "gold, please": ("42", "Kofi")}
    timeline = (await face.get(ORDER)).json["timeline"]
    told = [each for each in timeline if each["kind"] in ("event", "message", "reply")]
    past = {(each.get("event_id") or each["text"], each.get("past", False)) for each in told}
    assert past == {
        ("a-1", True),
        ("silver, please", True),
        ("a-2", True),
        ("k-1", False),
        ("gold, please", False),
    }
