"""`python -m tests.bench.watched run ...` is `tether run ...`, watched: whatever keeps the loop for more than 5 ms of its thread's
processor time is named, a JSON line each, in the file that TETHER_BENCH_TURNS names."""

import json
import os
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from daemon.cli import main

LONG = 0.005
EVERY = 0.001
_OUTSIDE = ("runners.py", "process.py")


def watch(told: Path) -> None:
    """Looks which callback or task the loop is in, again and again; the same one for so long is a long turn."""
    loop = threading.main_thread().ident
    assert loop is not None
    clock = time.pthread_getcpuclockid(loop)
    current: FrameType | None = None
    since, reported = 0.0, False
    while True:
        time.sleep(EVERY)
        stack = _stack(sys._current_frames().get(loop))
        turn, now = (stack[0] if stack else None), time.clock_gettime(clock)
        if turn is None or turn is not current:
            current, since, reported = turn, now, False
        elif now - since > LONG and not reported:
            reported = True
            with told.open("a") as file:
                places = [f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_name}" for frame in stack]
                file.write(json.dumps({"ms": round((now - since) * 1000, 1), "in": places[:1] + places[-3:]}) + "\n")


def _stack(frame: FrameType | None) -> list[FrameType]:
    """The frames within the loop, the outermost first; none while it waits, or before it runs."""
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    frames.reverse()
    runs = [n for n, each in enumerate(frames) if Path(each.f_code.co_filename).name == "runners.py"]
    return frames[runs[-1] + 1 :] if runs else []


if __name__ == "__main__":
    threading.Thread(target=watch, args=(Path(os.environ["TETHER_BENCH_TURNS"]),), daemon=True).start()
    main()
