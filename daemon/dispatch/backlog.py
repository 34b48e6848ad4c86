"""What a channel's pump knows of what is due there, so that it reads the database only when there may be something new."""

from collections import deque
from collections.abc import Sequence

from daemon.dispatch.lane import Lane
from outbox.model import Due


class Backlog:
    """Of one lane. What it knows is out of date as soon as something changes that may matter to the lane (`Lane.look_again`)."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._handed: deque[Due] = deque()
        """Messages that came in a moment ago, for the pump to take as they are."""
        self.called_off = 0
        """How far (`spool.called_off`) what was brought is known to be wanted."""
        self._is_caught_up = False
        self._as_of = 0
        """`Lane.changes` when the reading began."""
        self.next_due: int | None = None
        """ms: when the first of what waits here is due; meant where `knows_next`."""
        self.knows_next = False
        self.sleeps_until: float | None = None
        """ms: when the pump looks again by itself; None: when it is woken."""

    @property
    def is_caught_up(self) -> bool:
        """All that is due is taken up, and nothing that was not handed over became so since: there is nothing to read."""
        return self._is_caught_up and self._as_of == self._lane.changes

    def reading(self) -> None:
        """What is due is read from here on. The modem, which takes others' messages too, never knows all of it."""
        self._is_caught_up, self._as_of = self._lane.is_cloud, self._lane.changes
        self.knows_next = False

    def read(self, *, is_all: bool) -> None:
        """It was: all that is due, or no more than there is room for."""
        self._is_caught_up &= is_all

    def forget(self) -> None:
        """What is due is to be read again."""
        self._is_caught_up = False

    def drop(self) -> None:
        """The same, and what was handed over is found with it."""
        self._handed.clear()
        self.forget()

    def would_miss(self, due_at: int, now: int) -> bool:
        """Whether a message due at that moment would be late if nothing woke the pump."""
        return due_at <= now or self.sleeps_until is None or due_at < self.sleeps_until

    def takes_up(self, due: Due, monotonic: float, now: int) -> bool:
        """Whether a message is taken as it is, by a pump that knows of nothing else and has room for it."""
        lane = self._lane
        if not self.is_caught_up or not lane.is_cloud or len(self._handed) >= lane.room(monotonic, now):
            return False
        self._handed.append(due)
        lane.wake.set()
        return True

    def hand(self, due: Due, monotonic: float, now: int) -> None:
        """A message that just came in and may go at once."""
        if not self.takes_up(due, monotonic, now):
            self._lane.look_again()

    def take_handed(self) -> Sequence[Due]:
        """What was handed over, taken out."""
        handed, self._handed = self._handed, deque()
        return handed

    def forget_handed(self, seq: int) -> None:
        """What was handed of that message is of before its try."""
        self._handed = deque(due for due in self._handed if due.message.seq != seq)
