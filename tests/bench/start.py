"""How soon things are there: the service after its start; a command's help, its status; the
counter's screen on a terminal. Each over something bare of the same run, in processor time where nothing is waited for."""

import os
import pty
import resource
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.harness import ENV, PYTHON, ROOT, config, cpu_seconds, folder, median, result, running, tether
from tests.bench.loadgen import EVENT

IMPORTS = "import aiohttp, aiosqlite, jinja2"
BARE_SCREEN = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("hello")
Bare().run()
"""
IDLE_SECONDS = 10.0
PAINTED = 400
"""Bytes on the terminal: more than is sent to set it up."""


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


def import_seconds() -> float:
    began = time.perf_counter()
    subprocess.run([PYTHON, "-c", IMPORTS], check=True, env=ENV)
    return time.perf_counter() - began


def work(*command: str) -> float:
    """Seconds of processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, env=ENV, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def on_a_terminal(command: Sequence[str]) -> Iterator[tuple[int, int]]:
    """(process, its terminal), until the block ends."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execvpe(command[0], list(command), {**ENV, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"})
    try:
        yield pid, terminal
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def first_paint(command: Sequence[str]) -> float:
    """Seconds from the start until the first page stands on the terminal."""
    began = time.perf_counter()
    with on_a_terminal(command) as (_, terminal):
        seen = b""
        while len(seen.partition(b"\x1b[?1049h")[2]) < PAINTED:
            if not select.select([terminal], [], [], 30)[0]:
                raise RuntimeError(f"nothing was painted: {seen[-300:]!r}")
            seen += os.read(terminal, 65536)
        return time.perf_counter() - began


def idle_share(command: Sequence[str], seconds: float) -> float:
    """Percent of one processor that it takes while nobody touches it."""
    with on_a_terminal(command) as (pid, terminal):
        drained(terminal, 6.0)
        before = cpu_seconds(pid)
        drained(terminal, seconds)
        return (cpu_seconds(pid) - before) / seconds * 100


def drained(terminal: int, seconds: float) -> None:
    """Read what is painted, for so long."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            os.read(terminal, 65536)


def over(runs: int, ours: Callable[[], float], bare: Callable[[], float]) -> tuple[float, float]:
    """(median of ours, of the bare one), taking turns."""
    pairs = [(ours(), bare()) for _ in range(runs)]
    return median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])


def main(runs: int = 5) -> None:
    with folder() as place:
        file = config(place)
        token = tether(file, "token", "new", "start", "--scope", "events")
        import_seconds()  # compiles what was never imported before
        start_seconds(file, token)
        start, bare = over(runs, lambda: start_seconds(file, token), import_seconds)
        result("start to first 202 over the imports alone", start / bare, unit="x", limit="<= 1.6", ms=start * 1000)
        for words in (("--help",), ("--version",), ("orders", "--help")):
            ours, bare = over(
                runs, lambda words=words: work(PYTHON, "-m", "daemon", *words), lambda: work(PYTHON, "-c", "pass")
            )  # type: ignore[misc]
            name = f"processor of `tether {' '.join(words)}` over an empty Python"
            result(name, ours / bare, unit="x", limit="<= 8", ms=ours * 1000)
        with running(file, make_token=False):
            status = median([work(PYTHON, "-m", "daemon", "status", "--config", str(file)) for _ in range(runs)])
            result("processor of `tether status`", status * 1000, unit="ms", limit="")
            screen = [PYTHON, "-m", "daemon", "tui", "--config", str(file)]
            ours, bare = over(runs, lambda: first_paint(screen), lambda: first_paint([PYTHON, "-c", BARE_SCREEN]))
            result(
                "first paint of `tether tui` over textual's bare hello",
                ours / bare,
                unit="x",
                limit="<= 3",
                ms=ours * 1000,
            )
            share = idle_share(screen, IDLE_SECONDS)
            result("processor of an idle `tether tui`", share, unit="%", limit="< 1")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
