"""Delivery of a backlog, 32 in flight, every attempt and outcome on the disk: over a bare aiohttp client loop and over apprise."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import aiohttp

from tests.bench.harness import PYTHON, ROOT, SEND_ROUTE, Tether, config, folder, median, result, running
from tests.bench.loadgen import EVENT

IN_FLIGHT = 32
FORM = "To=%2B447700900123&From=%2B15005550006&Body=Hi+Ada%2C+your+balloons+%28order+B-1042%29+are+ready+to+collect."


@contextlib.contextmanager
def sink(delay: float) -> Iterator[str]:
    process = subprocess.Popen(
        [PYTHON, "-m", "tests.bench.sink", str(delay)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def taken(url: str) -> int:
    with urllib.request.urlopen(f"{url}/count", timeout=10) as answer:
        return int(answer.read())


def call(service: Tether, method: str, path: str, body: object) -> None:
    request = urllib.request.Request(
        f"{service.url}{path}",
        method=method,
        data=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {service.token}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=60).read()


def fill(service: Tether, count: int, prefix: str) -> None:
    """Post that many events while the channel is paused."""
    call(service, "POST", "/v1/channels/twilio/pause", {"reason": "benchmark"})
    for start in range(0, count, 500):
        events = [EVENT % (f"{prefix}-{n}", f"{prefix}-{n}") for n in range(start, min(start + 500, count))]
        call(service, "POST", "/v1/events", f"[{','.join(events)}]".encode())


def drain(service: Tether, provider: str, count: int) -> float:
    """Messages a second from the moment the channel is resumed until the provider has all."""
    target = taken(provider) + count
    began = time.perf_counter()
    call(service, "POST", "/v1/channels/twilio/resume", {})
    while taken(provider) < target:
        time.sleep(0.005)
    return count / (time.perf_counter() - began)


async def bare(provider: str, count: int) -> float:
    """The same requests from a bare aiohttp client, 32 in flight, nothing kept."""
    left = iter(range(count))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for _ in left:
                async with session.post(
                    f"{provider}/2010-04-01/Accounts/AC0/Messages.json",
                    data=FORM,
                    headers={"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic x"},
                ) as answer:
                    json.loads(await answer.read())

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        return count / (time.perf_counter() - began)


def by_apprise(provider: str, seconds: float) -> float:
    """Messages a second that apprise gets rid of by its own JSON plugin, one call each, its throttle switched off."""
    import apprise
    from apprise.plugins.custom_json import NotifyJSON

    NotifyJSON.request_rate_per_sec = 0
    one = apprise.Apprise()
    one.add(provider.replace("http://", "json://"))
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        count += bool(one.notify(body="Hi Ada, your balloons (order B-1042) are ready to collect."))
    return count / (time.perf_counter() - began)


def main(runs: int = 5, count: int = 4000) -> None:
    with folder() as place, sink(0.0) as instant:
        with running(config(place, provider=instant, route=SEND_ROUTE)) as service:
            ours, theirs = [], []
            for run in range(runs):
                theirs.append(asyncio.run(bare(instant, count)))
                fill(service, count, f"d{run}-{time.time_ns()}")
                ours.append(drain(service, instant, count))
        result(
            "delivery over a bare aiohttp client at 32 in flight",
            median(ours) / median(theirs),
            unit="x",
            limit=">= 0.6",
            per_second=median(ours),
            bare_per_second=median(theirs),
        )
        apprise_rate = by_apprise(instant, 3.0)
        result(
            "delivery over apprise",
            median(ours) / apprise_rate,
            unit="x",
            limit=">= 10",
            apprise_per_second=apprise_rate,
        )
    with folder() as place, sink(0.1) as slow, running(config(place, provider=slow, route=SEND_ROUTE)) as service:
        fill(service, 1600, f"s{time.time_ns()}")
        rate = drain(service, slow, 1600)
        result(
            "delivery to a provider that takes 100 ms, over 32 / 0.1 s",
            rate / 320,
            unit="x",
            limit=">= 0.95",
            per_second=rate,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
