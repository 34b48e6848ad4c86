"""POST /v1/events: what is taken, what is refused, and how each refusal names what is wrong."""

import io
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import msgspec
import pytest

from daemon.api.app import SERVER_OPTIONS
from outbox.errors import OutboxError
from outbox.model import Acceptance, Posted
from tests.support.face import Face, event, opened


async def post(face: Face, body: Any = None, *, as_: str | None = "till-2", **more: Any) -> Any:
    return await face.post("/v1/events", body, as_=as_, **more)


async def raw(face: Face, text: str | bytes, **more: Any) -> Any:
    return await post(face, raw=text if isinstance(text, bytes) else text.encode(), **more)


async def test_event_is_taken_once(face: Face) -> None:
    first = await post(face, event())
    (message,) = await face.store.messages()
    told = {
        "id": message.id,
        "audience": "customer",
        "state": "queued",
        "via": ["twilio", "modem", "sendgrid"],
        "reason": "",
    }
    assert (first.status, first.json) == (
        202,
        {"event_id": "e-1", "duplicate": False, "messages": [told], "warnings": []},
    )
    assert first.headers["Content-Type"] == "application/json"
    again = await post(face, event())
    assert (again.status, again.json) == (200, {**first.json, "duplicate": True})
    assert len(await face.store.events()) == 1


async def test_source_is_the_tokens_name_and_its_own_json_is_kept(face: Face) -> None:
    text = json.dumps(event(extra={"colour": "gold"}), indent=2)
    assert (await raw(face, text)).status == 202
    stored = (await face.store.events())[0]
    assert stored.source == "till-2"
    assert stored.raw == text.encode()
    assert stored.actor == ""


async def test_person_is_kept_as_actor(face: Face) -> None:
    await post(face, event(), headers={"X-Tether-Actor": "Ada"})
    assert (await face.store.events())[0].actor == "Ada"


async def test_same_id_with_other_content_is_a_conflict(face: Face) -> None:
    await post(face, event())
    answer = await post(face, event(type="order.completed"))
    assert answer.status == 409
    assert "different content" in answer.problem["detail"]


# ---------------------------------------------------------------- what is not JSON


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "empty"),
        (b"   ", "empty"),
        (b"{", "not JSON"),
        (b'{"id": NaN}', "not JSON"),
        (b'{"id": Infinity}', "not JSON"),
        (b"{'id': 'a'}", "not JSON"),
        (b'{"id": "a"} {"id": "b"}', "not JSON"),
        (b'{"id": "a",}', "not JSON"),
        (b'\xef\xbb\xbf{"id": "a"}', "byte order mark"),
        (b'{"id": "\xff\xfe"}', "UTF-8"),
        (b'{"unknown": "\xff"}', "UTF-8"),
        (b'{"id": "\\ud800"}', "surrogate"),
        (b'{"id": "a\x01b"}', "not JSON"),
        (b'{"id": "a", "id": "b"}', "'id' is given twice"),
        (b'{"order": {"ref": "a", "ref" : "b"}}', "'ref' is given twice"),
        (b'{"a":1,"a" :2}', "'a' is given twice"),
        (b'{"a":1,"a":2,"s":"\\u003a"}', "'a' is given twice"),
        (b'{"a":{"b":":::"},"a":{"b":"\\u003A\\u003a\\u003a"}}', "'a' is given twice"),
        (b'{"\\u0061":1,"a":2}', "'a' is given twice"),
        (b'{"a":1,"a"\n:2}', "'a' is given twice"),
        (b'{"data":' * 70 + b"1" + b"}" * 70, "deeper than 64"),
        (b"[" * 200_000, "deeper than 64"),
    ],
)
async def test_what_is_not_json_is_400(face: Face, text: bytes, words: str) -> None:
    answer = await raw(face, text)
    assert answer.status == 400
    assert words in answer.problem["detail"]


async def test_brackets_inside_strings_are_not_depth(face: Face) -> None:
    assert (await post(face, event(data={"note": "[{" * 500 + '\\"[['}))).status == 202


async def test_depth_of_64_is_taken(face: Face) -> None:
    nested: Any = 1
    for _ in range(62):
        nested = [nested]
    assert (await post(face, event(data={"deep": nested}))).status == 202


async def test_colons_and_quotes_in_strings_are_no_names(face: Face) -> None:
    assert (await post(face, event(data={'a":': '"a":1', "time": "10:15", "x": 'say "hi":'}))).status == 202


# ---------------------------------------------------------------- what is JSON but wrong


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"id": None}, "id", "expected str, got null"),
        ({"id": 7}, "id", "expected str, got int"),
        ({"id": ""}, "id", "must not be empty"),
        ({"id": "x" * 201}, "id", "may have at most 200 characters"),
        ({"id": "a\nb"}, "id", "control characters"),
        ({"id": "ab\n"}, "id", "control characters"),
        ({"type": "Order.Ready"}, "type", "lower-case words joined by dots"),
        ({"type": "ready"}, "type", "lower-case words joined by dots"),
        ({"type": "order.ready\n"}, "type", "lower-case words joined by dots"),
        ({"type": "order..ready"}, "type", "lower-case"),
        ({"order": []}, "order", "expected object, got array"),
        ({"order": {}}, "order.ref", "is required"),
        ({"order": {"ref": "x" * 101}}, "order.ref", "may have at most 100 characters"),
        ({"order": {"ref": "  "}}, "order.ref", "must be more than spaces"),
        ({"order": {"ref": "B-1\t"}}, "order.ref", "control characters"),
        ({"order": {"ref": "B-1", "total": 48.5}}, "order.total", "expected str | null, got float"),
        ({"order": {"ref": "B-1", "total": "48,50"}}, "order.total", "decimal number as text"),
        ({"order": {"ref": "B-1", "total": "1e3"}}, "order.total", "decimal number as text"),
        ({"order": {"ref": "B-1", "currency": "pounds"}}, "order.currency", "three letters"),
        ({"order": {"ref": "B-1", "promised_at": "2026-11-24T10:00:00"}}, "order.promised_at", "with its offset"),
        ({"order": {"ref": "B-1", "promised_at": "tomorrow"}}, "order.promised_at", "RFC3339"),
        ({"order": {"ref": "B-1", "items": [{"name": "a"}, {"quantity": 1}]}}, "order.items[1].name", "is required"),
        ({"order": {"ref": "B-1", "items": [{"name": "a", "price": "x"}]}}, "order.items[0].price", "decimal"),
        ({"occurred_at": "2026-11-24T10:15:00"}, "occurred_at", "with its offset"),
        ({"occurred_at": 1795515300}, "occurred_at", "with its offset"),
        ({"customer": {"phone": 447700900123}}, "customer.phone", "got int"),
        ({"customer": {"consent": {"sms": "yes"}}}, "customer.consent", "expected bool"),
        ({"data": {"note": "a\0b"}}, "data.note", "NUL"),
        ({"data": {"list": [{"x": "\0"}]}}, "data.list[0].x", "NUL"),
    ],
)
async def test_what_is_wrong_is_422_and_names_the_field(face: Face, change: Any, field: str, words: str) -> None:
    answer = await post(face, {**event(), **change})
    assert answer.status == 422
    assert answer.fields == [field]
    assert words in answer.problem["errors"][0]["detail"]


async def test_a_number_padded_with_spaces_is_the_same_orders(face: Face) -> None:
    """Tills write what their database has, of a column of fixed width too."""
    await post(face, event("evt-1", order={"ref": "B-1042"}))
    assert (await post(face, event("evt-2", order={"ref": "B-1042    "}))).status == 202
    listed = await face.get("/v1/orders")
    assert [each["ref"] for each in listed.json["items"]] == ["B-1042"]


@pytest.mark.parametrize("missing", ["id", "type", "order"])
async def test_required_fields(face: Face, missing: str) -> None:
    body = event()
    del body[missing]
    answer = await post(face, body)
    assert (answer.status, answer.fields) == (422, [missing])


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000])
async def test_numbers_beyond_all_bounds(face: Face, number: str) -> None:
    answer = await raw(face, '{"id":"a","type":"order.ready","order":{"ref":"B"},"data":{"n":' + number + "}}")
    assert answer.status == 422
    assert "out of range" in answer.problem["detail"]


async def test_anything_but_an_object_or_array(face: Face) -> None:
    for text in ("1", '"order.ready"', "null", "true"):
        answer = await raw(face, text)
        assert answer.status == 422
        assert "expected object" in answer.problem["detail"]


async def test_odd_phone_number_is_no_reason_to_refuse(face: Face) -> None:
    body = event(customer={"phone": "ask at the counter", "email": "not an address"})
    assert (await post(face, body)).status == 202


@pytest.mark.parametrize(
    "none",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-05:00",
    ],
)
async def test_what_tills_write_for_no_time_says_nothing(face: Face, none: str) -> None:
    """An empty date of .NET, Unix or SQL: the order is listed, and its customer is told as if the till had left it out."""
    told = await face.post("/v1/events", event(occurred_at=none, order={"promised_at": none}), as_="till-2")
    assert told.status == 202
    (listed,) = (await face.get("/v1/orders")).json["items"]
    assert listed["promised_at"] is None
    assert (await face.get("/v1/orders/B-1042")).status == 200
    shown = (await face.get("/v1/events/e-1")).json
    assert shown["occurred_at"] is None
    assert shown["event"]["order"]["promised_at"] == none
    (message,) = shown["messages"]
    assert message["state"] == "queued"
    assert message["expires_at"] > message["due_at"]


async def test_other_types_and_unicode_are_taken(face: Face) -> None:
    body = event(id="évènement-🎈", type="loyalty.points_added", ref="Bestellung №5/2")
    assert (await post(face, body)).status == 202


# ---------------------------------------------------------------- sizes, types, codings


async def test_event_larger_than_256_kib(face: Face) -> None:
    answer = await post(face, event(data={"note": "x" * (256 * 1024)}))
    assert answer.status == 413
    assert "256 KiB" in answer.problem["detail"]


async def test_event_just_below_256_kib(face: Face) -> None:
    body = event(data={"note": ""})
    body["data"]["note"] = "x" * (256 * 1024 - len(msgspec.json.encode(body)))
    assert (await post(face, body)).status == 202


@pytest.fixture
async def brief(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Face]:
    """The face of a service that reads on for a moment only what it has refused, so that it ends soon."""
    monkeypatch.setitem(cast("dict[str, Any]", SERVER_OPTIONS), "lingering_time", 0.05)
    async with opened() as face:
        yield face


async def test_body_larger_than_2_mib(brief: Face) -> None:
    face, whole = brief, b"[" + b" " * (2 * 2**20) + b"]"
    headers = {"Authorization": f"Bearer {face.secret('till-2')}", "Content-Type": "application/json"}
    async with face.session.post(face.url + "/v1/events", data=io.BytesIO(whole), headers=headers) as response:
        assert response.status == 413


async def test_body_larger_than_2_mib_without_a_length(brief: Face) -> None:
    face = brief

    async def body() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 2**16

    headers = {"Authorization": f"Bearer {face.secret('till-2')}", "Content-Type": "application/json"}
    async with face.session.post(face.url + "/v1/events", data=body(), headers=headers) as response:
        assert response.status == 413


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/json; charset=utf-16",
        "nonsense",
    ],
)
async def test_other_content_types(face: Face, content_type: str) -> None:
    answer = await post(face, event(), headers={"Content-Type": content_type})
    assert answer.status == 415
    assert "application/json" in answer.headers["Accept"]


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
        ("application/json; charset=latin1", "application/json in latin1"),
    ],
)
async def test_a_wrong_content_type_is_named(face: Face, sent: str, named: str) -> None:
    """curl's `-d` says form data unless told otherwise, and who posts does not see it."""
    answer = await post(face, event(), headers={"Content-Type": sent})
    assert answer.problem["detail"].startswith(f"this came as {named};")


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON", "application/json; charset=UTF-8"])
async def test_json_content_types(face: Face, content_type: str) -> None:
    assert (await post(face, event(), headers={"Content-Type": content_type})).status == 202


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip"])
async def test_compressed_bodies_are_refused(face: Face, coding: str) -> None:
    answer = await post(face, event(), headers={"Content-Encoding": coding})
    assert answer.status == 415
    assert "compressed" in answer.problem["detail"]


# ---------------------------------------------------------------- arrays


async def test_array_whose_events_fare_alike(face: Face) -> None:
    answer = await post(face, [event("a"), event("b")])
    assert answer.status == 202
    assert answer.json["items"] == [
        {"index": 0, "status": 202, "event_id": "a", "duplicate": False, "problem": None},
        {"index": 1, "status": 202, "event_id": "b", "duplicate": False, "problem": None},
    ]
    again = await post(face, [event("a"), event("b")])
    assert (again.status, [each["duplicate"] for each in again.json["items"]]) == (200, [True, True])


async def test_array_whose_events_fare_differently(face: Face) -> None:
    await post(face, event("old"))
    bad = {**event("bad"), "order": {}}
    answer = await post(face, [event("new"), bad, event("old"), event("old", type="order.placed"), "text"])
    assert answer.status == 207
    items = answer.json["items"]
    assert [each["status"] for each in items] == [202, 422, 200, 409, 422]
    assert items[1]["problem"]["errors"][0]["field"] == "order.ref"
    assert items[1]["event_id"] is None
    assert [each.id for each in await face.store.events()] == ["old", "new"]


async def test_array_all_wrong(face: Face) -> None:
    answer = await post(face, [{}, {}])
    assert (answer.status, len(answer.json["items"])) == (422, 2)


async def test_events_in_an_array_keep_their_own_json(face: Face) -> None:
    await raw(face, ' [ {"id":"a","type":"order.ready", "order":{"ref":"B-1"},"x":1 } ] ')
    assert (await face.store.events())[0].raw == b'{"id":"a","type":"order.ready", "order":{"ref":"B-1"},"x":1 }'


async def test_event_in_an_array_counts_by_its_own_bytes(face: Face) -> None:
    large = event("large", data={"note": "x" * (256 * 1024)})
    answer = await post(face, [event("small"), large])
    assert [each["status"] for each in answer.json["items"]] == [202, 413]


@pytest.mark.parametrize("count", [0, 501])
async def test_array_of_too_few_or_many(face: Face, count: int) -> None:
    answer = await post(face, [event(str(n)) for n in range(count)])
    assert answer.status == 422
    assert "1 to 500" in answer.problem["detail"]


async def test_array_that_ends_too_soon_takes_nothing(face: Face) -> None:
    text = "[" + json.dumps(event("a")) + ", {"
    assert (await raw(face, text)).status == 400
    assert await face.store.events() == []


@pytest.mark.parametrize(
    ("seconds", "sizes"), [(0.0001, [25, 50, 50]), (0.005, [25, *[5] * 20])], ids=["PC", "old card"]
)
async def test_a_long_array_is_taken_in_pieces_that_let_others_in_between(
    face: Face, monkeypatch: pytest.MonkeyPatch, seconds: float, sizes: list[int]
) -> None:
    """The slower the box, the fewer at a time: a single event, and the counter's screen, wait for one of these turns or two."""
    door, taken = face.store.engine.door, list[int]()
    accept_many = door.accept_many

    async def slowly(posted: Sequence[Posted]) -> Sequence[Acceptance | OutboxError]:
        taken.append(len(posted))
        await face.store.clock.advance(seconds * len(posted))
        return await accept_many(posted)

    monkeypatch.setattr(door, "accept_many", slowly)
    answer = await post(face, [event(str(n), ref=f"B-{n}") for n in range(125)])
    assert answer.status == 202
    assert [item["event_id"] for item in answer.json["items"]] == [str(n) for n in range(125)]
    assert taken == sizes
