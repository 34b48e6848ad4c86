"""Notices SMS pumping: somebody has texts sent to many numbers of one block, whose operator shares the price with them. Pure.

A store's customers come from all over its country; forty new ones in an hour whose numbers differ in the last four digits only do not.
"""

from collections import defaultdict
from collections.abc import Collection

WINDOW_MS = 3_600_000
LAST_DIGITS = 4


class Pumping:
    """The numbers of the last hour by their block. `limit` 0: none is ever too many."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._seen: dict[str, dict[str, int]] = defaultdict(dict)
        self._alarms: dict[str, int] = {}
        """By block, when (ms) it last met a new number while in alarm."""
        self._forgot_at = 0

    def note(self, address: str, now: int) -> None:
        """A text went to that number."""
        if not self.limit:
            return
        if abs(now - self._forgot_at) >= WINDOW_MS:
            self._forget(now)
        self._seen[block_of(address)].setdefault(address, now)

    def _forget(self, now: int) -> None:
        """All that is older than the last hour: nobody's number is kept for longer than it is looked at."""
        self._forgot_at, before = now, now - WINDOW_MS
        lately = {
            block: {number: at for number, at in seen.items() if at > before} for block, seen in self._seen.items()
        }
        self._seen = defaultdict(dict, {block: seen for block, seen in lately.items() if seen})
        self._alarms = {block: at for block, at in self._alarms.items() if at > before}

    def is_crowded(self, address: str, now: int) -> bool:
        """Whether so many of its block were texted lately that it is worth looking which of them are new."""
        return bool(self.limit) and (self.in_alarm(address, now) or len(self._others(address, now)) >= self.limit)

    def others(self, address: str, now: int) -> Collection[str]:
        """The block's other numbers of the last hour."""
        return self._others(address, now).keys()

    def in_alarm(self, address: str, now: int) -> bool:
        return self._alarms.get(block_of(address), -WINDOW_MS) > now - WINDOW_MS

    def alarm(self, address: str, now: int) -> bool:
        """The block has too many new numbers. True when that is news."""
        is_news = not self.in_alarm(address, now)
        self._alarms[block_of(address)] = now
        return is_news

    def alarms(self, now: int) -> Collection[str]:
        """The blocks whose new numbers are held."""
        return sorted(block for block, at in self._alarms.items() if at > now - WINDOW_MS)

    def _others(self, address: str, now: int) -> dict[str, int]:
        block = block_of(address)
        seen = self._seen.get(block, {})
        for number in [number for number, at in seen.items() if at <= now - WINDOW_MS]:
            del seen[number]
        if not seen:
            self._seen.pop(block, None)
        return {number: at for number, at in seen.items() if number != address}


def block_of(address: str) -> str:
    """All of a number but what tells the block's owners apart."""
    return address[:-LAST_DIGITS]
