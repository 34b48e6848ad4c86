"""How often one client may call: a token bucket each, in memory only."""

from daemon.token_bucket import TokenBucket
from outbox.clock import Clock

MOST_CLIENTS = 4096
"""Buckets that are kept; beyond, full ones are forgotten first."""


class RateLimit:
    """`rate` calls a second for each client, `burst` at once."""

    def __init__(self, clock: Clock, *, rate: float, burst: float) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, TokenBucket] = {}

    def take(self, client: str) -> float:
        """Count one call. Returns 0.0 when it may pass, else the seconds until one may."""
        now = self._clock.monotonic()
        bucket = self._buckets.get(client)
        if bucket is None:
            self._make_room(now)
            bucket = self._buckets[client] = TokenBucket(self._rate, now, burst=self._burst)
        wait = bucket.seconds_until_one(now)
        if not wait:
            bucket.take(now)
        return wait

    def _make_room(self, now: float) -> None:
        if len(self._buckets) < MOST_CLIENTS:
            return
        full = [name for name, one in self._buckets.items() if one.is_full(now)]
        for name in full or list(self._buckets)[: MOST_CLIENTS // 2]:
            del self._buckets[name]
