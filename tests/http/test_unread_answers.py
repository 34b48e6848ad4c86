"""Who asks and takes no answer is hung up on all the same: on the loop that the service runs on, and on Python's own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import web

from daemon.api.app import GATE, set_up
from daemon.api.plumbing import reply
from daemon.api.plumbing.gate import TokenGate
from daemon.api.plumbing.guards import Guards
from daemon.api.plumbing.places import REQUEST_WAIT_S, Places, Room
from daemon.api.plumbing.sse import Streams
from daemon.runtime.acceptor import Acceptor
from tests.support.small_store import SmallStore, open_store

ROOM = Room(total=8, each=2, each_known=4, kept=1, wait=10.0)
LARGE = b"x" * 2_000_000
"""More than the system's own buffers hold."""
ASK = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    def on_that_loop(work: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(work)

    return on_that_loop


class Door:
    """A door for which all who come are strangers of one address. `/page` and `/stream` are larger than anybody takes unread."""

    def __init__(self, store: SmallStore, places: Places, path: Path) -> None:
        self.store = store
        self.places = places
        self._path = path

    async def stranger(self, asks_for: bytes) -> socket.socket:
        """One that read the first words of its answer, and nothing since."""
        came = socket.socket(socket.AF_UNIX)
        came.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(came, str(self._path))
        await loop.sock_sendall(came, ASK % asks_for)
        assert (await loop.sock_recv(came, 12)) == b"HTTP/1.1 200"
        return came


@asynccontextmanager
async def door(folder: Path) -> AsyncIterator[Door]:
    async with open_store() as store:
        guards = Guards(store.clock)
        gate = TokenGate(store.services, guards)
        streams = Streams(store.services, most=8, each=8)

        async def page(request: web.Request) -> web.StreamResponse:
            return reply.answer(LARGE)

        async def news(since: int) -> tuple[bytes, int]:
            return LARGE, since + 1

        async def stream(request: web.Request) -> web.StreamResponse:
            return await streams.serve(request, news, 0)

        app = web.Application()
        app[GATE] = gate
        app.router.add_get("/page", page)
        app.router.add_get("/stream", stream)
        app.on_shutdown.append(streams.stop)
        places = Places(ROOM, store.clock, guards.tally)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(folder / "door"))
            listening.listen()
            listening.setblocking(False)
            runner = await set_up(app, shutdown_timeout=1.0)
            async with Acceptor(runner, places, guards.tally, store.clock).accepting([listening]):
                yield Door(store, places, folder / "door")


async def is_cut(came: socket.socket) -> bool:
    """It reads at last: whether the answer ends before its end. Raises TimeoutError where nobody hung up."""
    took = 0
    with came:
        async with asyncio.timeout(30):
            while piece := await asyncio.get_running_loop().sock_recv(came, 2**16):
                took += len(piece)
    return took < len(LARGE)


def test_who_takes_no_answer_is_given_up_once_it_took_too_long(run: Run, tmp_path: Path) -> None:
    async def work() -> None:
        async with door(tmp_path) as at:
            stranger = await at.stranger(b"/page")
            await at.store.clock.advance(REQUEST_WAIT_S - 2)
            assert at.places.taken == 1  # over a bad line it takes a while
            await at.store.clock.advance(3)
            assert at.places.taken == 0
            assert await is_cut(stranger)

    run(work())


def test_who_takes_no_answer_makes_room_and_is_gone(run: Run, tmp_path: Path) -> None:
    async def work() -> None:
        async with door(tmp_path) as at:
            came = []
            for _ in range(3 * ROOM.each):
                came.append(await at.stranger(b"/page"))
                await at.store.clock.advance(0.1)
            assert at.places.taken == ROOM.each
            for stranger in came[: -ROOM.each]:
                assert await is_cut(stranger)
            for stranger in came[-ROOM.each :]:
                stranger.close()

    run(work())


def test_who_takes_no_answer_and_asks_on_and_on_is_given_up(run: Run, tmp_path: Path) -> None:
    """It was told 431 after all that it had not taken, and then kept for as long as it took nothing."""

    async def work() -> None:
        async with door(tmp_path) as at:
            stranger = await at.stranger(b"/page")
            await asyncio.get_running_loop().sock_sendall(stranger, ASK % b"/page" * 5)
            await asyncio.sleep(0)
            await at.store.clock.advance(REQUEST_WAIT_S + 2)
            assert at.places.taken == 0
            assert await is_cut(stranger)

    run(work())


def test_a_stream_that_nobody_takes_is_given_up(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply, "WRITE_WAIT_S", 0.05)

    async def work() -> None:
        async with door(tmp_path) as at:
            stranger = await at.stranger(b"/stream")
            async with asyncio.timeout(30):
                while at.places.taken:
                    await asyncio.sleep(0.01)
            assert await is_cut(stranger)

    run(work())


def test_who_takes_nothing_keeps_no_service_from_its_end(run: Run, tmp_path: Path) -> None:
    """uvloop closes its loop only when all is written: a stranger at the moment of a stop held the process until it was killed."""

    async def serves_and_stops() -> None:
        async with door(tmp_path) as it:
            came = await it.stranger(b"/page")
        assert await is_cut(came)

    run(serves_and_stops())
