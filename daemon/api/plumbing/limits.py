"""How often one client may call: token buckets, in memory only."""

from dataclasses import dataclass

from outbox.clock import Clock

MOST_CLIENTS = 4096
"""Buckets that are kept; beyond, full ones are forgotten first."""


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class RateLimit:
    """`rate` calls a second for each client, `burst` at once."""

    def __init__(self, clock: Clock, *, rate: float, burst: float) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, _Bucket] = {}

    def take(self, client: str) -> float:
        """Count one call. Returns 0.0 when it may pass, else the seconds until one may."""
        now = self._clock.monotonic()
        bucket = self._buckets.get(client)
        if bucket is None:
            self._make_room(now)
            bucket = self._buckets[client] = _Bucket(self._burst, now)
        left = min(self._burst, bucket.left + (now - bucket.at) * self._rate)
        bucket.at = now
        if left < 1.0:
            bucket.left = left
            return (1.0 - left) / self._rate
        bucket.left = left - 1.0
        return 0.0

    def _make_room(self, now: float) -> None:
        if len(self._buckets) < MOST_CLIENTS:
            return
        full = [name for name, one in self._buckets.items() if one.left + (now - one.at) * self._rate >= self._burst]
        for name in full or list(self._buckets)[: MOST_CLIENTS // 2]:
            del self._buckets[name]
