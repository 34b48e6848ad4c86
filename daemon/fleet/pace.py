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
