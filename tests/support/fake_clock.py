"""A clock that tests move by hand: sleepers wake in order as it advances."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable


async def settle(turns: int = 20) -> None:
    """Give every ready task the chance to run until it waits again."""
    for _ in range(turns):
        await asyncio.sleep(0)


class FakeClock:
    """Starts at 2026-11-24T10:15:00Z. `advance` moves both clocks; `step` moves only the wall clock. `still`: waits until all that was
    woken has gone on as far as it can."""

    def __init__(self, now: int = 1_795_515_300_000, still: Callable[[], Awaitable[None]] = settle) -> None:
        self._still = still
        self._now = now
        self._monotonic = 1000.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
        else:
            await self._sleeper(seconds)

    def _sleeper(self, seconds: float) -> asyncio.Future[None]:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._order), future))
        return future

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        """As the machine's own clock does it, without a task: most of what waits for a clock that is moved by hand waits so."""
        if event.is_set() or seconds is None:
            await event.wait()
            return True
        if seconds <= 0:
            await asyncio.sleep(0)
            return event.is_set()
        waits = True

        def over(sleeping: asyncio.Future[None]) -> None:
            if waits and not sleeping.cancelled():
                limit.reschedule(0)

        try:
            async with asyncio.timeout(None) as limit:
                sleeping = self._sleeper(seconds)
                sleeping.add_done_callback(over)
                try:
                    await event.wait()
                finally:
                    waits = False  # it may be set in the very turn in which the time comes
                    sleeping.cancel()
        except TimeoutError:
            return event.is_set()
        return True

    def step(self, seconds: float) -> None:
        """Set the wall clock forward (or back) as NTP or a person would; nothing wakes."""
        self._now += round(seconds * 1000)

    async def advance(self, seconds: float) -> None:
        """Let that much time pass, waking each sleeper at its moment and letting it run."""
        end = self._monotonic + seconds
        await self._still()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heapq.heappop(self._sleepers)
            if future.done():
                continue
            if due > self._monotonic:
                self._now += round((due - self._monotonic) * 1000)
                self._monotonic = due
            future.set_result(None)
            await self._still()
        self._now += round((end - self._monotonic) * 1000)
        self._monotonic = end
        await self._still()

    @property
    def sleepers(self) -> int:
        """How many waits are pending."""
        return sum(not future.done() for _, _, future in self._sleepers)
