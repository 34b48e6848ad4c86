"""How often something may be done: a token bucket, for channels' rates and callers' alike. A leaf; monotonic seconds in, numbers out."""


class TokenBucket:
    """`rate` per second, and a `burst` at once: one second's worth (at least one) where it is not said. `rate` None: never empty."""

    def __init__(self, rate: float | None, now: float, *, burst: float | None = None) -> None:
        self.rate = rate
        self._capacity = max(1.0, rate or 1.0) if burst is None else burst
        self._tokens = self._capacity
        self._at = now

    def available(self, now: float) -> int | None:
        """How many may start now; None: as many as like."""
        if self.rate is None:
            return None
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self.rate)
        self._at = now
        return max(0, int(self._tokens + 1e-9))

    def is_full(self, now: float) -> bool:
        """Whether it is as one that was never used."""
        return self.available(now) is None or self._tokens >= self._capacity

    def take(self, now: float, count: int = 1) -> None:
        """Use so many. Taking more than there are leaves a debt that time pays."""
        if self.available(now) is not None:
            self._tokens -= count

    def give_back(self, count: int = 1) -> None:
        """So many that were taken were not used."""
        if self.rate is not None:
            self._tokens = min(self._capacity, self._tokens + count)

    def seconds_until_one(self, now: float) -> float:
        """How long until the next may start."""
        if self.rate is None or self.available(now):
            return 0.0
        return (1.0 - self._tokens) / self.rate
