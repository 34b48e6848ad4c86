"""While a till posts one event after the other, what they lead to leaves in groups: the till waits for its answers, and nobody else for a tenth
of a second.

Each message's try beside the till's next request would double what that request takes, since one processor does both. A group of tries is
cheaper than as many single ones, and most requests meet none of it.
"""

import asyncio
from collections.abc import Callable, Sequence, Set

from outbox.clock import Clock
from outbox.model import Due

PAUSE = 0.01
"""Seconds without an event after which the till is held to be done for now."""
TOGETHER = 32
LONGEST = 0.1
"""Seconds. So many messages, or the first of them for so long, wait at most before some go beside the till."""
SHARE = 5
"""So many go then for each that comes, until none waits."""


class Gathering:
    """Messages that came in and may go at once, for a moment. All of them are on the disk: what is lost here is found there."""

    def __init__(self, clock: Clock) -> None:
        self.wake = asyncio.Event()
        self._clock = clock
        self._waiting: list[Due] = []
        self._since = 0.0
        """When the first of those came that wait (monotonic)."""
        self._came = float("-inf")
        """When any came last (monotonic)."""
        self._is_full = False

    def add(self, dues: Sequence[Due]) -> Sequence[Due]:
        """Those that are to go now: all of these, unless they come right after others."""
        now = self._clock.monotonic()
        posts_on, self._came = now - self._came < PAUSE, now
        if not self._waiting:
            if not posts_on:
                return dues
            self._since, self._is_full = now, False
            self.wake.set()
        self._waiting += dues
        self._is_full |= len(self._waiting) >= TOGETHER or now - self._since >= LONGEST
        return self._most_urgent(SHARE * len(dues)) if self._is_full else ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def of(self, channel: str) -> Set[int]:
        """Messages that wait and go by that channel: its pump is not to take them up. What has gone on to another since is that one's."""
        return {due.message.seq for due in self._waiting if due.message.channel == channel}

    def take_out(self, seqs: Set[int]) -> None:
        """These are taken up: what waits of them is of before that."""
        if self._waiting:
            self._waiting = [due for due in self._waiting if due.message.seq not in seqs]

    async def run(self, stop: asyncio.Event, hand_over: Callable[[Sequence[Due]], None]) -> None:
        """Hand over what waits whenever the till pauses. Ends when `stop` is set, and `wake`."""
        while not stop.is_set():
            await self._clock.wait(self.wake, None)
            self.wake.clear()
            while self._waiting and not stop.is_set():
                came = self._came
                await self._clock.sleep(PAUSE)
                if self._came == came:
                    hand_over(self._most_urgent(len(self._waiting)))

    def _most_urgent(self, count: int) -> Sequence[Due]:
        self._waiting.sort(key=urgency)
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken


def urgency(due: Due) -> tuple[int, int, int]:
    """The order in which messages go."""
    return due.message.priority, due.message.due_at, due.message.seq
