"""Rates, days and breakers: what a channel may do, and when."""

from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from daemon.dispatch.breaker import FIRST_WAIT, LONGEST_WAIT, THRESHOLD, Breaker
from daemon.dispatch.limits import Day, midnight_after, midnight_before
from daemon.token_bucket import TokenBucket

LONDON = ZoneInfo("Europe/London")
NOON = 1_795_521_600_000  # 2026-11-24T12:00:00Z


@given(
    rate=st.floats(0.02, 200),
    gaps=st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
def test_a_bucket_never_gives_more_than_its_rate_and_one_burst(rate: float, gaps: list[float]) -> None:
    bucket, now, taken = TokenBucket(rate, 0.0), 0.0, 0
    for gap in gaps:
        now += gap
        while bucket.available(now):
            bucket.take(now)
            taken += 1
        assert taken <= now * rate + max(1.0, rate) + 1e-6


@given(rate=st.floats(0.02, 200))
def test_a_bucket_says_when_the_next_may_start(rate: float) -> None:
    bucket = TokenBucket(rate, 0.0)
    while bucket.available(0.0):
        bucket.take(0.0)
    wait = bucket.seconds_until_one(0.0)
    assert wait > 0
    assert not bucket.available(wait * 0.99)
    assert bucket.available(wait + 1e-6) == 1


def test_no_rate_is_no_limit() -> None:
    bucket = TokenBucket(None, 0.0)
    bucket.take(0.0)
    assert bucket.available(0.0) is None
    assert bucket.seconds_until_one(0.0) == 0.0


def test_what_is_given_back_may_be_used_again() -> None:
    bucket = TokenBucket(1.0, 0.0)
    bucket.take(0.0)
    assert bucket.available(0.0) == 0
    bucket.give_back()
    assert bucket.available(0.0) == 1


def test_a_day_begins_anew_at_the_stores_midnight() -> None:
    day = Day(2, LONDON)
    day.add(NOON)
    day.add(NOON)
    assert day.left(NOON) == 0
    midnight = midnight_after(NOON, LONDON)
    assert day.left(midnight - 1) == 0
    assert day.left(midnight) == 2


def test_the_day_of_a_clock_change_has_its_own_length() -> None:
    before = 1_774_742_400_000  # 2026-03-29T00:00:00Z: clocks go forward in London at 01:00
    assert midnight_after(before, LONDON) - midnight_before(before, LONDON) == 23 * 3_600_000


def test_a_breaker_opens_after_failures_in_a_row_and_lets_one_probe_through() -> None:
    breaker = Breaker()
    assert [breaker.fail(0.0) for _ in range(THRESHOLD)] == [False] * (THRESHOLD - 1) + [True]
    assert breaker.room(FIRST_WAIT - 0.1) == 0
    assert breaker.room(FIRST_WAIT) == 1
    breaker.start()
    assert breaker.room(FIRST_WAIT) == 0, "one probe at a time"
    assert breaker.succeed()
    assert breaker.room(FIRST_WAIT) is None


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = Breaker()
    for _ in range(20):
        assert not breaker.fail(0.0)
        assert not breaker.succeed()


def test_failed_probes_double_the_wait_up_to_five_minutes() -> None:
    breaker, now = Breaker(), 0.0
    for _ in range(THRESHOLD):
        breaker.fail(now)
    waits = []
    for _ in range(6):
        waits.append(breaker.seconds_until_probe(now))
        now += waits[-1]
        breaker.start()
        assert breaker.fail(now)
    assert waits == [30, 60, 120, 240, 300, LONGEST_WAIT]


def test_late_failures_of_attempts_begun_before_it_opened_do_not_lengthen_the_wait() -> None:
    breaker = Breaker()
    for _ in range(THRESHOLD):
        breaker.fail(0.0)
    assert not breaker.fail(1.0)
    assert breaker.seconds_until_probe(1.0) == FIRST_WAIT - 1
