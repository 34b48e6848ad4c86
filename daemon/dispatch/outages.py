"""What an outage of the line means for what was tried and for patience."""

from collections import deque

from daemon.dispatch.recorded import recorded
from daemon.dispatch.uplink import Uplink
from outbox import Outbox
from outbox.clock import Clock
from outbox.model import Attempt

REVEALED_WITHIN = 15.0
"""Seconds before the line is known to be down in which it may have been going."""
MOST_DOUBTFUL = 500


class Outages:
    def __init__(self, box: Outbox, uplink: Uplink, clock: Clock) -> None:
        self._box = box
        self._uplink = uplink
        self._clock = clock
        self._up = float("-inf")
        """Monotonic: when the line last came back."""
        self._doubtful: deque[tuple[float, Attempt]] = deque(maxlen=MOST_DOUBTFUL)
        """What failed lately (monotonic) in a way that a line which is going makes things fail."""

    @property
    def up_at(self) -> float:
        """When (ms, by the clock as it stands) the line last came back. Patience does not run through an outage."""
        return self._clock.now() - (self._clock.monotonic() - self._up) * 1000

    def continues(self, before: "Outages") -> None:
        """The line is the same as that one's."""
        self._up = before._up

    def came_back(self) -> None:
        self._up = self._clock.monotonic()

    async def went_down(self) -> None:
        """What failed while the line was going revealed it: none of that counts."""
        horizon = self._clock.monotonic() - REVEALED_WITHIN
        revealed = [attempt for at, attempt in self._doubtful if at >= horizon]
        self._doubtful.clear()
        if revealed:
            await self._uncount(revealed)

    async def doubt(self, attempt: Attempt) -> None:
        """It may have failed because the line was going: then it is not to count."""
        if self._uplink.is_down:
            await self._uncount([attempt])
        else:
            self._doubtful.append((self._clock.monotonic(), attempt))

    async def _uncount(self, attempts: list[Attempt]) -> None:
        await recorded(lambda: self._box.spool.uncount(attempts), self._clock)
