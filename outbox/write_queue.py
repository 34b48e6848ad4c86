"""What waits for the writer, and who goes together: the groups of group commit.

On a disk that syncs slowly, those who were answered by one commit come back a moment later, just too late for the next: half of them
would always wait for the other half. So the present transaction stays open a little while its company is still on its way.

Events go first: a till waits for its answer, while nobody waits for an attempt or its outcome to be on record. So while a till posts one
event after the other, these ride with its next one: it finds no transaction of theirs under way, and one sync is enough for all.
"""

import queue
from collections import deque
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Generic, Protocol, TypeVar

LARGEST_GROUP = 512
"""Operations in one transaction at most: what a reader and a checkpoint can follow."""

COMPANY = 16
"""Others that a transaction takes along with few who go first: more would make those wait for work that is not theirs."""

RIDE = 0.004
"""Seconds that those who do not go first wait for one who does, after one came: about a till's next request."""

SLOW_SYNC = 0.002
"""Seconds: below it, waiting for company costs more than it brings."""
PATIENCE = 0.25
"""The share of a sync that a transaction may stay open for those who are expected."""
LULL = 0.1
"""The share of a sync without anybody new after which no more are expected."""


class Job(Protocol):
    @property
    def alone(self) -> bool: ...

    @property
    def goes_first(self) -> bool: ...


J = TypeVar("J", bound=Job)


class WriteQueue(Generic[J]):
    """Filled in the loop's thread, emptied in the writer's. `monotonic` is a clock in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._queue: queue.SimpleQueue[Sequence[J] | None] = queue.SimpleQueue()
        self._backlog: deque[J] = deque()
        self._closed = False
        self._left_behind = False
        """Whether some who wait were passed over for the present transaction: then it is closed to others too."""
        self._expected = 0
        self._sync = 0.0
        self._one_came = False
        """Whether somebody who goes first came since nobody was waited for in vain."""

    def put(self, jobs: Sequence[J]) -> None:
        self._queue.put(jobs)

    def close(self) -> None:
        """No more will come."""
        self._queue.put(None)

    def take(self) -> list[J]:
        """The next group, or one that goes alone; waits for it. Empty: it is closed, and all is done."""
        self._pull_all()
        while not self._backlog and not self._closed:
            self._pull(None)
            self._pull_all()
        if self._one_came:
            self._wait_for_one()
        self._left_behind = False
        if self._backlog and self._backlog[0].alone:
            return [self._backlog.popleft()]
        return self._group(LARGEST_GROUP)

    def more(self, taken: int, until: float) -> list[J]:
        """Those who may still join a transaction of that many, which must be closed by then."""
        self._pull_all()
        room = LARGEST_GROUP - taken
        if self._left_behind:
            return []
        if self._backlog or self._sync < SLOW_SYNC:
            return self._group(room)
        while taken + len(self._backlog) < self._expected and self._monotonic() < until:
            if not self._pull(self._sync * LULL):
                break
        return self._group(room)

    def patience(self) -> float:
        """Seconds that a transaction may stay open at the speed of the disk."""
        return self._sync * PATIENCE

    def committed(self, count: int, sync: float) -> None:
        """That many were answered together after a sync of that many seconds: as many may come back."""
        self._pull_all()
        self._expected = min(count + len(self._backlog), LARGEST_GROUP)
        self._sync = (self._sync + sync) / 2

    def _wait_for_one(self) -> None:
        """Until somebody is here who goes first, or alone; not for long."""
        until = self._monotonic() + RIDE
        while not self._closed and not any(job.goes_first or job.alone for job in self._backlog):
            left = until - self._monotonic()
            if left <= 0 or not self._pull(left):
                self._one_came = False
                return

    def _group(self, room: int) -> list[J]:
        """Those who go first, with a little company; everybody where nobody does. Nobody overtakes one that goes alone."""
        here = list(takewhile(lambda job: not job.alone, self._backlog))
        first = [job for job in here if job.goes_first][:room]
        most = min(room - len(first), max(COMPANY, len(first))) if first else room
        others = [job for job in here if not job.goes_first][:most]
        group = first + others
        self._one_came = self._one_came or bool(first)
        self._left_behind = len(group) < len(here)
        if self._left_behind:
            taken = set(map(id, group))
            self._backlog = deque(job for job in self._backlog if id(job) not in taken)
        else:
            for _ in here:
                self._backlog.popleft()
        return group

    def _pull_all(self) -> None:
        while not self._queue.empty():
            self._pull(None)

    def _pull(self, timeout: float | None) -> bool:
        try:
            jobs = self._queue.get(timeout=timeout)
        except queue.Empty:
            return False
        if jobs is None:
            self._closed = True
            return False
        self._backlog.extend(jobs)
        return True
