"""What waits for the writer, and who goes together: the groups of group commit.

On a disk that syncs slowly, those who were answered by one commit come back a moment later, just too late for the next: half of them
would always wait for the other half. So the present transaction stays open a little while its company is still on its way.

Events go first: a till waits for its answer, while nobody waits for an attempt or its outcome to be on record. So while a till posts one
event after the other, these ride with its next one: their transaction is done but for its commit when that comes, and one sync is enough for
all.

Who comes when nobody else is about finds one transaction that takes the event in and puts the first tries of its messages on record.
"""

import queue
from collections import deque
from collections.abc import Callable, Sequence, Set
from itertools import takewhile
from typing import Generic, Protocol, TypeVar

LARGEST_GROUP = 512
"""Operations in one transaction at most: what a reader and a checkpoint can follow."""

FOLLOW = 0.02
"""Seconds that a transaction stays open at most for the first tries of what it plans."""
LATELY = 0.1
"""Seconds after which nobody counts on a till that posts one event after the other."""

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

    @property
    def follows(self) -> int: ...


J = TypeVar("J", bound=Job)


class WriteQueue(Generic[J]):
    """Filled in the loop's thread, emptied in the writer's. `monotonic` is a clock in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._queue: queue.Queue[Sequence[J] | None] = queue.Queue()
        """No `SimpleQueue`: before Python 3.13 its `get` may wait for ever where its time is over before it has begun to wait."""
        self._backlog: deque[J] = deque()
        self._closed = False
        self._left_behind = False
        """Whether some who wait were passed over for the present transaction: then it is closed to others too."""
        self._expected = 0
        self._sync = 0.0
        self._has_first = False
        """Whether somebody who goes first is in the present transaction."""
        self._one_came_at = float("-inf")
        """When somebody who goes first came or was answered last (monotonic); -inf: nobody since one was waited for in vain."""
        self._rides = False
        """Whether the present transaction is of those alone who do not go first, and one who does is expected."""
        self.is_calm = True
        """Nobody who goes first was answered lately: who comes now is likely the only one."""

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
        self._left_behind = False
        if self._backlog and self._backlog[0].alone:
            return [self._backlog.popleft()]
        is_one_expected = self._monotonic() - self._one_came_at < LATELY
        group = self._group(LARGEST_GROUP)
        self.is_calm = not is_one_expected
        self._rides = is_one_expected and not any(job.goes_first for job in group)
        return group

    def more(self, taken: int, until: float) -> list[J]:
        """Those who may still join a transaction of that many, which must be closed by then."""
        self._pull_all()
        room = max(LARGEST_GROUP - taken, 0)
        if self._left_behind:
            return []
        if self._rides:
            self._rides = False
            self._wait_for_one()
        if self._backlog or self._sync < SLOW_SYNC:
            return self._group(room)
        while taken + len(self._backlog) < self._expected and self._monotonic() < until:
            if not self._pull(self._sync * LULL):
                break
        return self._group(room)

    def followers(self, messages: Set[int], expected: Callable[[], int]) -> list[J]:
        """The first tries and moves of these messages, which the open transaction takes in: so many are `expected`, and waited for. None of
        them overtakes one that goes alone."""
        until, found = self._monotonic() + FOLLOW, list[J]()
        while len(found) < expected() and (left := until - self._monotonic()) > 0 and self._pull(left):
            here = list(takewhile(lambda job: not job.alone, self._backlog))
            found = [job for job in here if job.follows in messages]
            if len(here) < len(self._backlog):
                break
        self._take_out(found)
        return found

    def look(self) -> None:
        """Fewer are expected than were: see for yourself."""
        self._queue.put(())

    def patience(self) -> float:
        """Seconds that a transaction may stay open at the speed of the disk."""
        return self._sync * PATIENCE

    def committed(self, count: int, sync: float) -> None:
        """That many were answered together after a sync of that many seconds: as many may come back."""
        self._pull_all()
        self._expected = min(count + len(self._backlog), LARGEST_GROUP)
        self._sync = (self._sync + sync) / 2
        if self._has_first:
            self._has_first, self._one_came_at = False, self._monotonic()

    def _wait_for_one(self) -> None:
        """Until somebody is here who goes first, or alone; not for long."""
        until = self._monotonic() + RIDE
        while not self._closed and not any(job.goes_first or job.alone for job in self._backlog):
            left = until - self._monotonic()
            if left <= 0 or not self._pull(left):
                self._one_came_at = float("-inf")
                return

    def _group(self, room: int) -> list[J]:
        """Those who go first, with a little company; everybody where nobody does. Nobody overtakes one that goes alone."""
        here = list(takewhile(lambda job: not job.alone, self._backlog))
        first = [job for job in here if job.goes_first][:room]
        most = min(room - len(first), max(COMPANY, len(first))) if first else room
        others = [job for job in here if not job.goes_first][:most]
        group = first + others
        if first:
            self._has_first, self._one_came_at = True, self._monotonic()
        self._left_behind = len(group) < len(here)
        if self._left_behind:
            self._take_out(group)
        else:
            for _ in here:
                self._backlog.popleft()
        return group

    def _take_out(self, group: Sequence[J]) -> None:
        taken = set(map(id, group))
        self._backlog = deque(job for job in self._backlog if id(job) not in taken)

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
