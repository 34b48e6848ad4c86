"""A machine that has other things to do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
