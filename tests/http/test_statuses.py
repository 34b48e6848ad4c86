"""Every status that the description promises is one that the service gives: seen here call by call."""

import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest

from daemon.api.handlers.board import Board
from daemon.api.handlers.metrics import Metrics
from daemon.api.handlers.stream import Stream
from daemon.api.plumbing.gate import TokenGate
from daemon.api.plumbing.guards import Guards
from daemon.api.plumbing.openapi import refusals
from daemon.api.plumbing.route import AnyRoute, Scope
from daemon.api.plumbing.sse import Streams
from daemon.config import Board as BoardTable
from daemon.config import Hook, Rate, Settings
from outbox.errors import StorageBusy
from tests.support.face import Face, serving
from tests.support.fake_services import FakeServices, make_services


def routes() -> list[AnyRoute]:
    from daemon.api import app as module

    services = make_services()
    guards = Guards(services.clock)
    gate = TokenGate(services, guards)
    return list(module._table(gate, Metrics(guards), Stream(services), Board(services), ""))


ALL = routes()
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
        "name": "x",
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


@pytest.fixture
async def board_face() -> AsyncIterator[Face]:
    async with serving(make_services(Settings(board=BoardTable(enabled=True)))) as face:
        yield face


@pytest.mark.parametrize("route", WITH_TOKEN, ids=name)
async def test_401_403(face: Face, route: AnyRoute) -> None:
    assert await ask(face, route, as_=None) == 401
    assert route.scope is not None
    assert await ask(face, route, as_=LOWER[route.scope]) == 403


@pytest.mark.parametrize("route", ALL, ids=name)
async def test_429(route: AnyRoute) -> None:
    services = make_services(Settings(hook=Hook(rate=Rate(0.1)), board=BoardTable(enabled=True)))
    async with serving(services) as face:
        await face.get("/healthz", as_=None)
        await face.get("/v1/tokens", as_="owner")
        assert await ask(face, route, as_="owner") == 429


@pytest.mark.parametrize("route", WITH_BODY, ids=name)
async def test_400_413_415_422(face: Face, route: AnyRoute) -> None:
    assert await ask(face, route, raw=b"{") == 400
    assert await ask(face, route, raw=b"{" + b" " * 300_000 + b"}") == 413
    assert await ask(face, route, raw=b"{}", headers={"Content-Type": "text/csv"}) == 415
    assert await ask(face, route, raw=b"3") == 422


@pytest.mark.parametrize("route", WITHOUT_PARAMETERS, ids=name)
async def test_422_for_parameters_that_no_call_knows(board_face: Face, route: AnyRoute) -> None:
    if route.path == "/v1/events" and route.method == "POST":
        return
    assert await ask(board_face, route, path=path(route) + "?sate=failed") == 422


@pytest.mark.parametrize("route", UNDER_V1, ids=name)
async def test_500_503(face: Face, services: FakeServices, route: AnyRoute, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a call asks of the rest, a bug or a busy disk there is told as such."""
    for error, status in ((RuntimeError("a bug"), 500), (StorageBusy("the disk does not answer"), 503)):
        for part in (
            services.box,
            *vars(services.box).values(),
            services.dispatch,
            services.receipts,
            services.intake,
            services.preview,
            services.people,
            services.restored,
            services.heads,
            services.fleet,
        ):
            if type(part).__module__ in FAKES:
                for attribute, value in inspect.getmembers(type(part), inspect.isfunction):
                    if not attribute.startswith("_") and attribute not in SPARED:
                        monkeypatch.setattr(part, attribute, _raising(error, value))
        monkeypatch.setattr(services, "reload", _raising(error, services.box.accept))
        monkeypatch.setattr(services, "seen", _raising(error, services.box.accept))
        assert await ask(face, route, body=_body(route), headers={"X-Signature": "good"}) == status


FAKES = tuple(f"tests.support.fake_{part}" for part in ("services", "box", "records"))
SPARED = ("find", "add", "put", "move", "change", "uplink", "subscribe")


def _raising(error: Exception, like: Any) -> Any:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    async def fail_later(*_: Any, **__: Any) -> Any:
        raise error

    return fail_later if inspect.iscoroutinefunction(like) else fail


def _body(route: AnyRoute) -> Any:
    if route.body is None and not route.raw:
        return None
    return {
        "id": "e-1",
        "type": "order.ready",
        "order": {"ref": "x"} if route.raw else "x",
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
    import asyncio

    from daemon.api.plumbing import gate

    for wait in ("BODY_WAIT_S", "UNVOUCHED_BODY_WAIT_S"):
        monkeypatch.setattr(gate, wait, 0.02)
    reader, writer = await asyncio.open_connection("127.0.0.1", face.port)
    head = f"{route.method} {path(route)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer tt_owner_secret\r\nX-Signature: good\r\n"
    writer.write(head.encode() + b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
    async with asyncio.timeout(5):
        assert b" 408 " in await reader.readline()
    writer.close()


@pytest.mark.parametrize("kind", ["/v1/stream", "/board/events"])
async def test_503_when_no_more_may_follow(board_face: Face, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Streams, *_: Any, **__: Any) -> Any:
        self._most = 0
        return original(self, *_, **__)

    original = Streams.serve
    monkeypatch.setattr(Streams, "serve", full)
    assert (await board_face.get(kind)).status == 503
