"""Strangers on the shop's network want the service's memory and descriptors, so that the shop's own till and counter get nowhere.

* They hold hundreds of connections open and say nothing, or the beginning of a request.
* They claim a signature and send the body that would have to be read to check it, megabytes of it, and never its last byte.
* They ask for the largest page that there is, and take nothing of it.
"""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from daemon.runtime.descriptors import TCP
from tests.security.attack.invariants import MOST_MB
from tests.support.busy import LONGEST, allowed, kept_waiting
from tests.support.ports import free_port
from tests.support.shop import Shop, event, open_shop

ROUTES = """
[planning]
default_routes = false
[[route]]
on = "order.ready"
to = "customer"
via = ["twilio"]
"""
SOON_S = 9.0
PATIENT = {
    f"daemon.api.plumbing.{what}": LONGEST
    for what in ("gate.UNVOUCHED_BODY_WAIT_S", "unvouched.PATIENCE_S", "reply.WRITE_WAIT_S", "places.REQUEST_WAIT_S")
}
"""No stranger is given up while a test lasts: who is heard has not waited for that, however slow the machine is."""
MANY = 450
SOON = 20
"""Descriptors that are let go in this moment, or are the service's own work."""
SEGMENT = 536
"""The smallest pieces that a line may ask for: the system reckons with them, and keeps little for one that takes nothing."""
ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


class Till:
    """The shop's own: a new connection for each event, by TCP and a token."""

    def __init__(self, shop: Shop, port: int, token: str) -> None:
        self._shop = shop
        self._url = f"http://127.0.0.1:{port}"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._within = SOON_S

    async def looks_at_the_machine(self) -> None:
        """While there is no stranger."""
        self._within = await allowed(SOON_S, lambda number: self._posts(event(number, "order.placed")))

    async def tells(self, number: int | str) -> None:
        async with self.soon():
            await self._posts(event(number))

    @asynccontextmanager
    async def soon(self) -> AsyncIterator[None]:
        """It takes no longer than it may (`SOON_S`), but for what the service and this process, which holds all the strangers, waited for a
        processor."""

        def now() -> float:
            return time.monotonic() - kept_waiting(self._shop.pid) - kept_waiting(os.getpid())

        began = now()
        async with asyncio.timeout(LONGEST / 2):
            yield
        assert now() - began < self._within

    async def _posts(self, told: Mapping[str, Any]) -> None:
        async with (
            aiohttp.ClientSession(self._url, headers=self._headers) as till,
            till.post("/v1/events", json=told) as answer,
        ):
            assert answer.status == 202


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[tuple[Shop, int, Till]]:
    port = free_port()
    async with open_shop(tmp_path, pace=0.02) as shop:
        shop.configure(["twilio"], ROUTES)
        shop.config.write_text(shop.config.read_text().replace("port = 0\n", f"port = {port}\n"))
        await shop.start(PATIENT)
        token = (await asyncio.to_thread(shop.tether, "token", "new", "till-1", "--scope", "events")).stdout.strip()
        till = Till(shop, port, token)
        await till.looks_at_the_machine()
        yield shop, port, till


@asynccontextmanager
async def holding(
    port: int, addresses: Sequence[str], said: bytes, *, takes_little: bool = False
) -> AsyncIterator[None]:
    """Many connections that are held open while this is said on each, as far as it is heard; no answer is listened to. What is said lies in
    memory once: a copy a connection would be a gigabyte, and time that the till waits. `takes_little`: nor does the system take in the answer."""
    loop = asyncio.get_running_loop()
    speaking = []
    with ExitStack() as stack:
        try:
            for number in range(MANY):
                stranger = stack.enter_context(socket.socket())
                stranger.setblocking(False)
                if takes_little:
                    stranger.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                    stranger.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
                try:
                    stranger.bind((addresses[number % len(addresses)], 0))
                    await loop.sock_connect(stranger, ("127.0.0.1", port))
                except OSError:  # shown the door
                    continue
                speaking.append(asyncio.create_task(_say(stranger, said)))
            yield
        finally:
            for one in speaking:
                one.cancel()
            await asyncio.gather(*speaking, return_exceptions=True)


async def _say(stranger: socket.socket, said: bytes) -> None:
    with suppress(OSError):  # hung up on
        await asyncio.get_running_loop().sock_sendall(stranger, said)


async def works(shop: Shop, till: Till, name: str) -> None:
    """The till is heard, the counter too, and what waits goes out."""
    for number in range(3):
        await till.tells(f"{name}-{number}")
    async with till.soon():
        assert await shop.post(event(f"{name}-counter")) == 202
    for message in await shop.until({"sent", "delivered"}):
        assert message["attempt_count"] == 1


async def test_answers_that_nobody_takes(shop: tuple[Shop, int, Till]) -> None:
    """Each was left in memory with its descriptor when the next one took its place, until there were none left."""
    service, port, till = shop
    process = psutil.Process(service.pid)
    before = process.num_fds()
    async with holding(port, ADDRESSES, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", takes_little=True):
        await works(service, till, "unread")
        assert process.num_fds() - before <= TCP + SOON
        assert process.memory_info().rss / 1e6 < MOST_MB
    assert "Too many open files" not in service.log


HEAD = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "said", [b"", b"GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=["nothing", "half a head"]
)
@pytest.mark.parametrize("addresses", [ADDRESSES[:1], ADDRESSES[1:]], ids=["the till's own address", "others"])
async def test_connections_that_are_merely_held(
    shop: tuple[Shop, int, Till], addresses: Sequence[str], said: bytes
) -> None:
    service, port, till = shop
    async with holding(port, addresses, said):
        await works(service, till, "held")
        async with service.session.get("/metrics") as answer:
            figures = await answer.text()
    assert 'tether_turned_away_total{cap="connections_address"} 0' not in figures or (
        'tether_turned_away_total{cap="connections_total"} 0' not in figures
    )
    assert service.log.count("turned away") <= 4
    assert "Too many open files" not in service.log


async def test_bodies_that_only_a_signature_could_vouch_for(shop: tuple[Shop, int, Till]) -> None:
    service, port, till = shop
    process = psutil.Process(service.pid)
    signed = b"webhook-id: a\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1,x\r\nContent-Length: 2000000\r\n\r\n"
    async with holding(port, ADDRESSES, HEAD + signed + b"{" * 1_999_999):
        await works(service, till, "signed")
        assert process.memory_info().rss / 1e6 < MOST_MB
    assert process.memory_info().rss / 1e6 < MOST_MB


async def test_headers_and_requests_ahead(shop: tuple[Shop, int, Till]) -> None:
    service, port, till = shop
    many = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 8000) for n in range(100))
    async with holding(port, ADDRESSES, many):
        await works(service, till, "heads")
        assert psutil.Process(service.pid).memory_info().rss / 1e6 < MOST_MB


async def test_with_no_descriptor_left_a_message_waits_and_is_not_given_up(tmp_path: Path) -> None:
    """Where the system allows less than the caps reckon with, a flood does take the last descriptor: that passes."""
    port = free_port()
    async with open_shop(tmp_path, pace=0.02) as shop:
        shop.configure(["twilio"], ROUTES + '[retry]\nbase = "200ms"\ncap = "500ms"\n')
        shop.config.write_text(shop.config.read_text().replace("port = 0\n", f"port = {port}\n"))
        await shop.start()
        assert await shop.post(event("before", phone="12")) == 202
        assert [message["state"] for message in await shop.messages()] == ["suppressed"]
        process = psutil.Process(shop.pid)
        _, hard = process.rlimit(psutil.RLIMIT_NOFILE)
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 2, hard))
        async with holding(port, ADDRESSES[1:], b""):
            assert await shop.post(event("short")) == 202
            async with asyncio.timeout(LONGEST):
                while "ran short" not in str(messages := await shop.messages(order="B-short")):
                    await asyncio.sleep(0.05)
            assert [message["state"] for message in messages] == ["queued"]
        process.rlimit(psutil.RLIMIT_NOFILE, (hard, hard))
        await shop.until({"sent", "delivered", "suppressed"})
        (message,) = await shop.messages(order="B-short")
        assert (message["state"] in ("sent", "delivered"), message["attempt_count"], message["possible_duplicate"]) == (
            True,
            1,
            False,
        )
        assert 'cap="descriptors"} 0' not in await _figures(shop)


async def _figures(shop: Shop) -> str:
    async with shop.session.get("/metrics") as answer:
        return await answer.text()
