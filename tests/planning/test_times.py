"""When a message is due, and until when it is of use: from the event, from what happened, from the promised time."""

from datetime import UTC, datetime

from outbox.model import State
from tests.support.planning import DAY, HOUR, MINUTE, NOW, only, order, plan, posted, route, store

PROMISED = NOW + 6 * HOUR


def test_a_delay_counts_from_the_event_and_the_expiry_from_then() -> None:
    message = only(store("twilio", route=[route(delay="10m", expires="1h")]), posted())
    assert (message.due_at, message.expires_at) == (NOW + 10 * MINUTE, NOW + 70 * MINUTE)


def test_the_expiry_counts_from_when_it_happened_not_from_when_it_came() -> None:
    """A till that was cut off for three days tells of an order on its way then: nobody is to hear of that now."""
    days_ago = posted("order.out_for_delivery", occurred_at=datetime.fromtimestamp((NOW - 3 * DAY) / 1000, UTC))
    message = only(store("twilio", route=[route("order.*", expires="12h")]), days_ago)
    assert (message.due_at, message.expires_at) == (NOW, NOW - 3 * DAY + 12 * HOUR)
    delayed = only(store("twilio", route=[route("order.*", expires="12h", delay="10m")]), days_ago)
    assert delayed.expires_at == NOW - 3 * DAY + 12 * HOUR + 10 * MINUTE


def test_an_expiry_of_a_moment_counts_from_that_moment() -> None:
    settings = store("twilio", route=[route(at="-2h", expires="1h")])
    message = only(settings, posted(), order(promised_at=PROMISED))
    assert (message.due_at, message.expires_at) == (PROMISED - 2 * HOUR, PROMISED - HOUR)


def test_before_the_promised_time() -> None:
    message = only(store("twilio", route=[route(at="-2h")]), posted(), order(promised_at=PROMISED))
    assert message.due_at == PROMISED - 2 * HOUR


def test_a_time_of_a_later_day_on_the_stores_clock() -> None:
    settings = store("twilio", store={"timezone": "America/New_York"}, route=[route(at="+1d 10:00")])
    late = round(datetime(2026, 11, 25, 1, 0, tzinfo=UTC).timestamp() * 1000)  # 20:00 on the 24th there
    message = only(settings, posted(), order(promised_at=late))
    assert message.due_at == round(datetime(2026, 11, 25, 15, 0, tzinfo=UTC).timestamp() * 1000)


def test_a_moment_that_is_over_is_now() -> None:
    message = only(store("twilio", route=[route(at="-2h")]), posted(), order(promised_at=NOW + HOUR))
    assert message.due_at == NOW


def test_moments_go_with_the_promised_time() -> None:
    settings = store("twilio", route=[route(at="-2h"), route("order.placed", at="+1d 10:00")])
    before, after = order(promised_at=PROMISED), order(promised_at=PROMISED + 30 * HOUR)
    moved = plan(settings, posted("order.changed"), after, before=before).moved
    assert moved[PROMISED - 2 * HOUR] == PROMISED + 28 * HOUR
    assert [new - old for old, new in moved.items()].count(DAY) == 1, "by days on the store's clock"
    for known in (None, order(), after):
        assert plan(settings, posted("order.changed"), after, before=known).moved == {}


def test_no_promised_time_fails_visibly_and_says_how_to_guard() -> None:
    message = only(store("twilio", route=[route(at="-2h")]), posted())
    assert message.state is State.FAILED
    assert "no promised time" in message.reason
    assert "when = 'order.promised'" in message.reason


def test_the_guard_works() -> None:
    settings = store("twilio", route=[route(at="-2h", when="order.promised")])
    assert plan(settings, posted()).messages == []
    assert only(settings, posted(), order(promised_at=PROMISED)).state is State.QUEUED


def test_the_end_of_the_calendar_fails_visibly() -> None:
    settings = store("twilio", route=[route(at="+1d 10:00")])
    message = only(settings, posted(), order(promised_at=253_402_300_799_000))
    assert (message.state, message.due_at) == (State.FAILED, NOW)
