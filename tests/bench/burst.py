"""A till that was offline posts 500 events at once while the shop works: how long a single event, and what the counter's screen asks for,
wait meanwhile; and whether those are told first who are to be told first."""

import asyncio
import re
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp

from tests.bench import sink
from tests.bench.harness import config, folder, percentile, result, running
from tests.bench.loadgen import EVENT
from tests.bench.tail import syncs

EVENTS, URGENT = 500, 25
ROUTES = """
[[route]]
on = "order.ready"
to = "customer"
via = ["twilio"]
priority = "high"
[[route]]
on = "order.placed"
to = "customer"
via = ["twilio"]
"""
PROVIDER_SECONDS = 0.05
REF = re.compile(rb"b\d+-(\d+)")


def batch(run: int) -> str:
    """The urgent ones come last, as they do when a till tells of a whole morning."""
    events = [EVENT % (f"b{run}-{n}", f"b{run}-{n}") for n in range(EVENTS)]
    return (
        "["
        + ",".join(
            each if n >= EVENTS - URGENT else each.replace("order.ready", "order.placed")
            for n, each in enumerate(events)
        )
        + "]"
    )


async def waits(call: Callable[[int], Awaitable[None]], stop: asyncio.Event) -> list[float]:
    """ms for each of the calls, made one after the other until `stop`."""
    seen = []
    while not stop.is_set():
        began = time.perf_counter()
        await call(len(seen))
        seen.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.005)
    return seen


async def burst(url: str, token: str, run: int) -> tuple[float, list[float], list[float]]:
    """Seconds until the 500 are taken, and the waits of others meanwhile: of single events, and of the screen's list of orders."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    stop = asyncio.Event()
    async with aiohttp.ClientSession(url, headers=headers) as session:

        async def event(n: int) -> None:
            one = EVENT % (f"s{run}-{n}", f"s{run}-{n}")
            async with session.post("/v1/events", data=one.replace("order.ready", "order.picked")) as answer:
                assert answer.status == 202, await answer.text()

        async def orders(n: int) -> None:
            async with session.get("/v1/orders", params={"limit": "50"}) as answer:
                assert answer.status == 200
                await answer.read()

        singles, looks = (asyncio.create_task(waits(call, stop)) for call in (event, orders))
        await asyncio.sleep(0.1)
        began = time.perf_counter()
        async with session.post("/v1/events", data=batch(run)) as answer:
            assert answer.status == 202, await answer.text()
            await answer.read()
        took = time.perf_counter() - began
        await asyncio.sleep(0.3)
        stop.set()
        return took, await singles, await looks


async def measure(runs: int) -> None:
    arrived: list[bytes] = []
    listening, provider = await sink.serve(PROVIDER_SECONDS, arrived.append)
    worst_single, worst_look, taken, last = [], [], [], []
    with folder() as place:
        sync = percentile(syncs(place), 0.99)
        with running(config(place, provider=provider, route=ROUTES)) as service:
            for run in range(runs):
                arrived.clear()
                took, singles, looks = await burst(service.url, service.token, run)
                while len(arrived) < EVENTS:
                    await asyncio.sleep(0.05)
                told = [int(found[1]) for text in arrived if (found := REF.search(text))]
                urgent = [place for place, number in enumerate(told) if number >= EVENTS - URGENT]
                taken.append(took * 1000)
                worst_single.append(max(singles))
                worst_look.append(percentile(looks, 0.95))
                last.append(float(urgent[-1] + 1))
    listening.close()
    result(
        "a single event while 500 come at once, less two syncs",
        max(worst_single) - 2 * sync,
        unit="ms",
        limit="<= 100",
        batch_ms=max(taken),
    )
    result("the screen's orders meanwhile, p95", max(worst_look), unit="ms", limit="<= 50")
    result(
        f"place of the last of {URGENT} urgent ones among the {EVENTS} who are told",
        max(last),
        unit="",
        limit=f"<= {URGENT + 100}",
    )


def main(runs: int = 3) -> None:
    asyncio.run(measure(runs))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
