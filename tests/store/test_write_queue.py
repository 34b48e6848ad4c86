"""Who goes together: on a quick disk those who are here, on a slow one also those who are expected back."""

import threading

import pytest

from outbox import write_queue
from outbox.write_queue import COMPANY, LARGEST_GROUP, LATELY, WriteQueue


class Job:
    def __init__(self, name: str, alone: bool = False, goes_first: bool = False, follows: int = 0) -> None:
        self.name = name
        self.alone = alone
        self.goes_first = goes_first
        self.follows = follows


def jobs(names: str) -> list[Job]:
    """A capital letter goes alone, a digit goes first."""
    return [Job(name, name.isupper(), name.isdigit()) for name in names]


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
    queue: WriteQueue[Job] = WriteQueue(watch)
    for some in ("ab", "cDe", "F"):
        queue.put(jobs(some))
    queue.close()
    assert [names(queue.take()) for _ in range(5)] == ["abc", "D", "e", "F", ""]


def test_a_group_has_a_limit(watch: Watch) -> None:
    queue: WriteQueue[Job] = WriteQueue(watch)
    queue.put(jobs("a" * (LARGEST_GROUP + 3)))
    assert len(queue.take()) == LARGEST_GROUP
    assert len(queue.take()) == 3


def test_take_waits_for_the_first(watch: Watch) -> None:
    queue: WriteQueue[Job] = WriteQueue(watch)
    threading.Timer(0.02, queue.put, [jobs("a")]).start()
    assert names(queue.take()) == "a"


def test_on_a_quick_disk_nobody_is_waited_for(watch: Watch) -> None:
    queue: WriteQueue[Job] = WriteQueue(watch)
    queue.committed(64, 0.0001)
    assert queue.more(1, until=9.0) == []
    queue.put(jobs("bC"))
    assert names(queue.more(1, until=9.0)) == "b"


def test_on_a_slow_disk_those_who_were_answered_are_expected_back(watch: Watch) -> None:
    queue: WriteQueue[Job] = WriteQueue(watch)
    queue.committed(3, 400.0)
    assert queue.patience() == pytest.approx(50.0)
    queue.put(jobs("a"))
    assert names(queue.take()) == "a"
    threading.Timer(0.005, queue.put, [jobs("bc")]).start()
    assert names(queue.more(1, until=1.0)) == "bc"


def test_when_no_more_come_no_more_are_waited_for(watch: Watch) -> None:
    queue: WriteQueue[Job] = WriteQueue(watch)
    queue.committed(3, 0.1)
    assert queue.more(1, until=1.0) == []
    queue.committed(3, 100.0)
    watch.now = 2.0
    assert queue.more(1, until=1.0) == []


def test_one_alone_expects_no_one(watch: Watch) -> None:
    queue: WriteQueue[Job] = WriteQueue(watch)
    queue.committed(1, 100.0)
    assert queue.more(1, until=1000.0) == []


def test_an_event_goes_before_what_nobody_waits_for(watch: Watch) -> None:
    queue: WriteQueue[Job] = WriteQueue(watch)
    queue.put(jobs("a" * 40 + "1"))
    assert names(queue.take()) == "1" + "a" * COMPANY
    assert names(queue.take()) == "a" * (40 - COMPANY), "and then nobody is kept back"


def test_what_nobody_waits_for_rides_with_a_tills_next_event(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_queue, "RIDE", 30.0)
    queue: WriteQueue[Job] = WriteQueue(watch)
    queue.put(jobs("1"))
    assert names(queue.take()) == "1"
    queue.put(jobs("a"))
    assert names(queue.take()) == "a", "done but for its commit when the next one comes"
    threading.Timer(0.01, lambda: (queue.put(jobs("b")), queue.put(jobs("2")))).start()
    assert names(queue.more(1, until=0.0)) == "2b"
    assert queue.more(3, until=0.0) == []


def test_a_till_that_posts_no_more_is_waited_for_once(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    queue: WriteQueue[Job] = WriteQueue(watch)
    queue.put(jobs("1a"))
    assert names(queue.take()) == "1a"
    queue.put(jobs("b"))
    assert names(queue.take()) == "b"
    assert queue.more(1, until=0.0) == []
    monkeypatch.setattr(write_queue, "RIDE", 1e6)
    queue.put(jobs("c"))
    assert names(queue.take()) == "c"
    assert queue.more(1, until=0.0) == []


@pytest.mark.parametrize("next", ["D", ""])
def test_one_that_goes_alone_and_the_end_wait_for_no_till(
    next: str, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_queue, "RIDE", 1e6)
    queue: WriteQueue[Job] = WriteQueue(watch)
    queue.put(jobs("1"))
    assert names(queue.take()) == "1"
    queue.put(jobs("a"))
    assert names(queue.take()) == "a"
    queue.put(jobs(next))
    queue.close()
    assert queue.more(1, until=0.0) == []
    assert names(queue.take()) == next


def test_many_events_take_as_many_others_along(watch: Watch) -> None:
    """So that a flood of events starves no outcome."""
    queue: WriteQueue[Job] = WriteQueue(watch)
    queue.put(jobs("b" * 100 + "2" * 50))
    assert names(queue.take()) == "2" * 50 + "b" * 50


def test_nobody_overtakes_one_that_goes_alone(watch: Watch) -> None:
    queue: WriteQueue[Job] = WriteQueue(watch)
    queue.put(jobs("aB1"))
    assert [names(queue.take()) for _ in range(3)] == ["a", "B", "1"]


def follower(name: str, follows: int) -> Job:
    return Job(name, follows=follows)


def test_the_first_tries_of_what_is_being_taken_in_are_waited_for(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_queue, "FOLLOW", 60.0)
    queue: WriteQueue[Job] = WriteQueue(watch)
    queue.put(jobs("1"))
    assert names(queue.take()) == "1"
    queue.put([*jobs("a"), follower("b", 7)])
    threading.Timer(0.005, queue.put, [[follower("c", 9), follower("d", 8)]]).start()
    assert names(queue.followers({7, 8}, lambda: 2)) == "bd"
    assert names(queue.more(1, until=9.0)) == "ac", "others have their turn after it"


def test_fewer_tries_than_were_expected_are_waited_for_no_longer(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_queue, "FOLLOW", 60.0)
    queue: WriteQueue[Job] = WriteQueue(watch)
    queue.put(jobs("1"))
    assert names(queue.take()) == "1"
    expected = [2]
    threading.Timer(0.005, lambda: (expected.__setitem__(0, 1), queue.look())).start()
    queue.put([follower("a", 7)])
    assert names(queue.followers({7, 8}, lambda: expected[0])) == "a"


def test_no_try_overtakes_what_goes_alone(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_queue, "FOLLOW", 60.0)
    queue: WriteQueue[Job] = WriteQueue(watch)
    queue.put(jobs("1"))
    assert names(queue.take()) == "1"
    queue.put([*jobs("B"), follower("a", 7)])
    assert queue.followers({7}, lambda: 1) == []
    assert names(queue.take()) == "B"
    assert names(queue.take()) == "a"


def test_a_transaction_is_closed_without_a_try_that_does_not_come(watch: Watch) -> None:
    queue: WriteQueue[Job] = WriteQueue(watch)
    assert queue.followers({7}, lambda: 1) == []


def test_who_comes_alone_is_told_from_who_posts_one_after_the_other(watch: Watch) -> None:
    queue: WriteQueue[Job] = WriteQueue(watch)
    calm = []
    for after in (0.0, LATELY / 2, LATELY * 2):
        watch.now += after
        queue.put(jobs("1"))
        queue.take()
        calm.append(queue.is_calm)
        watch.now += LATELY
        queue.committed(1, 0.0)
    assert calm == [True, False, True]
