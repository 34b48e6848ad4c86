"""`make bench`: every benchmark in turn, a JSON line a result, then a table. `make bench quick` runs what tells most, shortly;
`make bench parts idle` runs those. It ends in time and fails no build: what could not be measured says so in its line.
"""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time

from tests.bench.harness import PYTHON, ROOT

ALL = (
    "parts",
    "tail",
    "accept",
    "slow_sync",
    "delivery",
    "latency",
    "till",
    "start",
    "idle",
    "burst",
    "store_bytes",
    "store_scaling",
    "screen",
    "fleet",
    "hq_page",
)
QUICK = {"parts": "1 1.0", "tail": "1.0 1", "delivery": "1 1500", "start": "2", "burst": "1"}
"""Those that `quick` runs, and how."""
SECONDS, QUICK_SECONDS = 15 * 60, 3 * 60
UNDOING = 20.0
"""Seconds that one which ran out of time has to end what it started: servers with sessions of their own, folders."""


def main(words: tuple[str, ...]) -> int:
    is_quick = "quick" in words
    names = [word for word in words if word != "quick"] or list(QUICK if is_quick else ALL)
    deadline = time.monotonic() + (QUICK_SECONDS if is_quick else SECONDS)
    print(json.dumps({"bench": "python", "version": sys.version}), flush=True)
    rows = []
    for name in names:
        arguments = QUICK.get(name, "").split() if is_quick else []
        rows += _run(name, arguments, deadline - time.monotonic())
    print(_table(rows))
    return 0


def _run(name: str, arguments: list[str], seconds: float) -> list[dict[str, object]]:
    """What one tells, as it comes; whatever it started ends with it."""
    process = subprocess.Popen(
        [PYTHON, "-m", f"tests.bench.{name}", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    late = threading.Timer(max(seconds, 0.0), process.send_signal, (signal.SIGINT,))
    too_late = threading.Timer(max(seconds, 0.0) + UNDOING, os.killpg, (process.pid, signal.SIGKILL))
    late.start()
    too_late.start()
    rows = []
    began = time.monotonic()
    for line in process.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        with contextlib.suppress(json.JSONDecodeError):
            rows.append(json.loads(line))
    code = process.wait()
    late.cancel()
    too_late.cancel()
    told: dict[str, object] = {"bench": name, "seconds": round(time.monotonic() - began, 1)}
    if code:
        told["error"] = (
            "there was no time left for it" if code in (-signal.SIGINT, -signal.SIGKILL) else f"exited with {code}"
        )
    print(json.dumps(told), flush=True)
    return rows


def _table(rows: list[dict[str, object]]) -> str:
    out = io.StringIO()
    out.write(f"\n{'what':66} {'seen':>12}  {'wanted':>10}\n")
    for row in rows:
        if "value" in row:
            out.write(f"{row['bench']!s:66} {row['value']!s:>10} {row['unit']!s:<2} {row['limit']!s:>10}\n")
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:])))
