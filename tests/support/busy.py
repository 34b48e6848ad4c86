"""A machine that has other things to do."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MOST = 60.0
"""Seconds that anything is waited for, however busy the machine is."""


@contextmanager
def sharing_its_processor(pid: int, others: int) -> Iterator[None]:
    """So many programs that never rest run on the processor that the process has to itself otherwise."""
    processor = min(os.sched_getaffinity(0))
    os.sched_setaffinity(pid, {processor})
    endless = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(others)]
    try:
        for each in endless:
            os.sched_setaffinity(each.pid, {processor})
        yield
    finally:
        for each in endless:
            each.kill()
            each.wait()


def slower() -> float:
    """How many times as long all takes at this moment as on a machine that has nothing else to do."""
    running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
    return max(1.0, running / len(os.sched_getaffinity(0)))


async def until(true: Callable[[], Awaitable[Any]], *, seconds: float = MOST, every: float = 0.02) -> Any:
    """What it comes to once it is true; fails when that takes longer. `seconds` are those of a machine that has nothing else to do: what others
    take of this one is added, up to `MOST`."""
    loop = asyncio.get_running_loop()
    began, times = loop.time(), 1.0
    async with asyncio.timeout(max(seconds, MOST)):
        while not (found := await true()):
            times = max(times, slower())
            if loop.time() - began > seconds * times:
                raise TimeoutError(f"not within {seconds} s, on a machine that took {times} times as long")
            await asyncio.sleep(every)
    return found
