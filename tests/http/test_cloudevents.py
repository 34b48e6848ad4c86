"""POST /v1/events with CloudEvents 1.0: structured, binary, and the handshake of its webhooks."""

from typing import Any

import msgspec
import pytest

from daemon.config import Hook, Rate
from tests.http.test_hostile import ask, status, token
from tests.support.face import Face, opened
from tests.support.small_store import store_settings


async def post(face: Face, body: Any, **more: Any) -> Any:
    return await face.post("/v1/events", body, as_="till-2", **more)


CLOUD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "evt-1",
    "source": "/erp/berlin",
    "type": "com.example.order.ready",
    "time": "2026-11-24T09:02:11Z",
    "subject": "order/1001",
    "traceparent": "00-1",
    "data": {"order": {"ref": "1001"}, "customer": {"name": "Ada"}, "data": {"warehouse": "Berlin"}},
}
STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=UTF-8"}


async def test_cloudevent_becomes_our_event(face: Face) -> None:
    assert (await post(face, CLOUD, headers=STRUCTURED)).status == 202
    stored = (await face.store.events())[0]
    assert (stored.source, stored.id, stored.type) == ("till-2//erp/berlin", "evt-1", "order.ready")
    assert stored.order_ref == "1001"
    kept = msgspec.json.decode(stored.raw)
    assert kept["occurred_at"] == CLOUD["time"]
    assert kept["data"] == {"warehouse": "Berlin"}
    assert kept["cloudevent"]["type"] == "com.example.order.ready"
    assert kept["cloudevent"]["traceparent"] == "00-1"


async def test_cloudevent_is_what_its_envelope_says_whatever_its_data_holds(face: Face) -> None:
    """A shop's data has an id and a type of its own: the order's."""
    data = {**CLOUD["data"], "id": "B-1001", "type": "order.completed", "occurred_at": "2020-01-01T00:00:00Z"}
    for id, type in (("evt-1", "order.placed"), ("evt-2", "order.ready")):
        answer = await post(face, {**CLOUD, "id": id, "type": type, "data": data}, headers=STRUCTURED)
        assert answer.status == 202, answer.problem
    stored = await face.store.events()
    assert [(each.id, each.type) for each in stored] == [("evt-1", "order.placed"), ("evt-2", "order.ready")]
    assert msgspec.json.decode(stored[0].raw)["occurred_at"] == CLOUD["time"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("order.ready", "order.ready"),
        ("com.example.payment.failed", "payment.failed"),
        ("loyalty.points_added", "loyalty.points_added"),
        ("com.example.loyalty", "com.example.loyalty"),
    ],
)
async def test_cloudevent_types(face: Face, given: str, kept: str) -> None:
    await post(face, {**CLOUD, "type": given}, headers=STRUCTURED)
    assert (await face.store.events())[0].type == kept


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"source": ""}, "source"),
        ({"data": {}}, "data.order"),
        ({"data": {"order": {}}}, "data.order.ref"),
        ({"time": "yesterday"}, "time"),
        ({"type": "Com.Example"}, "type"),
        ({"data_base64": "e30="}, "data_base64"),
    ],
)
async def test_cloudevents_that_are_wrong(face: Face, change: Any, field: str) -> None:
    answer = await post(face, {**CLOUD, **change}, headers=STRUCTURED)
    assert (answer.status, answer.fields) == (422, [field])


async def test_cloudevent_in_headers_whose_subject_is_no_text_is_taken(face: Face) -> None:
    """An ERP that writes Latin-1 into its headers."""
    body = b'{"order": {"ref": "1001"}}'
    head = (
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
        b"ce-specversion: 1.0\r\nce-id: evt-1\r\nce-source: erp\r\nce-type: order.ready\r\nce-subject: M\xfcller\r\n"
    )
    answer = await ask(face, head + token(face) + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert status(answer) == 202, answer
    (stored,) = await face.store.events()
    assert msgspec.json.decode(stored.raw)["cloudevent"]["subject"] == "M\ufffdller"


async def test_what_a_cloudevents_data_calls_its_id_is_not_the_events(face: Face) -> None:
    """Data that is a record of the sender's has its id and type: of two events the second is no change of the first."""
    data = {**CLOUD["data"], "id": "1042", "type": "sales.order", "occurred_at": "yesterday"}
    for id, ending in (("evt-1", "order.confirmed"), ("evt-2", "order.ready")):
        cloud = {**CLOUD, "id": id, "type": f"com.example.{ending}", "data": data}
        answer = await post(face, cloud, headers=STRUCTURED)
        assert (answer.status, answer.json["event_id"]) == (202, id)
    kept = (await face.store.events())[-1]
    raw = msgspec.json.decode(kept.raw)
    assert (raw["type"], raw["occurred_at"]) == ("order.ready", CLOUD["time"])
    assert raw["cloudevent"]["data"] == {name: data[name] for name in ("id", "type", "occurred_at")}


async def test_a_cloudevent_without_its_time_happened_when_it_came(face: Face) -> None:
    """Whatever its data says: that is of the sender's record, and may be anything."""
    for said in ("24.11.2026", "2026-11-01T00:00:00Z"):
        cloud = {**CLOUD, "id": said, "data": {**CLOUD["data"], "occurred_at": said}}
        del cloud["time"]
        assert (await post(face, cloud, headers=STRUCTURED)).status == 202
        raw = msgspec.json.decode((await face.store.events())[-1].raw)
        assert "occurred_at" not in raw
        assert raw["cloudevent"]["data"] == {"occurred_at": said}


async def test_cloudevents_batch(face: Face) -> None:
    batch = {"Content-Type": "application/cloudevents-batch+json"}
    answer = await post(face, [CLOUD, {**CLOUD, "id": "evt-2"}], headers=batch)
    assert [each["event_id"] for each in answer.json["items"]] == ["evt-1", "evt-2"]
    assert (await post(face, CLOUD, headers=batch)).status == 422


async def test_webhook_handshake(face: Face) -> None:
    answer = await face.call("OPTIONS", "/v1/events", as_=None, headers={"WebHook-Request-Origin": "erp.example.com"})
    assert answer.status == 204
    assert answer.headers["WebHook-Allowed-Origin"] == "erp.example.com"
    assert "POST" in answer.headers["Allow"]
    assert answer.headers["Server"] == "tether"


async def test_a_handshake_counts_as_a_call() -> None:
    async with opened(store_settings(hook=Hook(port=0, rate=Rate(1)))) as face:
        statuses = [(await face.call("OPTIONS", "/v1/events", as_=None)).status for _ in range(12)]
        assert statuses == [204] * 10 + [429] * 2
