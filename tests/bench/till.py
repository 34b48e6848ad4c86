"""A till's single request while texts go out: over a script with Flask and SQLite that does the same, in turns with it.

Flask's own server takes one request a connection, so both are asked so: as a till does that calls curl, or `requests.post`.
"""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.delivery import sink, taken
from tests.bench.harness import PYTHON, ROOT, SEND_ROUTE, config, folder, median, percentile, result, running
from tests.bench.loadgen import EVENT


@contextlib.contextmanager
def script(place: Path, provider: str) -> Iterator[str]:
    process = subprocess.Popen(
        [PYTHON, "-m", "tests.bench.till_script", str(place), provider], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def posted(url: str, token: str, event: str) -> float:
    """Seconds from the call to the end of the answer, the connection included. (Flask's server then waits 10 ms for more before it ends it.)"""
    parts = urlsplit(url)
    request = (
        f"POST /v1/events HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(event)}\r\nConnection: close\r\n\r\n{event}"
    ).encode()
    began = time.perf_counter()
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as line:
        line.sendall(request)
        with line.makefile("rb") as answer:
            status = answer.readline()
            headers = dict(header.rstrip().lower().split(b": ", 1) for header in iter(answer.readline, b"\r\n"))
            answer.read(int(headers[b"content-length"]))
            took = time.perf_counter() - began
    if b" 202 " not in status:
        raise RuntimeError(f"it was not taken: {status!r}")
    return took


def till(url: str, token: str, provider: str, seconds: float) -> list[float]:
    """The waits of a till that posts one after the other, the text of each going out meanwhile; ends when all have gone out."""
    before = taken(provider)
    waits: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        name = f"t-{time.time_ns()}"
        waits.append(posted(url, token, EVENT % (name, name)))
    while taken(provider) < before + len(waits):
        time.sleep(0.01)
    return waits


def main(seconds: float = 1.0, runs: int = 20) -> None:
    """In short turns, now one first and now the other: who comes after the other finds its leavings in the caches, and the machine changes."""
    with (
        folder() as place,
        sink(0.0) as provider,
        script(place, provider) as theirs,
        running(config(place, provider=provider, route=SEND_ROUTE)) as service,
    ):
        ours, peer = list[float](), list[float]()
        turns = [(service.url, service.token, ours), (theirs, "check", peer)]
        for _ in range(runs):
            turns.reverse()
            for url, token, seen in turns:
                seen += till(url, token, provider, seconds)
    p50, peer_p50 = (median(seen) * 1000 for seen in (ours, peer))
    p99, peer_p99 = (percentile(seen, 0.99) * 1000 for seen in (ours, peer))
    result(
        "a till's request while texts go out, over a Flask and SQLite script",
        p50 / peer_p50,
        unit="x",
        limit="<= 1.3",
        p50_ms=p50,
        p99_ms=p99,
        script_p50_ms=peer_p50,
        script_p99_ms=peer_p99,
    )


if __name__ == "__main__":
    main(*(float(word) if "." in word else int(word) for word in sys.argv[1:]))  # type: ignore[arg-type]
