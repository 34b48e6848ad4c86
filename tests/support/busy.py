"""A machine that has other things to do."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

MOST = 60.0
"""Seconds that anything is waited for on a machine that has nothing else to do."""
LONGEST = 240.0
"""Seconds that it is waited for on any."""
LATELY = 10
"""Looks: the machine is as slow as at the worst of these."""
GROUPS = Path("/sys/fs/cgroup")
PROCESS_SECONDS = 120.0
"""Seconds that a process which tests need may take to come up, or to end, on any. One that ended by itself is noticed at once."""
TURNS = 1000
"""On a machine on which so many of a thing take longer than something that is to come soon may, that may take as long."""


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


def processors() -> float:
    """How many are ours: a container has its machine's at times, and a quota of their time."""
    own = re.search(r"^0::/(.*)$", Path("/proc/self/cgroup").read_text(), re.MULTILINE)
    place = GROUPS / (own[1] if own else "")
    limits = (folder / "cpu.max" for folder in (place, *place.parents))
    quotas = (file.read_text().split() for file in limits if file.exists())
    parts = (int(quota) / int(period) for quota, period in quotas if quota != "max")
    return min((len(os.sched_getaffinity(0)), *parts))


def slower() -> float:
    """How many times as long all takes at this moment as on a machine that has nothing else to do."""
    running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
    return max(1.0, running / _ours())


@cache
def _ours() -> float:
    """Looked up once: whoever waits asks fifty times a second, and it stays the same."""
    return processors()


def kept_waiting(pid: int) -> float:
    """Seconds that a process's threads have waited for a processor so far: others had it. 0.0 where the system does not count them, or the
    process is gone."""
    waited = 0.0
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):  # it has ended meanwhile
                waited += int((thread / "schedstat").read_text().split()[1]) / 1e9
    return waited


async def allowed(seconds: float, doing: Callable[[int], Awaitable[Any]]) -> float:
    """So many seconds; more on a machine that is slow at this even while it does nothing else (`TURNS`), but no more than four times as many."""
    took = []
    for number in range(20):
        began = time.monotonic()
        await doing(number)
        took.append(time.monotonic() - began)
    return max(seconds, min(4 * seconds, TURNS * median(took)))


async def too_late(doing: Coroutine[Any, Any, Any], reached: asyncio.Event) -> Any:
    """What comes of it where an hour goes by once that is reached, however long that took."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(doing)
        await reached.wait()
        now = loop.time
        loop.time = lambda: now() + 3600  # type: ignore[method-assign]
    return task.result()


async def until(true: Callable[[], Awaitable[Any]], *, seconds: float = MOST, every: float = 0.02) -> Any:
    """What it comes to once it is true; fails when that takes longer. `seconds` are those of a machine that has nothing else to do: they last
    longer while this one has, and a moment in which it did nothing here is no more than ten looks. It ends after `LONGEST` in any case."""
    loop = asyncio.get_running_loop()
    left, last = seconds, loop.time()
    lately = deque[float](maxlen=LATELY)
    async with asyncio.timeout(max(seconds, LONGEST)):
        while not (found := await true()):
            if left < 0:
                raise TimeoutError(f"not within {seconds} s of a machine that has nothing else to do")
            slept = loop.time()
            await asyncio.sleep(every)
            woke = loop.time()
            lately.append(max(slower(), (woke - slept) / every))
            left -= min(woke - last, 10 * every) / max(lately)
            last = woke
    return found
