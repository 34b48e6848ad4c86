"""Whether the wall clock can be believed: a Pi has no clock battery, and NTP steps it under us."""

import asyncio
import ctypes
from collections.abc import Awaitable, Callable

from daemon.wire.durations import spoken
from outbox.clock import Clock

STEP = 2.0
"""Seconds of difference between the wall clock and the monotonic one that count as a step."""
EVERY = 10.0
JUMP = 300.0
"""Seconds by which the clock may be ahead of what is on record, or be set forward, and still be believed for what can't be undone."""
CONFIRMS = 120.0
"""Seconds within which another's clock agrees with ours."""

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
        self.require_sync = require_sync
        self._on_step = on_step
        self._synchronised = synchronised or kernel_synchronised
        self._offset = self._clock_offset()
        self._ahead = (clock.now() - newest_record) / 1000 if newest_record else 0.0
        """Seconds that it went forward with nobody vouching for it: since the newest record at the start, or while we ran."""

    def trusted(self) -> bool:
        """Whether expiry, quiet hours and signatures may be decided by the time of day.

        A clock that went back past the newest record is believed only when the kernel vouches for it: then the record was wrong.
        """
        now = self._clock.now()
        if now < RELEASED:
            return False
        if self.require_sync or now < self._newest - STEP * 1000:
            return self._synchronised()
        return True

    def sure(self) -> bool:
        """Whether what can't be undone (expiry, the removal of what is old) may be decided by it as well.

        A jump forward counts only once the kernel or a provider's own clock confirms it: it may be a mistake, and then what waits
        would be gone for good.
        """
        if self._jump() >= JUMP and self._synchronised():
            self._ahead = self._offset - self._clock_offset()
        return self._jump() < JUMP and self.trusted()

    def trouble(self) -> str:
        """What is wrong with the clock, for people; "" for nothing."""
        if not self.trusted():
            return "the clock is wrong: nothing expires, and what is signed with the time waits"
        if not self.sure():
            return f"the clock went {spoken(self._jump())} forward and nothing confirms it: nothing expires until a time server does"
        return ""

    def _jump(self) -> float:
        """How far it went forward unconfirmed, with what `look` has not seen yet."""
        return self._ahead + self._clock_offset() - self._offset

    def heard(self, at: int) -> None:
        """Somebody whose certificate we checked says that it is that time (ms)."""
        if abs(at - self._clock.now()) < CONFIRMS * 1000:
            self._ahead = self._offset - self._clock_offset()

    def saw(self, at: int) -> None:
        """Something was put on record with that time: the clock may not go back past it."""
        self._newest = max(self._newest, at)

    async def look(self) -> float:
        """Compare now; returns the step in seconds (0.0: none)."""
        offset = self._clock_offset()
        step = offset - self._offset
        if abs(step) < STEP:
            return 0.0
        if self._ahead < JUMP:  # so far the clock was believed, and what was put on record bears its time
            self.saw(round((self._offset + self._clock.monotonic()) * 1000))
        self._offset = offset
        self._ahead = max(self._ahead + step, 0.0)
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
