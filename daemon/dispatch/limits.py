"""How fast a channel may be used: a token bucket for its rate, a count for its day. Monotonic seconds and store days in, numbers out."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


class Bucket:
    """A token bucket: `rate` per second, and a burst of one second's worth (at least one). None: never empty."""

    def __init__(self, rate: float | None, now: float) -> None:
        self.rate = rate
        self._capacity = max(1.0, rate or 1.0)
        self._tokens = self._capacity
        self._at = now

    def available(self, now: float) -> int | None:
        """How many may start now; None: as many as like."""
        if self.rate is None:
            return None
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self.rate)
        self._at = now
        return max(0, int(self._tokens + 1e-9))

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


class Day:
    """How many were sent in the store's day, which begins at its midnight."""

    def __init__(self, limit: int | None, zone: ZoneInfo) -> None:
        self.limit = limit
        self._zone = zone
        self._day = ""
        self._count = 0

    def count(self, now: int) -> int:
        self._turn(now)
        return self._count

    def left(self, now: int) -> int | None:
        """None: no limit."""
        return None if self.limit is None else max(0, self.limit - self.count(now))

    def add(self, now: int, count: int = 1) -> None:
        self._turn(now)
        self._count += count

    def take_back(self, now: int, count: int = 1) -> None:
        """So many that were counted turned out not to have been sent."""
        self._turn(now)
        self._count = max(0, self._count - count)

    def _turn(self, now: int) -> None:
        day = self._local(now).date().isoformat()
        if day != self._day:
            self._day, self._count = day, 0

    def _local(self, now: int) -> datetime:
        return datetime.fromtimestamp(now / 1000, UTC).astimezone(self._zone)


def midnight_before(now: int, zone: ZoneInfo) -> int:
    """When the store's present day began, in ms."""
    local = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone)
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


def midnight_after(now: int, zone: ZoneInfo) -> int:
    """When the store's next day begins, in ms."""
    local = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone)
    start = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(days=1)
    return int(start.replace(tzinfo=zone).timestamp() * 1000)
