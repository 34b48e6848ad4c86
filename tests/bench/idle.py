"""What an idle service costs: memory, processor, disk."""

import subprocess
import sys
import time

from tests.bench.harness import ENV, PYTHON, config, folder, load, result, running

SETTLES = 40
"""Seconds until the first look around after the last event is over: a reader then marks its place in the log's index, once."""
IMPORTS = "import aiohttp, aiosqlite, jinja2"


def bare_memory() -> int:
    """Resident bytes of a process that imports the same libraries and waits."""
    program = f"{IMPORTS}; import re; print(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    return (
        int(subprocess.run([PYTHON, "-c", program], capture_output=True, text=True, check=True, env=ENV).stdout) * 1024
    )


def main(seconds: int = 30) -> None:
    with folder() as place:
        file = config(place)
        with running(file) as service:
            load(service.url, service.token, 1, 0.2)
            time.sleep(SETTLES)
            memory, cpu, written = service.resident(), service.cpu_seconds(), service.written()
            time.sleep(seconds)
            cpu, written = service.cpu_seconds() - cpu, service.written() - written
            result(
                "idle memory over a bare process", memory / bare_memory(), unit="x", limit="<= 1.4", mib=memory / 2**20
            )
            result("idle processor", 100 * cpu / seconds, unit="%", limit="< 0.3")
            result("idle writes to the disk", written, unit="bytes", limit="0")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
