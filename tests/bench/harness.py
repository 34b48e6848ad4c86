"""What the benchmarks share: the service as a process, the load generator as another, results as JSON lines."""

import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LOADED = 64
"""Connections, and events in a group, where many come at once."""
PYTHON = sys.executable
ENV = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""What is measured runs from compiled bytecode, as an installed service does."""

_tills = itertools.count(1)
QUIET_ROUTE = """
[[route]]
on = "*"
to = "customer"
via = ["twilio"]
delay = "12h"
"""
SEND_ROUTE = """
[[route]]
on = "*"
to = "customer"
via = ["twilio"]
supersede = false
"""


def result(name: str, value: float, *, unit: str, limit: str, **more: Any) -> None:
    """One JSON line: the value is a ratio to a peer or limit measured in the same run wherever `unit` is "x"."""
    print(json.dumps({"bench": name, "value": round(value, 4), "unit": unit, "limit": limit, **more}), flush=True)


def percentile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def cpu_seconds(pid: int) -> float:
    """Of the processor, that a process has used in all."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Tether:
    """A running service in a folder of its own."""

    def __init__(self, folder: Path, process: "subprocess.Popen[str]", url: str, token: str) -> None:
        self.folder = folder
        self.process = process
        self.url = url
        self.token = token

    @property
    def pid(self) -> int:
        return self.process.pid

    def written(self) -> int:
        """Bytes that the process has caused to be written to the disk."""
        lines = Path(f"/proc/{self.pid}/io").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])

    def resident(self) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)

    def get(self, path: str) -> Any:
        request = urllib.request.Request(f"{self.url}{path}", headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


def config(folder: Path, *, provider: str = "http://127.0.0.1:9", route: str = QUIET_ROUTE, extra: str = "") -> Path:
    """A store with one channel. No quiet hours, so that a benchmark runs at any hour."""
    file = folder / "tether.toml"
    file.write_text(
        '[hook]\nport = 0\nrate = "1000000/s"\n[quiet_hours]\nenabled = false\n[planning]\ndefault_routes = false\n'
        '[sms]\ndaily_parts = 1000000000\nprices = { "*" = "0" }\nnew_numbers = 0\n'
        f'[channels.twilio]\nfrom = "+15005550006"\nbase_url = "{provider}"\nrate = "1000000/s"\nconcurrency = 32\n'
        f"{route}\n{extra}"
    )
    (folder / ".env").write_text(f"TWILIO_ACCOUNT_SID=AC{'0' * 32}\nTWILIO_AUTH_TOKEN={'1' * 32}\n")
    return file


def tether(file: Path, *arguments: str) -> str:
    done = subprocess.run(
        [PYTHON, "-m", "daemon", *arguments, "--config", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@contextlib.contextmanager
def running(
    file: Path, *, env: Mapping[str, str] | None = None, make_token: bool = True, module: str = "daemon"
) -> Iterator[Tether]:
    """The service on that configuration, until the block ends."""
    token = tether(file, "token", "new", f"till-{next(_tills)}", "--scope", "admin") if make_token else ""
    process = subprocess.Popen(
        [PYTHON, "-m", module, "run", "--config", str(file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**ENV, **(env or {}), "TETHER_LOG_FORMAT": "json"},
    )
    try:
        yield Tether(file.parent, process, url_of(process), token)
    finally:
        process.terminate()
        process.wait(60)


def url_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if "taking events" in line:
            return str(
                next(word for word in line.replace('"', " ").replace("=", " ").split() if word.startswith("http"))
            )
    raise RuntimeError("the service did not start:\n" + "".join(seen))


@contextlib.contextmanager
def check_server() -> Iterator[str]:
    process = subprocess.Popen([PYTHON, "-m", "tests.bench.check_server"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


def load(url: str, token: str, connections: int, seconds: float, rate: float = 0.0) -> dict[str, float]:
    """One run of the load generator: as fast as it is answered, or at so many a second. Raises when an answer was not 202."""
    done = subprocess.run(
        [
            PYTHON,
            "-m",
            "tests.bench.loadgen",
            f"{url}/v1/events",
            token,
            str(connections),
            str(seconds),
            f"b{time.time_ns()}",
            str(rate),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, float] = json.loads(done.stdout)
    if answer["bad"]:
        raise RuntimeError(f"{answer['bad']} answers were not 202")
    return answer


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder on a disk that syncs (not a RAM disk)."""
    with tempfile.TemporaryDirectory(
        prefix="tether-bench-", dir=os.environ.get("TETHER_BENCH_DIR", "/var/tmp")
    ) as name:
        yield Path(name)
