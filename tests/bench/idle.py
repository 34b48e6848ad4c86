"""What an idle service costs: memory, processor, disk; and how soon after its start it takes an event."""

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.bench.harness import ENV, PYTHON, config, folder, load, median, result, running, tether
from tests.bench.loadgen import EVENT

SETTLES = 40
"""Seconds until the first look around after the last event is over: a reader then marks its place in the log's index, once."""
IMPORTS = "import aiohttp, aiosqlite, jinja2"


def bare_memory() -> int:
    """Resident bytes of a process that imports the same libraries and waits."""
    program = f"{IMPORTS}; import re; print(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    return (
        int(subprocess.run([PYTHON, "-c", program], capture_output=True, text=True, check=True, env=ENV).stdout) * 1024
    )


def import_seconds() -> float:
    began = time.perf_counter()
    subprocess.run([PYTHON, "-c", IMPORTS], check=True, env=ENV)
    return time.perf_counter() - began


def start_seconds(file: Path, token: str) -> float:
    """From the start of the process to its first 202."""
    began = time.perf_counter()
    with running(file, make_token=False) as service:
        request = urllib.request.Request(
            f"{service.url}/v1/events",
            data=(EVENT % (f"start-{time.time_ns()}", "B-1042")).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 202
        return time.perf_counter() - began


def main(seconds: int = 30, runs: int = 5) -> None:
    with folder() as place:
        file = config(place)
        with running(file) as service:
            load(service.url, service.token, 1, 0.2)
            time.sleep(SETTLES)
            memory, cpu, written = service.resident(), service.cpu_seconds(), service.written()
            time.sleep(seconds)
            cpu, written = service.cpu_seconds() - cpu, service.written() - written
            result(
                "idle memory over a bare process", memory / bare_memory(), unit="x", limit="<= 1.3", mib=memory / 2**20
            )
            result("idle processor", 100 * cpu / seconds, unit="%", limit="< 0.3")
            result("idle writes to the disk", written, unit="bytes", limit="0")
        token = tether(file, "token", "new", "start", "--scope", "events")
        import_seconds()  # compiles what was never imported before
        bare = median([import_seconds() for _ in range(runs)])
        start = median([start_seconds(file, token) for _ in range(runs)])
        result("start to first 202 over the imports alone", start / bare, unit="x", limit="<= 2.5", ms=start * 1000)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
