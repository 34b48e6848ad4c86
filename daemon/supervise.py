"""Owners for long-lived tasks: what may fail with the weather is started again; what fails by a bug takes the service down."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager

import structlog

from outbox.clock import Clock

log = structlog.get_logger(__name__)

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
AGAIN = 2.0
CALM = 300.0
"""Seconds of running after which a service's past failures are forgotten."""


async def supervised(
    name: str,
    run: Callable[[], Awaitable[None]],
    *,
    clock: Clock,
    stop: asyncio.Event,
    weather: tuple[type[Exception], ...] = (OSError, TimeoutError),
) -> None:
    """Run a service until it ends by itself. An expected failure (`weather`) starts it again, later each time; any other propagates."""
    wait = FIRST_WAIT
    while not stop.is_set():
        began = clock.monotonic()
        try:
            await run()
        except weather as error:
            if clock.monotonic() - began > CALM:
                wait = FIRST_WAIT
            log.warning("service failed, starting it again", service=name, error=str(error), wait_s=wait)
            await clock.wait(stop, wait)
            wait = min(wait * 2, LONGEST_WAIT)
        else:
            return


async def first_of(*events: asyncio.Event) -> None:
    """Wait until any of the events is set."""
    if any(event.is_set() for event in events):
        return
    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(event.wait()) for event in events]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


@asynccontextmanager
async def recoverable_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A TaskGroup whose failure is caught by the task that opened it, which then goes on.

    A group cancels its own task when one of its tasks fails, and that stays counted. On Python 3.11.2, which Debian 12 has, `asyncio.timeout`
    in a task so marked ends it when the time is over, instead of raising TimeoutError (https://github.com/python/cpython/issues/102780).
    """
    me = asyncio.current_task()
    assert me is not None
    before = me.cancelling()
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup:
        if sys.version_info < (3, 12) and me.cancelling() > before:
            me.uncancel()
        raise


async def call_off(*tasks: "asyncio.Task[None]") -> None:
    """Cancel them until they are over. Once is not enough: on Python 3.11 `asyncio.wait_for`, by which libraries wait, loses a cancellation that
    comes together with what it waits for, and the task would go on for ever."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=AGAIN)


async def end_within(seconds: float, tasks: "Collection[asyncio.Task[None]]") -> None:
    """Wait so long for them to end by themselves; then call off those that have not."""
    late = (await asyncio.wait(tasks, timeout=seconds))[1]
    if late:
        log.error("what did not end in time is called off", works=sorted(task.get_name() for task in late))
        await call_off(*late)
