"""Klaviyo: one event is one event, and a check that says whether anything hangs on it."""

import json

import msgspec
import pytest

from outbox.outcome import Accepted, Deferred
from tests.support.at_vendor import bench
from tests.support.channel_case import Answer, says

EVENTS, METRICS, FLOWS = r"POST .*/api/events", r"GET .*/api/metrics$", r"GET .*/flow-triggers"


async def test_a_repeat_carries_the_same_id() -> None:
    async with bench("klaviyo") as at:
        for attempt in (1, 2):
            assert isinstance(await at.channel.send(at.out(attempt=attempt)), Accepted)
        ids = {json.loads(seen.body)["data"]["attributes"]["unique_id"] for seen in at.vendor.seen}
    assert ids == {at.out().message_id}


async def test_the_event_carries_the_order() -> None:
    async with bench("klaviyo", metrics={"order.ready": "Order ready"}) as at:
        await at.channel.send(at.out())
        attributes = at.body(EVENTS)["data"]["attributes"]
        headers = at.last(EVENTS).headers
    assert attributes["metric"]["data"]["attributes"]["name"] == "Order ready"
    assert (attributes["value"], attributes["value_currency"]) == (48.5, "GBP")
    assert attributes["profile"]["data"]["attributes"] == {"email": "ada@example.com"}
    assert attributes["properties"]["order_ref"] == "B-1042"
    assert attributes["properties"]["status"] == "order.ready"
    assert headers["authorization"].startswith("Klaviyo-API-Key pk_")
    assert headers["revision"] == "2026-07-15"


@pytest.mark.parametrize(
    ("status", "headers", "after"),
    [
        (503, {"RateLimit-Reset": "0"}, None),
        (503, {"RateLimit-Reset": "0", "Retry-After": "9"}, 9.0),
        (429, {"RateLimit-Reset": "41"}, 41.0),
    ],
)
async def test_the_window_that_stands_on_every_answer_is_a_wait_for_throttles_only(
    status: int, headers: dict[str, str], after: float | None
) -> None:
    async with bench("klaviyo", {EVENTS: Answer(status, b"{}", headers)}) as at:
        outcome = await at.channel.send(at.out())
    assert isinstance(outcome, Deferred)
    assert outcome.after == after


async def test_by_phone_there_is_one_identifier_too() -> None:
    async with bench("klaviyo") as at:
        await at.channel.send(at.out(to="+447700900123", addresses={"phone": "+447700900123"}))
        profile = at.body(EVENTS)["data"]["attributes"]["profile"]["data"]["attributes"]
    assert profile == {"phone_number": "+447700900123"}


async def test_a_total_that_is_no_number_is_left_out() -> None:
    async with bench("klaviyo") as at:
        assert isinstance(await at.channel.send(at.out(order={"total": None})), Accepted)
        assert "value" not in at.body(EVENTS)["data"]["attributes"]


async def test_a_check_tells_whether_a_flow_waits() -> None:
    async with bench("klaviyo") as at:
        assert (await at.channel.check()).ok
    draft = says({"data": [{"attributes": {"status": "draft"}}]})
    async with bench("klaviyo", {FLOWS: draft}) as at:
        health = await at.channel.check()
    assert not health.ok
    assert "flow" in health.remedy
    async with bench("klaviyo", {METRICS: says({"data": []})}) as at:
        health = await at.channel.check()
    assert health.ok
    assert "test message" in health.remedy
    async with bench("klaviyo", {FLOWS: Answer(403, b"{}")}) as at:
        assert not (await at.channel.check()).ok


async def test_what_waited_for_a_day_is_filed_under_the_time_it_happened_at_every_try() -> None:
    """Without a time it would arrive as now, and flows that wait "an hour after" would start a day late."""
    async with bench("klaviyo") as at:
        out = at.out()
        await at.channel.send(out)
        await at.clock.advance(86_400)
        await at.channel.send(msgspec.structs.replace(out, attempt=2, now=at.clock.now()))
        times = {json.loads(seen.body)["data"]["attributes"]["time"] for seen in at.vendor.seen}
        assert times == {"2026-11-24T08:45:00+00:00"}
