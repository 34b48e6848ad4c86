"""While an array of events is taken in, a piece at a time, only what is urgent of it leaves: a till that was offline tells of its whole morning
at once, and of what has just become ready last. What others tell meanwhile is none of it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager

from outbox.clock import Clock
from outbox.model import Due, Message, Priority

LONGEST = 10.0
"""Seconds that the rest waits at most: on a slow card the largest array takes about as long."""


class Bulk:
    """`look_again`: there is something at these channels."""

    def __init__(self, clock: Clock, look_again: Callable[[Collection[str]], None]) -> None:
        self._clock = clock
        self._look_again = look_again
        self._arrays = 0
        """So many are being taken in."""
        self._since = 0.0
        """When the first of them began (monotonic)."""
        self._events: set[str] = set()
        """Ids of those that they bring."""
        self._waiting: dict[int, str] = {}
        """The channel of each message (seq)."""

    def of(self, channel: str) -> Set[int]:
        """Messages (seq) that wait for that channel: its pump is not to take them up. What has gone on to another since is that one's."""
        return {seq for seq, name in self._waiting.items() if name == channel} if self._is_awaited() else frozenset()

    @contextmanager
    def array(self) -> Iterator[None]:
        """One is taken in meanwhile."""
        if not self._arrays:
            self._since = self._clock.monotonic()
        self._arrays += 1
        try:
            yield
        finally:
            self._arrays -= 1
            if not self._arrays:
                self._events.clear()
                self._let_go()

    def brings(self, event_ids: Iterable[str]) -> None:
        """These are the next of an array."""
        if self._arrays:
            self._events.update(event_ids)

    def going(self, dues: Sequence[Due]) -> Sequence[Due]:
        """Those of these that are to go now."""
        if not self._is_awaited():
            if self._waiting:
                self._let_go()
            return dues
        waiting = {due.message.seq: due.message.channel for due in dues if self._waits(due.message)}
        self._waiting |= waiting
        return [due for due in dues if due.message.seq not in waiting]

    def _waits(self, message: Message) -> bool:
        return message.event_id in self._events and message.priority > Priority.HIGH

    def _is_awaited(self) -> bool:
        return self._arrays > 0 and self._clock.monotonic() - self._since < LONGEST

    def _let_go(self) -> None:
        channels, self._waiting = set(self._waiting.values()), {}
        self._look_again(channels)
