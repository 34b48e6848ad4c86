"""From the post of an event to its text at the provider, on an idle service: over a bare aiohttp round trip plus one sync."""

import asyncio
import os
import sys
import time
from pathlib import Path

import aiohttp

from tests.bench import sink
from tests.bench.harness import SEND_ROUTE, check_server, config, folder, median, result, running
from tests.bench.loadgen import EVENT


def sync_seconds(place: Path, runs: int = 100) -> float:
    """One page appended to a file and synced."""
    with (place / "sync").open("wb", buffering=0) as file:
        times = []
        for _ in range(runs):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return median(times)


async def measure(place: Path, runs: int) -> tuple[float, float]:
    arrived = asyncio.Event()
    server, provider = await sink.serve(0.0, lambda request: arrived.set())
    with check_server() as check, running(config(place, provider=provider, route=SEND_ROUTE)) as service:
        async with aiohttp.ClientSession() as session:
            bare, whole = [], []
            for run in range(runs + 5):
                event = EVENT % (f"l-{run}", f"l-{run}")
                headers = {"Content-Type": "application/json"}
                began = time.perf_counter()
                async with session.post(
                    f"{check}/v1/events", data=event, headers={**headers, "Authorization": "Bearer check"}
                ) as answer:
                    await answer.read()
                bare.append(time.perf_counter() - began)
                await asyncio.sleep(0.05)
                arrived.clear()
                began = time.perf_counter()
                async with session.post(
                    f"{service.url}/v1/events",
                    data=event,
                    headers={**headers, "Authorization": f"Bearer {service.token}"},
                ) as answer:
                    await answer.read()
                await arrived.wait()
                whole.append(time.perf_counter() - began)
                await asyncio.sleep(0.05)
    server.close()
    return median(bare[5:]), median(whole[5:])


def main(runs: int = 60) -> None:
    with folder() as place:
        sync = sync_seconds(place)
        bare, whole = asyncio.run(measure(place, runs))
    result(
        "post to provider on an idle service, over a round trip plus a sync",
        whole / (bare + sync),
        unit="x",
        limit="<= 4",
        ms=whole * 1000,
        round_trip_ms=bare * 1000,
        sync_ms=sync * 1000,
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
