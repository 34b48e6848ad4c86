"""An order that staff take at the counter: shown first, told after the grace period, undone like a step."""

import asyncio
from typing import Any

import pytest

from tests.support.face import Face, event


async def staff(face: Face, path: str, body: Any) -> Any:
    return await face.post(path, body, as_="desk", headers={"X-Tether-Actor": "Kofi"})


def new(id: str = "n-1", type: str = "order.confirmed", ref: str = "C-1") -> dict[str, Any]:
    return event(id, type, ref=ref)


async def test_it_waits_out_the_grace_period_and_stands_on_record_as_staff_s(face: Face) -> None:
    answer = await staff(face, "/v1/orders", new())
    assert answer.status == 200, answer.body
    assert answer.json["undo_until"] == "2026-11-24T10:15:08.000Z"
    assert {message["due_at"] for message in answer.json["messages"]} == {"2026-11-24T10:15:08.000Z"}
    order = (await face.get("/v1/orders/C-1")).json
    assert (order["status"], order["source"], order["customer"]["name"]) == (
        "order.confirmed",
        "counter",
        "Ada Lovelace",
    )


async def test_undone_it_counts_as_deleted_and_nobody_hears(face: Face) -> None:
    messages = (await staff(face, "/v1/orders", new())).json["messages"]
    undone = await staff(face, "/v1/orders/C-1/undo", {"event_id": "n-1"})
    assert (undone.status, undone.json["status"], undone.json["cancelled"]) == (200, "order.deleted", len(messages))
    assert (await face.get("/v1/orders/C-1")).json["stage"] == "done"
    states = [message["state"] for message in (await face.get("/v1/messages?order=C-1")).json["items"]]
    assert states == ["cancelled"] * len(messages) != []
    again = await staff(face, "/v1/orders/C-1/undo", {"event_id": "n-1"})
    assert again.json["cancelled"] == 0


async def test_what_was_done_since_is_not_undone_with_it(face: Face) -> None:
    await staff(face, "/v1/orders", new())
    await staff(face, "/v1/orders/C-1/status", {"status": "order.ready", "id": "s-1"})
    await staff(face, "/v1/orders/C-1/undo", {"event_id": "n-1"})
    assert (await face.get("/v1/orders/C-1")).json["status"] == "order.ready"


async def test_a_number_that_exists_is_refused_and_a_repeat_is_not(face: Face) -> None:
    await face.post("/v1/events", event("e-1", "order.ready", ref="C-1"))
    for path in ("/v1/orders", "/v1/orders/preview"):
        assert (await staff(face, path, new())).status == 409
    assert (await face.get("/v1/orders/C-1")).json["status"] == "order.ready"
    assert (await staff(face, "/v1/orders", new(ref="C-2"))).status == 200
    again = await staff(face, "/v1/orders", new(ref="C-2"))
    assert (again.status, again.json["duplicate"]) == (200, True)


async def test_a_number_that_two_take_in_one_moment_is_one_customer_s(face: Face) -> None:
    first, second = new("n-1"), new("n-2") | {"customer": {"name": "Ben", "phone": "+447700900456"}}
    answers = await asyncio.gather(*(staff(face, "/v1/orders", each) for each in (first, second)))
    assert sorted(answer.status for answer in answers) == [200, 409]
    name = "Ada Lovelace" if answers[0].status == 200 else "Ben"
    assert (await face.get("/v1/orders/C-1")).json["customer"]["name"] == name
    assert len(await face.store.events()) == 1
    refused = next(answer for answer in answers if answer.status == 409)
    assert refused.fields == ["order.ref"]


async def test_the_preview_says_what_they_would_get_and_changes_nothing(face: Face) -> None:
    answer = await staff(face, "/v1/orders/preview", new())
    mine = [message for message in answer.json["messages"] if message["audience"] == "customer"]
    assert mine
    assert "C-1" in mine[0]["text"]
    assert (mine[0]["channel"], mine[0]["to"]) == ("sendgrid", "a…@example.com")
    assert (await face.get("/v1/orders/C-1")).status == 404


@pytest.mark.parametrize("kind", ["order.cancelled", "refund.issued", "gift.wrapped"])
async def test_what_no_new_order_stands_at_is_refused(face: Face, kind: str) -> None:
    assert (await staff(face, "/v1/orders", new(type=kind))).fields == ["type"]


async def test_a_till_may_not(face: Face) -> None:
    """Whoever stole a till's token wants orders to look as if staff had taken them."""
    assert (await face.post("/v1/orders", new(), as_="till-2")).status == 403
