"""The one door through which time enters. Everything that reads a clock or waits takes a `Clock`; tests pass a fake.

Wall times are integer milliseconds since the Unix epoch, UTC ("ms"). Monotonic times are float seconds.
"""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What the rest of Tether may know of time."""

    def now(self) -> int:
        """Wall-clock time in ms since the epoch. It may step at any moment: use it for records, never for waits."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow, from an arbitrary start."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait at least that many monotonic seconds; zero or less yields once."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        """Wait for the event, at most that many seconds (None: without bound). True when it was set."""
        ...


class SystemClock:
    """The machine's own clocks: the only reader of time in the product."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        if event.is_set():
            return True
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return event.is_set()
        return True
