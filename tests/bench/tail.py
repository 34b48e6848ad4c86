"""How long the slowest wait: the hook's 99th percentile beside its median and beside the disk's own, and what kept the loop for long."""

import json
import os
import sys
import time
from pathlib import Path

from tests.bench.harness import config, folder, load, median, percentile, result, running

PAGE = b"x" * 4096
OPEN_LOOP = 500


def syncs(place: Path, runs: int = 300) -> list[float]:
    """One page appended to a file and synced: ms each."""
    times = []
    with (place / "sync").open("wb", buffering=0) as file:
        for _ in range(runs):
            file.write(PAGE)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return times


def main(seconds: float = 4.0, runs: int = 3) -> None:
    with folder() as place:
        turns = place / "turns"
        turns.touch()
        file = config(place)
        with running(file) as service:
            load(service.url, service.token, 16, 1.0)
            for connections in (1, 16, 64):
                seen = [load(service.url, service.token, connections, seconds) for _ in range(runs)]
                p50, p99 = (median([one[name] for one in seen]) for name in ("p50_ms", "p99_ms"))
                result(
                    f"p99 of accept over its own median at {connections} connections",
                    p99 / p50,
                    unit="x",
                    limit="<= 4",
                    p50_ms=p50,
                    p99_ms=p99,
                )
            disk, waits = [], []
            for _ in range(runs):
                disk.append(percentile(syncs(place), 0.99))
                waits.append(load(service.url, service.token, 64, seconds, OPEN_LOOP)["p99_ms"])
        result(
            f"p99 at {OPEN_LOOP} events a second, more than the p99 of a sync",
            median(waits) - median(disk),
            unit="ms",
            limit="<= 15",
            p99_ms=median(waits),
            sync_p99_ms=median(disk),
        )
        with running(file, module="tests.bench.watched", env={"TETHER_BENCH_TURNS": str(turns)}) as service:
            load(service.url, service.token, 64, 1.0)
            turns.write_bytes(b"")  # what the start takes keeps nobody waiting
            load(service.url, service.token, 64, seconds * 2, OPEN_LOOP)
        long = [json.loads(line) for line in turns.read_text().splitlines()]
        longest = max(long, key=lambda turn: float(turn["ms"]), default={"ms": 0.0, "in": []})
        result("longest turn of the loop, of those over 5 ms", longest["ms"], unit="ms", limit="0", turns=long[:20])


if __name__ == "__main__":
    main(*(float(word) if "." in word else int(word) for word in sys.argv[1:]))  # type: ignore[arg-type]
