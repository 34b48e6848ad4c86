"""No more than so many bytes a second: the shop's line is its customers' first."""

from outbox.clock import Clock


class Pace:
    """Allows one second's worth at once."""

    def __init__(self, clock: Clock, rate: float) -> None:
        self._clock = clock
        self._rate = rate
        self._left = rate
        self._at = clock.monotonic()

    async def spent(self, size: int) -> None:
        """Returns when as much may go again."""
        now = self._clock.monotonic()
        self._left = min(self._left + (now - self._at) * self._rate, self._rate) - size
        self._at = now
        if self._left < 0:
            await self._clock.sleep(-self._left / self._rate)


class Rush:
    """Whether the store has its hands full: what the link would take of the processor then, its till would wait for. A batch of each kind
    a second is all that is told meanwhile; the rest when it is quieter."""

    MOST = 10.0
    """Commits a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.commits = 0
        self._counted, self._since = 0, clock.monotonic()
        self._is_on = False

    def is_on(self) -> bool:
        lasted = self._clock.monotonic() - self._since
        if lasted >= 1.0:
            self._is_on = (self.commits - self._counted) / lasted > self.MOST
            self._counted, self._since = self.commits, self._clock.monotonic()
        return self._is_on
