"""A channel's room: whatever bounds it, the lane says when it may go on, and never "only when woken" without a reason."""

import copy
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from daemon.dispatch.lane import Lane
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
    it.resume_if_due(1e9)
    assert it.paused_by is not None
    it.pause(Rejected(Scope.CHANNEL, "quota", "used up", after=3600.0), 0.0)
    it.resume_if_due(3599.0)
    assert it.paused_by is not None
    it.resume_if_due(3600.0)
    assert it.paused_by is None
