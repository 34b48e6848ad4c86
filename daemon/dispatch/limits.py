"""How much a channel may be used in a day: a count for the store's day. Wall ms and store days in, numbers out."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


class StoreDay:
    """Which day it is in the store. Asked several times a message, so the calendar is looked at once a day."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.name = ""
        self._zone = zone
        self._from = self._until = 0

    def holds(self, at: int) -> bool:
        """Whether that moment is of the day that it was when this was last asked."""
        return self._from <= at < self._until

    def is_another(self, now: int) -> bool:
        """Whether it is not the day any more that it was when this was last asked."""
        if self.holds(now):
            return False
        before, self.name = self.name, datetime.fromtimestamp(now / 1000, UTC).astimezone(self._zone).date().isoformat()
        self._from, self._until = midnight_before(now, self._zone), midnight_after(now, self._zone)
        return self.name != before


class Day:
    """How many were sent in the store's day, which begins at its midnight."""

    def __init__(self, limit: int | None, zone: ZoneInfo) -> None:
        self.limit = limit
        self._day = StoreDay(zone)
        self._count = 0

    def count(self, now: int) -> int:
        self._turn(now)
        return self._count

    def left(self, now: int) -> int | None:
        """None: no limit."""
        return None if self.limit is None else max(0, self.limit - self.count(now))

    def recall(self, now: int, count: int) -> None:
        """So many were sent today, by the record."""
        self._turn(now)
        self._count = count

    def add(self, now: int, count: int = 1) -> None:
        self._turn(now)
        self._count += count

    def take_back(self, now: int, count: int = 1, *, counted_at: int | None = None) -> None:
        """So many that were counted (a moment ago, or at that time) turned out not to have been sent; fewer than none: more were. What was
        counted on another day is over with it."""
        self._turn(now)
        if counted_at is None or self._day.holds(counted_at):
            self._count = max(0, self._count - count)

    def _turn(self, now: int) -> None:
        if self._day.is_another(now):
            self._count = 0


def midnight_before(now: int, zone: ZoneInfo) -> int:
    """When the store's present day began, in ms."""
    local = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone)
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


def midnight_after(now: int, zone: ZoneInfo) -> int:
    """When the store's next day begins, in ms."""
    local = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone)
    start = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(days=1)
    return int(start.replace(tzinfo=zone).timestamp() * 1000)
