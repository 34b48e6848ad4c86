"""Bodies that only their own signature can vouch for must be read before anybody is known: a few at a time, small ones first."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daemon.api.plumbing.places import Guest
from daemon.api.plumbing.tally import Tally
from daemon.api.schema.problem import Problem
from outbox.clock import Clock

MOST = 6
MOST_OF_STRANGERS = 4
"""The rest is kept for addresses that proved themselves lately."""
EACH, EACH_KNOWN = 2, 4
"""Of one address."""
MOST_WAITING, EACH_WAITING = 128, 16
MOST_STRANGERS_WAITING = 96
"""The rest is kept for the same."""
PATIENCE_S = 15.0
RETRY = {"Retry-After": "10"}


class _Waiter:
    """In the queue: smaller ones before larger ones, else as they came."""

    def __init__(self, guest: Guest, size: int, number: int) -> None:
        self.guest = guest
        self.rank = (size, number)
        self.turn = asyncio.Event()
        self.is_stranger = False

    def __lt__(self, other: "_Waiter") -> bool:
        return self.rank < other.rank


class UnvouchedBodies:
    """The places of one service."""

    def __init__(self, clock: Clock, tally: Tally) -> None:
        self._clock = clock
        self._tally = tally
        self._numbers = itertools.count()
        self._waiting: list[_Waiter] = []
        self._waiting_of: Counter[str] = Counter()
        self._reading_of: Counter[str] = Counter()
        self._strangers = 0
        self.reading = 0

    @asynccontextmanager
    async def place(self, guest: Guest, size: int) -> AsyncIterator[None]:
        """Wait for a place to read so many bytes, and hold it. Raises Problem 503."""
        waiter = _Waiter(guest, size, next(self._numbers))
        if self._is_full(guest):
            raise self._turned_away(guest)
        self._waiting.append(waiter)
        self._waiting_of[guest.address] += 1
        self._let_in()
        try:
            if not await self._clock.wait(waiter.turn, PATIENCE_S):
                raise self._turned_away(guest)
            yield
        finally:
            self._leave(waiter)
            self._let_in()

    def _is_full(self, guest: Guest) -> bool:
        strangers = sum(not each.guest.known for each in self._waiting)
        return (
            len(self._waiting) >= MOST_WAITING
            or self._waiting_of[guest.address] >= EACH_WAITING
            or (not guest.known and strangers >= MOST_STRANGERS_WAITING)
        )

    def _turned_away(self, guest: Guest) -> Problem:
        self._tally.count("bodies", address=guest.address)
        return Problem(503, "too many bodies are being read that nobody vouched for yet: come again", headers=RETRY)

    def _let_in(self) -> None:
        """Whoever has a place now, small bodies first."""
        for waiter in sorted(self._waiting):
            if self.reading >= MOST:
                return
            if self._has_place(waiter.guest):
                self._waiting.remove(waiter)
                self._count(self._waiting_of, waiter.guest, -1)
                self._count(self._reading_of, waiter.guest, 1)
                waiter.is_stranger = not waiter.guest.known
                self._strangers += waiter.is_stranger
                self.reading += 1
                waiter.turn.set()

    def _leave(self, waiter: _Waiter) -> None:
        if not waiter.turn.is_set():
            self._waiting.remove(waiter)
            self._count(self._waiting_of, waiter.guest, -1)
            return
        self._count(self._reading_of, waiter.guest, -1)
        self._strangers -= waiter.is_stranger
        self.reading -= 1

    def _has_place(self, guest: Guest) -> bool:
        each = EACH_KNOWN if guest.known else EACH
        return self._reading_of[guest.address] < each and (guest.known or self._strangers < MOST_OF_STRANGERS)

    @staticmethod
    def _count(by_address: Counter[str], guest: Guest, change: int) -> None:
        by_address[guest.address] += change
        if not by_address[guest.address]:
            del by_address[guest.address]
