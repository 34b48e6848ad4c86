"""The one door through which time enters the screen: the same shape as the service's own clock, which it may not import."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What the screen may know of time."""

    def now(self) -> int:
        """Wall-clock time in ms since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait at least that many seconds."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        """Wait for the event, at most that many seconds (None: without bound). True when it was set."""
        ...


class SystemClock:
    """The machine's own clocks: the only reader of time in the screen."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return event.is_set()
        return True
