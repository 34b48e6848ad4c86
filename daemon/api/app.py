"""The application: every route in one table, the router and the document made from it."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from daemon.api.handlers import (
    audit,
    channels,
    events,
    fleet,
    hooks,
    messages,
    ops,
    optouts,
    orders,
    people,
    reach,
    receipts,
    replay,
    replies,
    sources,
    status,
    taking,
    tokens,
    unsubscribe,
)
from daemon.api.handlers.board import Board
from daemon.api.handlers.metrics import Metrics
from daemon.api.handlers.stream import Stream
from daemon.api.plumbing.connection import connection_of
from daemon.api.plumbing.gate import BODY_LIMIT, Gate
from daemon.api.plumbing.reply import GUARD
from daemon.api.plumbing.route import AnyRoute
from daemon.api.plumbing.services import Services
from daemon.api.schema.problem import Problem

SERVICES: web.AppKey[Services] = web.AppKey("services", Services)


class _Unreadable(logging.Filter):
    """What can't be read as HTTP is answered 400 and is no error of ours: one quiet line instead of a traceback with its bytes."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
            _server_log.debug("a request could not be read: %s", type(record.exc_info[1]).__name__)
            return False
        return True


_server_log = logging.getLogger("daemon.api.server")
_server_log.addFilter(_Unreadable())

SERVER_OPTIONS: Mapping[str, Any] = {
    "access_log": None,
    "auto_decompress": False,
    "keepalive_timeout": 75.0,
    "lingering_time": 2.0,
    "logger": _server_log,
    "max_field_size": 8190,
    "max_line_size": 8190,
    "read_bufsize": 2**15,
}
"""For every connection. Compressed bodies are refused, so nothing may inflate them first; a connection that nobody uses is closed after
`keepalive_timeout`; a refused body is read on for `lingering_time` at most; of a body that nobody reads yet, twice `read_bufsize` is
taken in."""


GATE: web.AppKey[Gate] = web.AppKey("gate", Gate)


async def set_up(app: web.Application, *, shutdown_timeout: float) -> web.AppRunner:
    """A runner for it, ready for a listener."""
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=shutdown_timeout)
    await runner.setup()
    assert runner.server is not None
    _receive(runner.server, app[GATE])
    return runner


def _receive(server: web.Server, gate: Gate) -> None:
    """Each request keeps its connection's place busy while it lasts."""
    route = server.request_handler

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            connection = connection_of(request)
        except ConnectionError as error:
            return gate.failed(request, error)
        connection.places.begin(connection.guest)
        try:
            return await route(request)
        finally:
            connection.places.done(connection.guest)

    server.request_handler = handle


def make_app(gate: Gate) -> web.Application:
    """The HTTP face of one door: the gate's."""
    services = gate.services
    app = web.Application(client_max_size=BODY_LIMIT)
    app[SERVICES], app[GATE] = services, gate
    stream, board = Stream(services), Board(services)
    routes = _table(gate, Metrics(gate.guards), stream, board, services.version)
    for route in routes:
        handler = route.serve or gate.bind(route)
        app.router.add_route(route.method, route.path, handler, expect_handler=gate.expect)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, handler, expect_handler=gate.expect)
    app.router.add_route("OPTIONS", events.PATH, partial(events.handshake, gate))
    app.router.add_route("*", "/{anything:.*}", Elsewhere(gate, routes).answer, expect_handler=gate.expect)
    app.on_shutdown.append(stream.open.stop)
    app.on_shutdown.append(board.open.stop)
    return app


def _table(gate: Gate, metrics: Metrics, stream: Stream, board: Board, version: str) -> Sequence[AnyRoute]:
    routes: list[AnyRoute] = [
        *events.routes(gate),
        *hooks.routes(gate),
        *sources.routes(gate),
        *replay.ROUTES,
        *orders.ROUTES,
        *taking.ROUTES,
        *reach.ROUTES,
        *messages.ROUTES,
        *replies.ROUTES,
        *channels.ROUTES,
        *optouts.ROUTES,
        *unsubscribe.routes(gate),
        *audit.ROUTES,
        *receipts.routes(gate),
        *tokens.ROUTES,
        *people.ROUTES,
        *status.ROUTES,
        *fleet.ROUTES,
        *stream.routes(),
        *board.routes(),
    ]
    papers = ops.Papers(routes, version)
    routes += ops.routes(metrics, papers)
    return routes


class Elsewhere:
    """What is asked for and is no call of ours: 404, 405 with what is allowed, or OPTIONS."""

    def __init__(self, gate: Gate, routes: Sequence[AnyRoute]) -> None:
        self._gate = gate
        self._routes = routes

    @cached_property
    def _known(self) -> Sequence[tuple[re.Pattern[str], str]]:
        return [(_pattern(route.path), route.method) for route in self._routes]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        try:
            return self._answer(request)
        except Problem as problem:
            return self._gate.failed(request, problem)

    def _answer(self, request: web.Request) -> web.StreamResponse:
        self._gate.count(connection_of(request).guest.address)
        path = request.rel_url.raw_path
        allowed = sorted(set(self._methods(path)))
        if not allowed:
            without = re.sub("/{2,}", "/", path).rstrip("/")
            hint = f"; {without} is" if without != path and any(self._methods(without)) else ""
            raise Problem(404, f"{request.path[:200]!r} is no call of this service{hint}. /docs lists them")
        headers = {"Allow": ", ".join(allowed)}
        if request.method == "OPTIONS":
            return web.Response(status=204, headers={**GUARD, **headers})
        raise Problem(405, f"{request.method} is not taken here, only {headers['Allow']}", headers=headers)

    def _methods(self, path: str) -> Iterator[str]:
        for pattern, method in self._known:
            if pattern.fullmatch(path):
                yield method
                if method == "GET":
                    yield "HEAD"
                yield "OPTIONS"


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(
        "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"({\w+})", path))
    )
