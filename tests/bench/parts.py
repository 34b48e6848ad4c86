"""The processor time of an event's whole life (taken, planned, tried, sent, settled, on record) over the sum of its bare parts, and
where the rest goes. `make bench parts`.

Processor time is counted, not the clock's, and the parts and the service take turns, so that what else the machine does changes little.
The parts are `tests.bench.bare`; on the other side stands the whole service, with its signature checks, its routes and its record.
"""

import asyncio
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import aiohttp

from tests.bench import sampled
from tests.bench.bare import REST
from tests.bench.delivery import sink as sinking
from tests.bench.delivery import taken
from tests.bench.harness import LOADED, PYTHON, ROOT, SEND_ROUTE, Tether, config, folder, load, median, result, running
from tests.bench.loadgen import EVENT
from tests.bench.syncs import counting

LOOK_EVERY = 0.0005
"""Seconds between looks into the database, from outside, whether the outcome is in it."""
NEWEST = "SELECT state FROM message ORDER BY seq DESC LIMIT 1"
LIVES = 300
SIZES = {"check": 20_000, "render": 4_000, "post": 3_000, "rows": 3_200}
SIZES_ALONE = {"check": 300, "render": 300, "post": 300, "rows": 300}


@contextmanager
def bare_server() -> Iterator[str]:
    process = subprocess.Popen([PYTHON, "-m", "tests.bench.bare", "serve"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def bare(part: str, together: int, count: int, provider: str) -> float:
    """Microseconds for each event."""
    done = subprocess.run(
        [PYTHON, "-m", "tests.bench.bare", part, str(together), str(count), provider],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def served(server: str, connections: int, seconds: float, rate: float = 0.0) -> float:
    """Microseconds of the bare server's processor for each request; `rate`: of so many a second."""

    def used() -> float:
        with urllib.request.urlopen(f"{server}/used", timeout=10) as answer:
            return float(answer.read())

    before = used()
    count = load(server, "bare", connections, seconds, rate)["requests"]
    return (used() - before) / count * 1e6


@contextmanager
def fresh(provider: str) -> Iterator[tuple[Tether, Callable[[], int]]]:
    """A service of its own, and how many syncs it has made. What it measures must end within the ten seconds after which the first receipt is
    asked for: that is one more request, and no part of what is measured."""
    with folder() as place:
        environment, syncs = counting(place)
        with running(config(place, provider=provider, route=SEND_ROUTE), env=environment) as service:
            yield service, syncs


def loaded_life(service: Tether, provider: str, seconds: float) -> float:
    """Microseconds of the service's processor for each of the events that come by 64 connections, until the last is on record."""
    before, at = service.cpu_seconds(), taken(provider)
    count = int(load(service.url, service.token, LOADED, seconds)["requests"])
    while taken(provider) < at + count:
        time.sleep(0.05)
    while service.get("/v1/status")["waiting"]:
        time.sleep(0.05)
    return (service.cpu_seconds() - before) / count * 1e6


async def lone_lives(service: Tether, count: int, prefix: str) -> float:
    """The same for events that come one at a time, each when the one before is on record."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {service.token}"}
    record = sqlite3.connect(f"file:{service.folder / 'tether.db'}?mode=ro", uri=True, isolation_level=None)
    async with aiohttp.ClientSession() as session:
        before = service.cpu_seconds()
        for number in range(count):
            event = EVENT % (f"{prefix}-{number}", f"{prefix}-{number}")
            async with session.post(f"{service.url}/v1/events", data=event, headers=headers) as answer:
                assert answer.status == 202, await answer.text()
            while record.execute(NEWEST).fetchone() != ("sent",):
                await asyncio.sleep(LOOK_EVERY)
        used = service.cpu_seconds() - before
    record.close()
    return used / count * 1e6


def rounds(runs: int, measures: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Each in turn, as often; the medians."""
    seen: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(runs):
        for name, measure in measures.items():
            seen[name].append(measure())
    return {name: median(values) for name, values in seen.items()}


def told(name: str, seen: dict[str, float], limit: float, **more: float) -> None:
    whole = seen.pop("life")
    parts = sum(seen.values())
    result(
        f"an event's whole life over the sum of its bare parts, {name}",
        whole / parts,
        unit="x",
        limit=f"<= {limit}",
        life_us=round(whole),
        parts_us=round(parts),
        **{f"{part}_us": round(value, 1) for part, value in seen.items()},
        **more,
    )


def loaded(server: str, runs: int, seconds: float) -> None:
    sizes, synced = [], []

    def life() -> float:
        with fresh(provider) as (service, syncs):
            loaded_life(service, provider, 0.5)
            at, bytes_before, syncs_before = taken(provider), service.written(), syncs()
            took = loaded_life(service, provider, seconds)
            count = taken(provider) - at
            sizes.append((service.written() - bytes_before) / count)
            synced.append((syncs() - syncs_before) / count)
            return took

    with sinking(0.0) as provider:
        seen = rounds(
            runs,
            {
                "serve": lambda: served(server, LOADED, seconds),
                **{part: _bare(part, LOADED, count, provider) for part, count in SIZES.items()},
                "life": life,
            },
        )
    told("under load", seen, 1.35, syncs=round(median(synced), 2))
    result("written to the disk for an event's life, under load", median(sizes), unit="B", limit="<= 6000")


def alone(server: str, runs: int, seconds: float) -> None:
    sizes, synced = [], []

    def life() -> float:
        with fresh(provider) as (service, syncs):
            asyncio.run(lone_lives(service, 20, "warm"))
            bytes_before, syncs_before = service.written(), syncs()
            took = asyncio.run(lone_lives(service, LIVES, "life"))
            sizes.append((service.written() - bytes_before) / LIVES)
            synced.append((syncs() - syncs_before) / LIVES)
            return took

    with sinking(0.0) as provider:
        seen = rounds(
            runs,
            {
                "serve": lambda: served(server, 1, seconds, 1 / REST),
                **{part: _bare(part, 1, count, provider) for part, count in SIZES_ALONE.items()},
                "life": life,
            },
        )
    told("one at a time", seen, 1.6)
    result("written to the disk for an event's life, one at a time", median(sizes), unit="B", limit="<= 35000")
    result("syncs for an event's life, one at a time", median(synced), unit="", limit="<= 3")


def main(runs: int = 5, seconds: float = 1.5) -> None:
    with bare_server() as server:
        loaded(server, runs, seconds)
        alone(server, runs, seconds)
    sampled.main(seconds * 2)


def _bare(part: str, together: int, count: int, provider: str) -> Callable[[], float]:
    return lambda: bare(part, together, count, provider)


if __name__ == "__main__":
    main(*(float(word) if "." in word else int(word) for word in sys.argv[1:]))  # type: ignore[arg-type]
