"""Where the processor goes while events come in and go out: a sampling profiler (py-spy) looks at the service from outside and the
samples are counted by room and by function. The profiler stops the service for each look, so nothing else is measured meanwhile."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.bench.delivery import sink
from tests.bench.harness import ENV, LOADED, PYTHON, ROOT, SEND_ROUTE, Tether, config, folder, load, tether, url_of

RATE = 400
MOST = 25
WAITING = ("wait", "_connection_worker_thread", "_worker", "run")
"""Whoever stands there waits for work, and uses no processor."""
_FRAME = re.compile(r"^(?P<function>.+?) \((?P<file>[^:()]+)(?::\d+)?\)$")


def profile(place: Path, provider: str, seconds: float) -> list[str]:
    """The samples, each a stack from the outside in and how often it was seen."""
    file = config(place, provider=provider, route=SEND_ROUTE)
    token = tether(file, "token", "new", "sampled", "--scope", "admin")
    samples = place / "samples"
    spy = [
        str(Path(PYTHON).with_name("py-spy")),
        "record",
        "--rate",
        str(RATE),
        "--format",
        "raw",
        "--full-filenames",
        "--output",
        str(samples),
    ]
    command = [*spy, "--", PYTHON, "-m", "daemon", "run", "--config", str(file)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**ENV, "TETHER_LOG_FORMAT": "json"},
        start_new_session=True,
    )
    service = Tether(place, process, url_of(process), token)
    load(service.url, service.token, LOADED, seconds)
    os.killpg(process.pid, 2)
    process.communicate(timeout=60)
    return samples.read_text().splitlines()


def main(seconds: float = 4.0) -> None:
    with folder() as place, sink(0.0) as provider:
        found = profile(place, provider, seconds)
    rooms: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for line in found:
        stack, _, count = line.rpartition(" ")
        function, room = _whose(stack.split(";")[-1])
        if function.rpartition(".")[2] in WAITING or "importlib" in stack:
            continue
        rooms[room] += int(count)
        functions[f"{room:28} {function}"] += int(count)
    total = sum(rooms.values())
    for title, counter in (("room", rooms), ("function (itself, without what it calls)", functions)):
        print(f"\n{title:70} share")
        for name, count in counter.most_common(MOST):
            print(f"{name:70} {100 * count / total:5.1f}")


def _whose(frame: str) -> tuple[str, str]:
    """The innermost function of a stack, and its file: ours within the tree, others' within their packages."""
    match = _FRAME.match(frame)
    if match is None:
        return frame, ""
    file = match["file"]
    for root in (f"{ROOT}/", "site-packages/", f"python{sys.version_info[0]}.{sys.version_info[1]}/"):
        if root in file:
            file = file.rpartition(root)[2]
    return match["function"], file


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
