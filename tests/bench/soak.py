"""`make soak`: a busy day's 100,000 events in an hour, each with its text, and what the service's memory does meanwhile.

    python -m tests.bench.soak [SECONDS]

It ends by itself. A line each minute; at the end the most memory after the first third, over what it was then, and over a bare process.
"""

import json
import sys
import time

from tests.bench.delivery import sink
from tests.bench.harness import SEND_ROUTE, config, folder, load, result, running
from tests.bench.idle import bare_memory

DAY = 100_000
HOUR = 3600
SLICES = 60


def main(seconds: float = HOUR) -> None:
    rate = DAY / HOUR
    seen: list[int] = []
    with (
        folder() as place,
        sink(0.05) as provider,
        running(config(place, provider=provider, route=SEND_ROUTE)) as service,
    ):
        began = time.monotonic()
        for number in range(SLICES):
            load(service.url, service.token, 8, seconds / SLICES, rate)
            seen.append(service.resident())
            told = {"seconds": round(time.monotonic() - began), "slice": number, "mib": round(seen[-1] / 2**20, 1)}
            print(json.dumps(told), flush=True)
    settled, most = seen[SLICES // 3 - 1], max(seen[SLICES // 3 :])
    result(
        "memory over a bare process after a day's load",
        most / bare_memory(),
        unit="x",
        limit="<= 1.6",
        mib=most / 2**20,
    )
    result("most memory after the first third, over what it was then", most / settled, unit="x", limit="<= 1.02")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
