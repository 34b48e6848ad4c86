"""Strangers at headquarters' address, which stores must reach to join: they hold connections and ask nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from daemon.hq import doors
from daemon.hq.doors import REQUEST_SECONDS, WAIT_SECONDS, listening, prove, serve
from tests.support.busy import until
from tests.support.fake_clock import FakeClock

TOTAL, EACH, EACH_KNOWN, KEPT = 60, 10, 30, 20
HALF = b"POST /join HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"
EXPECTING = HALF.replace(b"Host", b"Expect: 100-continue\r\nHost")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headquarters with few places, so that a test needs few descriptors."""
    for name, number in (("TOTAL", TOTAL), ("EACH", EACH), ("EACH_KNOWN", EACH_KNOWN), ("KEPT", KEPT)):
        monkeypatch.setattr(doors, name, number)


@asynccontextmanager
async def open_door(clock: FakeClock) -> AsyncIterator[int]:
    """`/mine` is for who is known, `/join` reads what is sent."""

    async def mine(request: web.Request) -> web.Response:
        prove(request)
        return web.Response(text="yours")

    async def join(request: web.Request) -> web.Response:
        return web.Response(text=f"{len(await request.read())}")

    app = web.Application()
    app.router.add_get("/mine", mine)
    app.router.add_post("/join", join)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        with listening("127.0.0.1", 0) as listens:
            serving = asyncio.create_task(serve(runner, listens, None, clock))
            yield listens.getsockname()[1]
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
    finally:
        await runner.cleanup()


class Crowd:
    """Connections of strangers, and how many of them are still open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def come(self, number: int, address: str, says: bytes = b"") -> None:
        for _ in range(number):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(address, 0))
            writer.write(says)
            self._open.append((reader, writer))

    async def are_heard(self) -> None:
        """Each is asked for the rest."""
        for reader, _ in self._open:
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"

    async def left(self) -> int:
        await asyncio.sleep(0.01)
        return sum(not reader.at_eof() and reader.exception() is None for reader, _ in self._open)

    async def are(self, most: int) -> bool:
        return await self.left() <= most

    def go(self) -> None:
        for _, writer in self._open:
            writer.transport.abort()


async def asked(port: int, path: str = "/mine", *, office: str = "127.0.0.1") -> str:
    async with (
        asyncio.timeout(10),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(office, 0))) as http,
        http.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        return await answer.text()


async def test_one_address_holds_few_connections_and_keeps_nobody_out() -> None:
    async with open_door(FakeClock()) as port:
        crowd = Crowd(port)
        await crowd.come(3 * EACH, "127.0.0.2")
        await until(lambda: crowd.are(EACH))
        assert await asked(port) == "yours"
        crowd.go()


async def test_an_office_of_people_who_proved_themselves_has_room() -> None:
    async with open_door(FakeClock()) as port:
        crowd = Crowd(port)
        for _ in range(2 * EACH):
            await crowd.come(1, "127.0.0.2", b"GET /mine HTTP/1.1\r\nHost: x\r\n\r\n")
            await crowd.left()
        assert await crowd.left() == 2 * EACH
        crowd.go()


async def test_idle_connections_from_offices_keep_nobody_out_who_is_known() -> None:
    """Somebody on the wireless of each of two offices, from which people have signed in, opens as many as an office may have."""
    async with open_door(FakeClock()) as port:
        assert await asked(port) == "yours"
        crowd = Crowd(port)
        for office in ("127.0.0.2", "127.0.0.3"):
            assert await asked(port, office=office) == "yours"
            await crowd.come(EACH_KNOWN, office)
            assert await crowd.left()
        assert await asked(port) == "yours"
        crowd.go()


async def test_many_addresses_hold_so_many_and_leave_room_for_who_is_known() -> None:
    async with open_door(FakeClock()) as port:
        assert await asked(port) == "yours"
        crowd = Crowd(port)
        for n in range(12):
            await crowd.come(EACH, f"127.0.1.{n + 1}")
        await until(lambda: crowd.are(TOTAL - KEPT))
        assert await asked(port) == "yours"
        crowd.go()


async def test_halves_of_requests_keep_nobody_out() -> None:
    """From eight addresses they held all places of strangers for a minute each: no store could join, nor anybody log in from elsewhere."""
    async with open_door(FakeClock()) as port:
        crowd = Crowd(port)
        for n in range(4):
            await crowd.come(EACH, f"127.0.1.{n + 1}", EXPECTING)
        await crowd.are_heard()
        try:
            assert await asked(port) == "yours"
        finally:
            crowd.go()


async def test_who_is_many_costs_no_store_that_joins_its_connection() -> None:
    """It made room among its own, and once more by the oldest of all strangers, whose code was used up then, and its answer lost."""
    async with open_door(FakeClock()) as port:
        store, crowd = Crowd(port), Crowd(port)
        try:
            await store.come(1, "127.0.1.5", EXPECTING)
            await store.are_heard()
            for n, number in enumerate((EACH, EACH, EACH, EACH - 1)):
                await crowd.come(number, f"127.0.1.{n + 1}", EXPECTING)
            await crowd.are_heard()
            for address in ("127.0.1.1", "127.0.1.6"):
                await crowd.come(1, address)
                await until(lambda: crowd.are(TOTAL - KEPT - 1))
                assert await store.left() == 1
        finally:
            store.go()
            crowd.go()


@pytest.mark.parametrize(
    ("says", "seconds"), [(b"", WAIT_SECONDS), (b"GET /mi", WAIT_SECONDS), (HALF, REQUEST_SECONDS)]
)
async def test_who_asks_nothing_is_let_go(says: bytes, seconds: float) -> None:
    clock = FakeClock()
    async with open_door(clock) as port:
        crowd = Crowd(port)
        await crowd.come(3, "127.0.0.2", says)
        assert await asked(port) == "yours"
        await asyncio.sleep(0.05)
        await clock.advance(seconds - 2)
        assert await crowd.left() == 3
        for _ in range(4):
            await clock.advance(1)
        await until(lambda: crowd.are(0))
        crowd.go()
