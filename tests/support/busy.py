"""A machine that has other things to do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


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
