"""What a message would say: of a template, an order, an event, or a sample."""

from typing import Any

from tests.support.face import Face, event


async def test_preview(face: Face) -> None:
    await face.post("/v1/events", event(ref="B-1"))
    sms = (await face.post("/v1/messages/preview", {"template": "order.ready", "medium": "sms"}, as_="desk")).json
    assert (sms["subject"], sms["html"]) == (None, None)
    assert sms["sms"] == {"encoding": "GSM-7", "units": len(sms["text"]), "parts": 1}
    mail = {"template": "order.ready", "medium": "email", "order_ref": "B-1", "locale": "de-AT"}
    shown = (await face.post("/v1/messages/preview", mail, as_="desk")).json
    assert "Bestellung B-1" in shown["text"]
    assert "B-1" in shown["subject"]
    assert "<" in shown["html"]
    for body, status in [
        ({"medium": "sms"}, 422),
        ({"medium": "fax", "text": "x"}, 422),
        ({"medium": "sms", "text": "x", "locale": "../etc"}, 422),
        ({"medium": "sms", "template": "no.such"}, 422),
        ({"medium": "sms", "text": "x", "order_ref": "nope"}, 404),
        ({"medium": "sms", "text": "x", "event": {"id": "e"}}, 422),
    ]:
        assert (await face.post("/v1/messages/preview", body, as_="desk")).status == status, body


async def previewed(face: Face, template: str, **wish: Any) -> str:
    body = {"template": template, "medium": "sms", **wish}
    return str((await face.post("/v1/messages/preview", body, as_="desk")).json["text"])


async def test_a_preview_of_an_event_is_of_its_order_and_customer(face: Face) -> None:
    await face.post("/v1/events", event(ref="B-1"))
    unknown = event("p-1", ref="X-77", customer={"name": "Zed"})
    shown = await previewed(face, "order.ready", event=unknown)
    assert "Zed" in shown
    assert "order X-77" in shown
    delayed = {"id": "p-2", "type": "order.delayed", "order": {"ref": "B-1", "promised_at": "2026-12-02T16:30:00Z"}}
    for order in ({}, {"order_ref": "B-1"}):
        shown = await previewed(face, "order.delayed", event=delayed, **order)
        assert "Ada" in shown
        assert "16:30" in shown
    assert (await face.get("/v1/orders/B-1")).json["promised_at"] is None
    assert (await face.get("/v1/orders/X-77")).status == 404


async def test_a_preview_of_a_known_order_says_nothing_that_is_not_so_in_its_customers_language(face: Face) -> None:
    await face.post("/v1/events", event(customer={"name": "Zed", "locale": "de"}))
    assert "Bestellung B-1042" in await previewed(face, "order.ready", order_ref="B-1042")
    assert "order B-1042" in await previewed(face, "order.ready", order_ref="B-1042", locale="en")
    for template, invented in [
        ("order.out_of_stock", "Star balloon"),
        ("order.delayed", "25"),
        ("refund.issued", "48"),
    ]:
        assert invented not in await previewed(face, template, order_ref="B-1042"), template
    for n, item in enumerate(("Silver moon", "Gold sun")):
        await face.post("/v1/events", event(f"o-{n}", "order.out_of_stock", customer={}, data={"item": item}))
    assert "Gold sun" in await previewed(face, "order.out_of_stock", order_ref="B-1042")
    assert "See you soon." in await previewed(face, "staff.text", order_ref="B-1042"), "a person's words are added"


async def test_templates(face: Face) -> None:
    media = {each["name"]: each["media"] for each in (await face.get("/v1/templates", as_="screen")).json["items"]}
    assert media["order.ready"] == ["email", "sms"]
    assert not [name for name in media if name.endswith(".team")]
