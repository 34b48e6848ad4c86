"""Durable accept over a bare handler: the same load on both, in turn, medians of the runs."""

import sys

from tests.bench.harness import check_server, config, folder, load, median, result, running

TARGETS = {64: 0.70, 16: 0.65, 1: 0.30}


def main(runs: int = 5, seconds: float = 3.0) -> None:
    with folder() as place, check_server() as check, running(config(place)) as service:
        load(service.url, service.token, 16, 1.0)
        load(check, "check", 16, 1.0)
        for connections, target in TARGETS.items():
            ours, theirs, tail, their_tail = [], [], [], []
            for _ in range(runs):
                peer = load(check, "check", connections, seconds)
                mine = load(service.url, service.token, connections, seconds)
                theirs.append(peer["rps"])
                ours.append(mine["rps"])
                tail.append(mine["p99_ms"])
                their_tail.append(peer["p99_ms"])
            result(
                f"accept over check at {connections} connections",
                median(ours) / median(theirs),
                unit="x",
                limit=f">= {target}",
                per_second=median(ours),
                check_per_second=median(theirs),
            )
            if connections == 64:
                result(
                    "p99 of accept over check's at 64",
                    median(tail) / median(their_tail),
                    unit="x",
                    limit="<= 2",
                    p99_ms=median(tail),
                )


if __name__ == "__main__":
    main(*(float(word) if "." in word else int(word) for word in sys.argv[1:]))  # type: ignore[arg-type]
