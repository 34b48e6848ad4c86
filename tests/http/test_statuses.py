"""Every status that the description promises is one that the service gives: seen here call by call."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from daemon.api.plumbing.openapi import refusals
from daemon.api.plumbing.route import AnyRoute, Scope
from daemon.api.plumbing.sse import Streams
from daemon.api.schema.event import Event
from daemon.config import Board as BoardTable
from daemon.config import Hook, Rate
from tests.support.face import Answer, Face, opened
from tests.support.routes import routes
from tests.support.senders import signed_by_till, signed_by_twilio
from tests.support.small_store import store_settings

ALL = asyncio.run(routes())
UNDER_V1 = [route for route in ALL if route.path.startswith("/v1")]
WITH_TOKEN = [route for route in ALL if route.scope is not None]
WITH_BODY = [route for route in ALL if route.body is not None]
WITHOUT_PARAMETERS = [route for route in ALL if not route.free_query]
LOWER = {Scope.EVENTS: "screen", Scope.READ: "till-2", Scope.STAFF: "screen", Scope.ADMIN: "desk"}


def name(route: AnyRoute) -> str:
    return f"{route.method} {route.path}"


def path(route: AnyRoute) -> str:
    filled = route.path
    for part, value in {
        "id": "1",
        "ref": "x",
        "name": "twilio",
        "source": "webshop",
        "channel": "twilio",
        "message_id": "x",
        "token": "x",
    }.items():
        filled = filled.replace("{" + part + "}", value)
    return filled


async def ask(face: Face, route: AnyRoute, **more: Any) -> int:
    answer = await face.call(route.method, more.pop("path", path(route)), **more)
    assert answer.problem["status"] == answer.status
    assert answer.status in set(refusals(route))
    return answer.status


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unchanged() -> AsyncIterator[Face]:
    """For requests that are refused before they do anything."""
    async with opened() as face:
        yield face


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unchanged_board() -> AsyncIterator[Face]:
    """The same, with a board on the wall."""
    async with opened(store_settings(board=BoardTable(enabled=True))) as face:
        yield face


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", WITH_TOKEN, ids=name)
async def test_401_403(unchanged: Face, route: AnyRoute) -> None:
    await unchanged.store.clock.advance(60)  # so many strangers in a moment would be asked to wait
    assert await ask(unchanged, route, as_=None) == 401
    assert route.scope is not None
    assert await ask(unchanged, route, as_=LOWER[route.scope]) == 403


@pytest.mark.parametrize("route", ALL, ids=name)
async def test_429(route: AnyRoute) -> None:
    settings = store_settings(hook=Hook(port=0, rate=Rate(0.1)), board=BoardTable(enabled=True))
    async with opened(settings) as face:
        await face.get("/healthz", as_=None)
        await face.get("/v1/tokens", as_="owner")
        assert await ask(face, route, as_="owner") == 429


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", WITH_BODY, ids=name)
async def test_400_413_415_422(unchanged: Face, route: AnyRoute) -> None:
    assert await ask(unchanged, route, raw=b"{") == 400
    assert await ask(unchanged, route, raw=b"{" + b" " * 300_000 + b"}") == 413
    assert await ask(unchanged, route, raw=b"{}", headers={"Content-Type": "text/csv"}) == 415
    assert await ask(unchanged, route, raw=b"3") == 422


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", WITHOUT_PARAMETERS, ids=name)
async def test_422_for_parameters_that_no_call_knows(unchanged_board: Face, route: AnyRoute) -> None:
    if route.path == "/v1/events" and route.method == "POST":
        return
    assert await ask(unchanged_board, route, path=path(route) + "?sate=failed") == 422


OFF_THE_DISK = {
    "GET /v1/sources",
    "POST /v1/sources/{source}/sync",
    "GET /v1/templates",
    "GET /v1/tokens",
    "GET /v1/fleet",
    "POST /v1/channels/{name}/test",
    "POST /v1/channels/{name}/ussd",
    "POST /v1/status/seen",
}
"""What is answered from memory, whatever is wrong with the database."""


@pytest.mark.parametrize("route", UNDER_V1, ids=name)
async def test_500(face: Face, route: AnyRoute) -> None:
    """Another program took the tables away: what nobody foresaw is told as a fault of ours."""
    face.store.loses_its_tables()
    await _fails_unless_off_the_disk(face, route, 500)


@pytest.mark.parametrize("route", UNDER_V1, ids=name)
async def test_503(face: Face, route: AnyRoute) -> None:
    """The card wrote rubbish into the database's file: nothing can be read or written until it is repaired."""
    face.store.is_damaged()
    await _fails_unless_off_the_disk(face, route, 503)


async def _fails_unless_off_the_disk(face: Face, route: AnyRoute, status: int) -> None:
    answer = await _asked(face, route)
    if name(route) in OFF_THE_DISK:
        assert answer.status < 500
    else:
        assert answer.problem["status"] == answer.status == status
        assert status in set(refusals(route))


async def _asked(face: Face, route: AnyRoute) -> Answer:
    """A request that nothing is wrong with."""
    headers: dict[str, str] = {}
    raw: bytes | None = None
    body = _body(route)
    if route.path == "/v1/hooks/{source}":
        raw = msgspec.json.encode(body)
        headers = signed_by_till(face.store, raw)
    if route.path == "/v1/receipts/{channel}":
        raw = b"MessageSid=SM9&From=%2B447700900123&Body=hello"
        headers = signed_by_twilio(face.url + path(route), raw)
    if raw is not None:
        return await face.call(route.method, path(route), raw=raw, headers=headers)
    return await face.call(route.method, path(route), body=body)


def _body(route: AnyRoute) -> Any:
    if route.body is None and not route.raw:
        return None
    return {
        "id": "e-1",
        "type": "order.ready",
        "order": {"ref": "x"} if route.raw or route.body is Event else "x",
        "status": "order.ready",
        "event_id": "x",
        "text": "x",
        "medium": "sms",
        "order_ref": "x",
        "address": "+447700900123",
        "name": "x",
        "scopes": ["read"],
        "state": "up" if "uplink" in route.path else "x",
        "code": "*100#",
        "since": "2026-11-24T00:00:00Z",
        "phone": "+447700900123",
    }


@pytest.mark.parametrize("route", [route for route in ALL if 408 in set(refusals(route))], ids=name)
async def test_408(face: Face, route: AnyRoute, monkeypatch: pytest.MonkeyPatch) -> None:
    from daemon.api.plumbing import gate

    for wait in ("BODY_WAIT_S", "UNVOUCHED_BODY_WAIT_S"):
        monkeypatch.setattr(gate, wait, 0.02)
    reader, writer = await asyncio.open_connection("127.0.0.1", face.port)
    head = f"{route.method} {path(route)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {face.secret('owner')}\r\n"
    writer.write(head.encode() + b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
    async with asyncio.timeout(5):
        assert b" 408 " in await reader.readline()
    writer.close()


@pytest.mark.parametrize("kind", ["/v1/stream", "/board/events"])
async def test_503_when_no_more_may_follow(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Streams, *_: Any, **__: Any) -> Any:
        self._most = 0
        return original(self, *_, **__)

    original = Streams.serve
    monkeypatch.setattr(Streams, "serve", full)
    async with opened(store_settings(board=BoardTable(enabled=True))) as face:
        assert (await face.get(kind)).status == 503
