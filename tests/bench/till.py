"""A till's single request while messages go out: side by side with a script that a shop's own developer would write (Flask and SQLite)."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.delivery import sink
from tests.bench.harness import PYTHON, ROOT, SEND_ROUTE, config, folder, load, median, result, running
from tests.bench.loadgen import EVENT

BACKLOG = 1000
"""Waiting when the till begins, so that there is always something to send."""


@contextmanager
def script(database: Path, provider: str) -> Iterator[str]:
    command = [PYTHON, "-m", "tests.bench.flask_script", str(database), provider]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


def fill(url: str, token: str, prefix: str) -> None:
    for start in range(0, BACKLOG, 500):
        events = [EVENT % (f"{prefix}-{n}", f"{prefix}-{n}") for n in range(start, start + 500)]
        request = urllib.request.Request(
            f"{url}/v1/events",
            data=f"[{','.join(events)}]".encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            json.load(answer)


def main(runs: int = 5, seconds: float = 1.5) -> None:
    ours, theirs = [], []
    with (
        folder() as place,
        sink(0.02) as provider,
        running(config(place, provider=provider, route=SEND_ROUTE)) as service,
        script(place / "script.db", provider) as flask,
    ):
        for run in range(runs):
            fill(service.url, service.token, f"o{run}")
            ours.append(load(service.url, service.token, 1, seconds)["p50_ms"])
            fill(flask, "", f"f{run}")
            theirs.append(load(flask, "none", 1, seconds)["p50_ms"])
    result(
        "a till's request while messages go out, over a Flask and SQLite script's",
        median(ours) / median(theirs),
        unit="x",
        limit="<= 1.3",
        p50_ms=median(ours),
        script_p50_ms=median(theirs),
    )


if __name__ == "__main__":
    main(*(float(word) if "." in word else int(word) for word in sys.argv[1:]))  # type: ignore[arg-type]
