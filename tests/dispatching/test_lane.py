"""A channel's room: whatever bounds it, the lane says when it may go on, and never "only when woken" without a reason."""

import copy
import itertools
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from daemon.dispatch.lane import AHEAD, Lane, Trouble
from outbox.outcome import Rejected, Scope

NOON = 1_795_521_600_000


def lane(*, rate: float | None = None, concurrency: int = 4, daily_limit: int | None = None) -> Lane:
    return Lane(
        "twilio",
        "sms",
        None,
        problem="",
        rate=rate,
        concurrency=concurrency,
        daily_limit=daily_limit,
        zone=ZoneInfo("Europe/London"),
        now=0.0,
    )


@given(
    rate=st.none() | st.floats(0.1, 100),
    concurrency=st.integers(1, 8),
    daily_limit=st.none() | st.integers(1, 20),
    steps=st.lists(st.tuples(st.sampled_from(["start", "end", "fail", "hold"]), st.floats(0, 2)), max_size=60),
)
def test_a_lane_without_room_says_when_or_waits_for_an_attempt_to_end(
    rate: float | None, concurrency: int, daily_limit: int | None, steps: list[tuple[str, float]]
) -> None:
    it, monotonic = lane(rate=rate, concurrency=concurrency, daily_limit=daily_limit), 0.0
    for step, gap in steps:
        monotonic += gap
        now = NOON + round(monotonic * 1000)
        match step:
            case "start" if it.room(monotonic, now):
                it.starts(monotonic, now)
            case "end" if it.sending:
                it.breaker.succeed()
                it.ends()
            case "fail" if it.sending:
                it.breaker.fail(monotonic)
                it.ends()
            case "hold":
                it.hold_until = monotonic + 1
            case _:
                pass
        assert gets_room(it, monotonic), "nothing would ever wake it"


def gets_room(it: Lane, monotonic: float) -> bool:
    """Whether following what the lane says leads to room, or to the end of an attempt that is under way. Looking ahead changes nothing."""
    present = it.bucket, it.day
    it.bucket, it.day = copy.copy(it.bucket), copy.copy(it.day)
    try:
        return _gets_room(it, monotonic)
    finally:
        it.bucket, it.day = present


def _gets_room(it: Lane, monotonic: float) -> bool:
    for _ in range(6):
        now = NOON + round(monotonic * 1000)
        if it.room(monotonic, now):
            return True
        wait = it.seconds_until_room(monotonic, now)
        if wait is None:
            return it.sending > 0
        monotonic += wait + 1e-3
    return False


def test_a_pause_ends_by_itself_only_where_the_provider_said_so() -> None:
    it = lane()
    it.pause(Rejected(Scope.CHANNEL, "401", "wrong token", "mend it"), 0.0)
    assert it.paused_by == "wrong token. mend it"
    it.pause(Rejected(Scope.CHANNEL, "quota", "used up", after=3600.0), 0.0)
    it.resume_if_due(1e9)
    assert it.paused_by == "wrong token. mend it"
    it.resume()
    it.pause(Rejected(Scope.CHANNEL, "quota", "used up", after=3600.0), 0.0)
    it.resume_if_due(3599.0)
    assert it.paused_by is not None
    it.resume_if_due(3600.0)
    assert it.paused_by is None


def test_an_endless_too_many_requests_gets_longer_rests_and_one_probe_each() -> None:
    """A provider that says 429 and not for how long was asked ten times a second for as long as it lasted."""
    it, monotonic, asked = lane(), 0.0, []
    while monotonic < 3600:
        assert it.room(monotonic, NOON) == (4 * AHEAD if not asked else 1)
        it.starts(monotonic, NOON)
        asked.append(monotonic)
        if len(asked) > 1:
            assert it.room(monotonic, NOON) == 0, "one at a time"
            assert it.seconds_until_room(monotonic, NOON) is None
        it.throttle(monotonic, None)
        it.ends()
        assert it.room(monotonic, NOON) == 0
        monotonic += it.seconds_until_room(monotonic, NOON) or 0.0
    rests = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert rests[:9] == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert set(rests[9:]) == {300.0}


def test_throttling_shows_when_it_lasts_and_ends_with_the_first_that_is_taken() -> None:
    it = lane()
    it.channel = cast("Any", SimpleNamespace(obstacle=lambda: None, is_cloud=True))
    it.last_failure = Trouble(NOON, "too many requests")
    told = []
    for monotonic in (0.0, 2.0, 5.0):
        told.append(it.throttle(monotonic, None))
        it.throttle(monotonic, None)
    assert told == [False, False, True], "what was under way at the time says nothing more"
    assert (it.state, it.reason) == (
        "open",
        "throttled: it wants fewer requests, and is tried with one at a time (too many requests)",
    )
    assert it.relent(60.0)
    assert (it.state, it.reason, it.room(60.0, NOON)) == ("ready", "", 4 * AHEAD)


def test_a_long_rest_shows_at_once_and_ends_with_the_first_that_is_taken() -> None:
    it = lane()
    it.channel = cast("Any", SimpleNamespace(obstacle=lambda: None, is_cloud=True))
    it.last_failure = Trouble(NOON, "too many requests")
    assert not it.throttle(0.0, 300.0), "no longer than ours"
    assert it.throttle(1.0, 7200.0), "of two that were under way the second says for how long"
    assert not it.throttle(2.0, 7200.0)
    assert it.reason == "throttled: it asked for 2 h of rest, and is then tried with one at a time (too many requests)"
    assert it.rests_long(1.0)
    assert not it.rests_long(3700.0)
    assert it.state == "open"
    assert not it.relent(3.0), "it was under way when the rest was asked for"
    assert it.state == "open"
    assert it.relent(7300.0)
    assert (it.state, it.reason) == ("ready", "")


def test_what_the_provider_says_of_its_rest_is_heeded() -> None:
    it = lane()
    it.throttle(0.0, 7.0)
    assert it.seconds_until_room(0.0, NOON) == 7.0
    it.throttle(1.0, 30.0)
    assert it.seconds_until_room(1.0, NOON) == 30.0
