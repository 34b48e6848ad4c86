"""Who goes together: on a quick disk those who are here, on a slow one also those who are expected back."""

import threading

import pytest

from outbox.write_queue import LARGEST_GROUP, Inbox


class Job:
    def __init__(self, name: str, alone: bool = False) -> None:
        self.name = name
        self.alone = alone


def jobs(names: str) -> list[Job]:
    """A capital letter goes alone."""
    return [Job(name, name.isupper()) for name in names]


def names(taken: list[Job]) -> str:
    return "".join(job.name for job in taken)


class Watch:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_those_who_wait_go_together_and_those_who_go_alone_alone(watch: Watch) -> None:
    inbox: Inbox[Job] = Inbox(watch)
    for some in ("ab", "cDe", "F"):
        inbox.put(jobs(some))
    inbox.close()
    assert [names(inbox.take()) for _ in range(5)] == ["abc", "D", "e", "F", ""]


def test_a_group_has_a_limit(watch: Watch) -> None:
    inbox: Inbox[Job] = Inbox(watch)
    inbox.put(jobs("a" * (LARGEST_GROUP + 3)))
    assert len(inbox.take()) == LARGEST_GROUP
    assert len(inbox.take()) == 3


def test_take_waits_for_the_first(watch: Watch) -> None:
    inbox: Inbox[Job] = Inbox(watch)
    threading.Timer(0.02, inbox.put, [jobs("a")]).start()
    assert names(inbox.take()) == "a"


def test_on_a_quick_disk_nobody_is_waited_for(watch: Watch) -> None:
    inbox: Inbox[Job] = Inbox(watch)
    inbox.committed(64, 0.0001)
    assert inbox.more(1, until=9.0) == []
    inbox.put(jobs("bC"))
    assert names(inbox.more(1, until=9.0)) == "b"


def test_on_a_slow_disk_those_who_were_answered_are_expected_back(watch: Watch) -> None:
    inbox: Inbox[Job] = Inbox(watch)
    inbox.committed(3, 0.4)
    assert inbox.patience() == pytest.approx(0.05)
    inbox.put(jobs("a"))
    assert names(inbox.take()) == "a"
    threading.Timer(0.005, inbox.put, [jobs("bc")]).start()
    assert names(inbox.more(1, until=1.0)) == "bc"


def test_when_no_more_come_no_more_are_waited_for(watch: Watch) -> None:
    inbox: Inbox[Job] = Inbox(watch)
    inbox.committed(3, 0.1)
    assert inbox.more(1, until=1.0) == []
    inbox.committed(3, 100.0)
    watch.now = 2.0
    assert inbox.more(1, until=1.0) == []


def test_one_alone_expects_no_one(watch: Watch) -> None:
    inbox: Inbox[Job] = Inbox(watch)
    inbox.committed(1, 100.0)
    assert inbox.more(1, until=1000.0) == []
