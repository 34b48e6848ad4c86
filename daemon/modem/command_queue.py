"""Where others leave work for the modem: it is done by the driver's one task, in turn, and never by two at once."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from daemon.modem.dialogue import Dialogue
from daemon.modem.errors import ModemError
from outbox.clock import Clock

T = TypeVar("T")
Work = Callable[[Dialogue], Awaitable[T]]


class NotStarted(ModemError):
    """The work was not begun: nothing was said to the modem about it."""


class CutOff(ModemError):
    """The work was begun and its end is not known."""


class _Job:
    def __init__(self, work: Work[Any]) -> None:
        self.work = work
        self.started = False
        self.result: Any = None
        self.failure: Exception | None = None
        self.done = asyncio.Event()

    def fail(self, failure: Exception) -> None:
        if not self.done.is_set():
            self.failure = failure
            self.done.set()


class CommandQueue:
    """Open while a modem is there to do the work; closed, it says why not."""

    def __init__(self, clock: Clock, wake: asyncio.Event) -> None:
        self._clock, self._wake = clock, wake
        self._jobs: deque[_Job] = deque()
        self._closed: str | None = "the modem is not running"

    def open(self) -> None:
        self._closed = None

    def close(self, reason: str) -> None:
        """Turn away what waits, and what comes until it is opened again."""
        self._closed = reason
        while self._jobs:
            self._jobs.popleft().fail(NotStarted(reason))

    async def do(self, work: Work[T], *, timeout: float) -> T:
        """Have it done and return its result. Raises NotStarted, CutOff, or whatever the work raised."""
        if self._closed is not None:
            raise NotStarted(self._closed)
        job = _Job(work)
        self._jobs.append(job)
        self._wake.set()
        try:
            await self._clock.wait(job.done, timeout)
        finally:
            if job in self._jobs:
                self._jobs.remove(job)
        if not job.done.is_set():
            raise CutOff("the modem is still at it") if job.started else NotStarted("the modem is busy")
        if job.failure:
            raise job.failure
        return cast(T, job.result)

    @property
    def has_work(self) -> bool:
        return bool(self._jobs)

    async def work_once(self, link: Dialogue) -> None:
        """Do the next piece. What it raises goes to whoever asked, and no further; being cancelled leaves it cut off."""
        job = self._jobs.popleft()
        job.started = True
        try:
            job.result = await job.work(link)
            job.done.set()
        except Exception as error:
            job.fail(error)
        finally:
            job.fail(CutOff("the service stopped while the modem was at it"))
