"""Microsoft 365: a mail that went out although Graph said "throttled" does not go out twice."""

from urllib.parse import parse_qsl

import pytest

from outbox.outcome import Accepted, Deferred
from tests.support.at_vendor import bench
from tests.support.channel_case import Answer, says

SENT, SEND = r"GET .*/sentitems/", r"POST .*/sendMail"
THROTTLED = says({"error": {"code": "ApplicationThrottled", "message": "later"}}, 429)


async def test_a_later_try_looks_for_the_earlier_ones_first() -> None:
    async with bench("outlook", {SEND: THROTTLED}) as at:
        assert isinstance(await at.channel.send(at.out()), Deferred)
        asked = [line for line in at.lines() if "sentitems" in line]
        assert not asked, "there was none before"
        at.vendor.steps = {SENT: says({"value": [{"internetMessageId": "<a@contoso.example>"}]}), **at.vendor.steps}
        assert await at.channel.send(at.out(attempt=3)) == Accepted(
            "<a@contoso.example>", detail="an earlier try had arrived"
        )
        assert len([line for line in at.lines() if line.endswith("/sendMail")]) == 1
        wanted = dict(parse_qsl(at.last(SENT).query))["$filter"]
    assert all(f"'{at.out().message_id}.{n}'" in wanted for n in (1, 2))
    assert f"'{at.out().message_id}.3'" not in wanted


@pytest.mark.parametrize("code", ["ApplicationThrottled", "TooManyRequests"])
@pytest.mark.parametrize(
    ("headers", "saved", "after", "again"),
    [
        ({}, True, None, 120),
        ({"Retry_After": "10"}, True, 10, 120),
        ({"Retry_After": "300"}, True, 300, 120),
        ({"Retry_After": "10"}, False, 10, 0),
    ],
)
async def test_what_was_throttled_is_tried_again_once_sent_items_would_show_it(
    code: str, headers: dict[str, str], saved: bool, after: float | None, again: float
) -> None:
    """A second later it was not there yet, and went out a second time. The others wait as told: they did not go out."""
    throttled = says({"error": {"code": code, "message": "later"}}, 429, **headers)
    async with bench("outlook", {SEND: throttled}, save_to_sent_items=saved) as at:
        outcome = await at.channel.send(at.out())
    assert isinstance(outcome, Deferred)
    assert (outcome.throttled, outcome.after, outcome.again) == (True, after, again)


@pytest.mark.parametrize("answer", [says({"value": []}), Answer(403, b"{}")])
async def test_a_later_try_that_finds_none_or_may_not_look_sends(answer: Answer) -> None:
    async with bench("outlook", {SENT: answer}) as at:
        assert isinstance(await at.channel.send(at.out(attempt=2)), Accepted)
        assert at.lines()[-1].endswith("/sendMail")


async def test_a_later_try_that_can_not_look_waits() -> None:
    async with bench("outlook", {SENT: Answer(503, b"{}")}) as at:
        assert isinstance(await at.channel.send(at.out(attempt=2)), Deferred)
    for unread in (Answer(200, b'{"value": [{"intern'), says({})):
        async with bench("outlook", {SENT: unread}) as at:
            assert isinstance(await at.channel.send(at.out(attempt=2)), Deferred)
            assert not any(line.endswith("/sendMail") for line in at.lines())
    async with bench("outlook", {SENT: Answer(503, b"{}")}, save_to_sent_items=False) as at:
        assert isinstance(await at.channel.send(at.out(attempt=2)), Accepted)
