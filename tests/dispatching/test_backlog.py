"""What a pump knows of what is due: it is handed a message only while it knows all of it."""

from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

from daemon.dispatch.backlog import Backlog
from daemon.dispatch.lane import Lane

NOON = 1_795_521_600_000
DUE = cast(Any, SimpleNamespace(message=SimpleNamespace(seq=1)))


def lane() -> Lane:
    zone = ZoneInfo("Europe/London")
    return Lane("twilio", "sms", None, problem="", rate=1.0, concurrency=1, daily_limit=None, zone=zone, now=0.0)


def caught_up(it: Lane) -> Backlog:
    backlog = Backlog(it)
    backlog.reading()
    backlog.read(is_all=True)
    return backlog


def test_a_message_is_handed_only_to_a_lane_that_knows_all_that_is_due_and_has_room() -> None:
    """Whatever else waits may be more urgent; and what has no room is read again, by urgency, when there is some."""
    it = lane()
    unread = Backlog(it)
    unread.hand(DUE, 0.0, NOON)
    assert (len(unread.take_handed()), it.wake.is_set()) == (0, True), "it has not looked yet"
    it.wake.clear()
    backlog = caught_up(it)
    backlog.hand(DUE, 0.0, NOON)
    assert it.wake.is_set()
    assert backlog.is_caught_up
    backlog.hand(DUE, 0.0, NOON)
    assert not backlog.is_caught_up, "there was room for one"
    assert list(backlog.take_handed()) == [DUE]
    assert list(backlog.take_handed()) == []


def test_what_changes_while_it_reads_is_not_in_what_it_read() -> None:
    it = lane()
    backlog = Backlog(it)
    backlog.reading()
    it.look_again()
    backlog.read(is_all=True)
    assert not backlog.is_caught_up
    backlog.reading()
    backlog.forget()
    backlog.read(is_all=True)
    assert not backlog.is_caught_up
    assert caught_up(it).is_caught_up


def test_what_was_handed_is_forgotten_when_its_try_ends_and_when_the_lane_can_not_send() -> None:
    backlog = caught_up(lane())
    assert backlog.takes_up(DUE, 0.0, NOON)
    backlog.forget_handed(2)
    backlog.forget_handed(1)
    assert list(backlog.take_handed()) == []
    assert backlog.takes_up(DUE, 0.0, NOON)
    backlog.drop()
    assert not backlog.is_caught_up
    assert list(backlog.take_handed()) == []
