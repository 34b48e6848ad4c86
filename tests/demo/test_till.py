"""The till speaks the service's HTTP and says what went wrong."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from daemon.demo.till import Announcement, Till, TillProblem

QUICK = 0.1
"""Seconds within which whoever is not told otherwise wants an answer."""


class Service:
    """Answers like the service; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, object]] = []
        self.status = 202
        self.stream = b""
        self.thinks = 0.0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        assert request.headers["Authorization"] == "Bearer secret"
        body = await request.read()
        self.asked.append((request.method, request.raw_path, body))
        await asyncio.sleep(self.thinks)
        if request.path == "/v1/stream":
            self.last = request.headers.get("Last-Event-ID")
            return web.Response(body=self.stream, content_type="text/event-stream", status=200 if self.stream else 503)
        if request.path == "/v1/messages":
            first = "cursor" not in request.query
            return web.json_response({"items": [{"id": "m1" if first else "m2"}], "next": "c" if first else None})
        if request.path == "/v1/messages/m1":
            return web.json_response({"id": "m1", "attempts": []})
        if body.startswith(b"["):
            return web.json_response({"items": [{"status": self.status}]}, status=207)
        return web.json_response({"event_id": "e"}, status=self.status)


@pytest.fixture
async def service() -> Service:
    return Service()


@pytest.fixture
async def till(service: Service) -> AsyncIterator[Till]:
    runner = web.ServerRunner(web.Server(service.handle, access_log=None), shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=QUICK)) as session:
        yield Till(session, f"http://127.0.0.1:{port}/", "secret")
    await runner.cleanup()


async def test_posts_one(service: Service, till: Till) -> None:
    await till.post({"id": "e"})
    assert service.asked == [("POST", "/v1/events", b'{"id": "e"}')]


async def test_a_box_that_answers_late_is_waited_for(service: Service, till: Till) -> None:
    service.thinks = QUICK * 3
    await till.post({"id": "e"})
    assert len(service.asked) == 1


@pytest.mark.parametrize("status", [401, 422, 507])
async def test_an_event_that_is_not_taken_is_a_problem(service: Service, till: Till, status: int) -> None:
    service.status = status
    with pytest.raises(TillProblem, match=str(status)):
        await till.post({"id": "e"})
    with pytest.raises(TillProblem, match="events were answered"):
        await till.post_all([{"id": "e"}])


async def test_reads_all_pages(service: Service, till: Till) -> None:
    assert [message["id"] for message in await till.messages("queued", "sending")] == ["m1", "m2"]
    assert "state=queued&state=sending" in service.asked[0][1]
    assert (await till.message("m1"))["attempts"] == []


async def test_follows_the_stream(service: Service, till: Till) -> None:
    service.stream = b'retry: 2000\n\nid: 7\nevent: message\ndata: {"id": "m1"}\n\n: still here\n\nid: 8\r\nevent: uplink\r\ndata: {}\r\n\r\n'
    told = [one async for one in till.follow("6")]
    assert told == [Announcement("7", "message", {"id": "m1"}), Announcement("8", "uplink", {})]
    assert service.last == "6"


async def test_a_stream_that_is_refused_is_a_problem(till: Till) -> None:
    with pytest.raises(TillProblem, match="503"):
        async for _ in till.follow():
            pass


async def test_no_service_at_all_is_a_problem() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(TillProblem, match="ClientConnectorError"):
            await Till(session, "http://127.0.0.1:9", "secret").post({"id": "e"})
