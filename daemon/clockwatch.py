"""Whether the wall clock can be believed (DESIGN rule 10): a Pi has no clock battery, and NTP steps it under us."""

import asyncio
import ctypes
from collections.abc import Awaitable, Callable

from outbox.clock import Clock

STEP = 2.0
"""Seconds of difference between the wall clock and the monotonic one that count as a step."""
EVERY = 10.0

RELEASED = 1_795_478_400_000
"""This release's own date (2026-11-24T00:00:00Z): a clock before it is not set."""

_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


class ClockWatch:
    """Compares the clocks. `on_step(seconds)` is told of each step, so that waits can move with it."""

    def __init__(
        self,
        clock: Clock,
        *,
        newest_record: int,
        require_sync: bool,
        on_step: Callable[[float], Awaitable[None]],
        synchronised: Callable[[], bool] | None = None,
    ) -> None:
        self._clock = clock
        self._newest = newest_record
        self._require_sync = require_sync
        self._on_step = on_step
        self._synchronised = synchronised or kernel_synchronised
        self._offset = self._clock_offset()

    def trusted(self) -> bool:
        """Whether expiry, quiet hours and signatures may be decided by the time of day.

        A clock that went back past the newest record is believed only when the kernel vouches for it: then the record was wrong.
        """
        now = self._clock.now()
        if now < RELEASED:
            return False
        if self._require_sync or now < self._newest - STEP * 1000:
            return self._synchronised()
        return True

    def saw(self, at: int) -> None:
        """Something was put on record with that time: the clock may not go back past it."""
        self._newest = max(self._newest, at)

    async def look(self) -> float:
        """Compare now; returns the step in seconds (0.0: none)."""
        offset = self._clock_offset()
        step = offset - self._offset
        if abs(step) < STEP:
            return 0.0
        self._offset = offset
        await self._on_step(step)
        return step

    async def run(self, stop: asyncio.Event) -> None:
        while not await self._clock.wait(stop, EVERY):
            await self.look()

    def _clock_offset(self) -> float:
        return self._clock.now() / 1000 - self._clock.monotonic()


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2): only the head is named, the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def kernel_synchronised() -> bool:
    """Whether the kernel says its clock is synchronised (adjtimex(2)); False where it can't say."""
    state = _Timex()
    answer = int(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(state)))
    return answer not in (-1, _TIME_ERROR) and not state.status & _STA_UNSYNC
