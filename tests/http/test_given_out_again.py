"""A number that one order had and another has now: what was known of the one says nothing of the other."""

from tests.support.face import Face, event

PROMISED = {"promised_at": "2026-11-24T15:00:00Z"}


async def test_a_number_that_is_given_out_again_is_the_next_customers_alone(face: Face) -> None:
    """Tills that count from one each day: the next morning's customer has no mail address, and was mailed about to yesterday's."""
    await face.post("/v1/events", event("e-1", "order.placed", "42", order={"note": "For Mum", **PROMISED}))
    await face.post("/v1/events", event("e-2", "order.completed", "42"))
    await face.store.clock.advance(600)
    again = event("e-3", "order.placed", "42")
    again["customer"] = {"name": "Kofi", "phone": "07700 900456"}
    (message,) = (await face.post("/v1/events", again)).json["messages"]
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
    again = event("e-4", "order.placed", "42")
    again["customer"] = {"name": "Kofi", "phone": "07700 900456"}
    await face.post("/v1/events", again)
    shown = (await face.post("/v1/messages/preview", wish, as_="desk")).json["text"]
    assert ("Kofi" in shown, "Mum" in shown) == (True, False)


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
    own = event("e-1", "order.placed", "42")
    own["customer"] = {"name": "Kofi", "phone": "07700 900456"}
    (message,) = (await face.post("/v1/events", own)).json["messages"]
    assert (await face.store.message(message["id"])).addresses == {"phone": "+447700900456"}
