"""What the hook says to who builds a till: why nobody hears of an event, and how what is wrong would be right."""

import asyncio
import time
from typing import Any

import pytest

from daemon.api.handlers import events
from tests.http.test_hook import post
from tests.support.face import Face, event


async def test_a_type_that_no_route_names_is_warned_of_each_time_it_comes(face: Face) -> None:
    """A till that misspells a type must not hear "accepted" and nothing else."""
    warned = ["no route names 'stock.counted', so nobody hears of it"]
    first = await post(face, event(type="stock.counted"))
    assert (first.status, first.json["messages"], first.json["warnings"]) == (202, [], warned)
    again = await post(face, event(type="stock.counted"))
    assert (again.status, again.json["messages"], again.json["warnings"]) == (200, [], warned)
    batch = await post(face, [event("a", type="stock.counted"), event("b")])
    assert [each.get("warnings") for each in batch.json["items"]] == [warned, None]


async def test_all_that_is_wrong_is_named_at_once(face: Face) -> None:
    """Who builds a till had one field named, corrected it, and had the next one named."""
    items = [{"name": "Balloon"}, {"name": 12, "price": "4,50"}]
    wrong = event(type="Ready", order={"ref": "B-1", "total": 48.5, "currency": "GPB", "items": items})
    del wrong["id"]
    answer = await post(face, wrong)
    assert answer.fields == [
        "id",
        "type",
        "order.total",
        "order.items[1].name",
        "order.items[1].price",
        "order.currency",
    ]
    told = answer.problem["detail"]
    assert told.startswith("id: is required; type: must be lower-case words joined by dots")
    assert 'order.total: expected str | null, got float: write it as text, in quotes, like "48.50"; ' in told


async def test_no_more_than_eight_are_named(face: Face) -> None:
    answer = await post(face, event(order={"ref": "B-1", "items": [{}] * 9}))
    assert answer.fields == [f"order.items[{index}].name" for index in range(8)]
    assert answer.problem["detail"].endswith("order.items[7].name: is required; and more")
    long = await post(face, event(order={"ref": "B-1", "items": [{}] * 501}))
    assert long.fields == ["order.items[0].name"], "what is wrong in it is not to keep the service busy"
    exactly = await post(face, event(order={"ref": "B-1", "items": [{}] * 8}))
    assert exactly.problem["detail"].endswith("order.items[7].name: is required")


async def test_money_as_a_number_is_answered_with_the_text_to_write(face: Face) -> None:
    answer = await post(face, event(order={"ref": "B-1", "total": 48.5}))
    assert (answer.status, answer.fields) == (422, ["order.total"])
    assert 'write it as text, in quotes, like "48.50"' in answer.problem["detail"]


@pytest.mark.parametrize(
    ("part", "field", "words"),
    [
        ({"order": {"ref": "B-1", "currency": "GPB"}}, "order.currency", 'did you mean "GBP"?'),
        ({"order": {"ref": "B-1", "currency": "QQQ"}}, "order.currency", "ISO 4217"),
        ({"customer": {"phone": "07700 900123", "country": "UK"}}, "customer.country", 'the United Kingdom is "GB"'),
        ({"customer": {"phone": "07700 900123", "country": "ZZ"}}, "customer.country", "ISO 3166"),
    ],
)
async def test_codes_of_currencies_and_countries_are_checked(
    face: Face, part: dict[str, Any], field: str, words: str
) -> None:
    answer = await post(face, event(**part))
    assert (answer.status, answer.fields) == (422, [field])
    assert words in answer.problem["detail"]
    assert (await post(face, event(order={"ref": "B-1", "currency": "gbp"}))).status == 202


CE = {
    "ce-specversion": "1.0",
    "ce-id": "evt-9",
    "ce-source": "erp%20leeds",
    "ce-type": "com.example.order.ready",
    "ce-time": "2026-11-24T10:15:00Z",
}
DATA = {"order": {"ref": "B-9"}, "customer": {"phone": "07700 900123"}}


async def test_a_cloud_event_in_binary_mode_is_taken(face: Face) -> None:
    answer = await post(face, DATA, headers=CE)
    assert (answer.status, answer.json["event_id"]) == (202, "evt-9")
    [stored] = await face.store.events()
    assert (stored.source, stored.type, stored.order_ref) == ("till-2/erp leeds", "order.ready", "B-9")
    assert (await post(face, DATA, headers=CE)).status == 200


@pytest.mark.parametrize(
    ("occurred_at", "is_too_old"), [("2026-11-22T10:15:00Z", True), ("2026-11-24T09:15:00Z", False)]
)
async def test_what_happened_too_long_ago_is_told_to_who_posts_it(
    face: Face, occurred_at: str, is_too_old: bool
) -> None:
    """The first event of a till that is being set up is often one of some days ago: it was "queued", and nobody heard."""
    answer = (await post(face, event(occurred_at=occurred_at))).json
    assert [each["state"] for each in answer["messages"]] == ["queued"]
    assert ["happened too long ago" in each for each in answer["warnings"]] == [True] * is_too_old


async def test_a_number_that_no_text_goes_to_is_told_to_who_posts_it(face: Face) -> None:
    """It was "queued", and the message failed a moment later."""
    answer = (await post(face, event(customer={"phone": "+33 6 12 34 56 78"}))).json
    [told] = answer["messages"]
    assert (told["state"], told["reason"][:56]) == (
        "failed",
        "the number is one of FR, and texts go to GB only ([sms] ",
    )
    [kept] = (await face.get("/v1/messages", query={"order": "B-1042"})).json["items"]
    assert (kept["state"], kept["reason_code"], kept["attempt_count"]) == ("failed", "sms_country", 0)


async def test_what_a_binary_cloud_event_lacks_is_named(face: Face) -> None:
    answer = await post(face, DATA, headers={name: value for name, value in CE.items() if name != "ce-specversion"})
    assert (answer.status, answer.fields) == (422, ["specversion"])
    avro = await post(face, DATA, headers={**CE, "Content-Type": "application/avro"})
    assert avro.status == 415
    assert "binary mode" in avro.problem["detail"]


async def test_a_structured_cloud_event_under_the_wrong_media_type_is_told_the_right_one(face: Face) -> None:
    cloud = {"specversion": "1.0", "id": "e", "source": "erp", "type": "order.ready", "data": DATA}
    answer = await post(face, cloud)
    assert (answer.status, answer.fields) == (422, ["specversion"])
    assert "application/cloudevents+json" in answer.problem["detail"]


async def test_an_array_in_which_all_is_wrong_lets_others_in_between(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stolen token posts such arrays without end: to name all that is wrong in 450 events took 0.2 s, and every till stood still so long."""
    turns, seen = 0, list[int]()

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    def refused(index: int, problem: Any) -> Any:
        seen.append(turns)
        return events_refused(index, problem)

    events_refused = events._refused
    monkeypatch.setattr(events, "_refused", refused)
    monkeypatch.setattr(events, "_next_size", lambda size, took: 1)
    meanwhile = asyncio.create_task(others())
    answer = await face.post("/v1/events", [{"id": number} for number in range(60)])
    meanwhile.cancel()
    assert answer.status == 422
    assert len(seen) == 60
    pieces = seen[events.SLICE // 2 :]
    assert sorted(set(pieces)) == pieces, "each of a piece of its own has a turn of the loop between"


@pytest.mark.parametrize("form", ["application/json", "application/cloudevents-batch+json"])
async def test_each_of_a_few_wrong_events_is_told_all_and_each_of_many_its_first(face: Face, form: str) -> None:
    """A stolen token posts arrays in which all is wrong, in the form that takes longest: 500 CloudEvents took 25 times as long as 500 events."""
    data = {"order": {"ref": 3, "total": 4, "note": 5}}
    wrong = {"specversion": "1.0", "source": "erp", "id": "a", "type": "order.ready", "data": data, **data}
    for count, named in ((events.SLICE, 3), (events.SLICE + 1, 1)):
        answer = await face.post("/v1/events", [wrong] * count, headers={"Content-Type": form})
        assert {len(item["problem"]["errors"]) for item in answer.json["items"]} == {named}


@pytest.mark.parametrize("country", [" - at `$" * 12_000, "- at `$.order` - at `$.id`"])
async def test_what_reads_like_a_place_in_the_body_is_the_senders_own_words(face: Face, country: str) -> None:
    """A stolen token posts such words to keep every till waiting: 240 KB of them took a minute of the processor. And the field that they name
    is none that is wrong."""
    began = time.process_time()
    answer = await post(face, event(customer={"country": country}))
    assert time.process_time() - began < 2
    assert (answer.status, answer.fields) == (422, ["customer.country"])
    assert answer.problem["detail"].startswith(f"customer.country: {country!r} is no country's code")
