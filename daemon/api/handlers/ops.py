"""For machines that watch over the service: alive, ready, figures, and the description of all calls."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from aiohttp import web

from daemon.api.handlers.metrics import Metrics
from daemon.api.plumbing.reply import HTML, answer
from daemon.api.plumbing.route import AnyRoute, Call, NoQuery, get
from daemon.api.schema.problem import Problem
from daemon.wire.service import Alive

if TYPE_CHECKING:
    from daemon.api.plumbing.openapi import OpenApi


async def alive(call: Call[NoQuery, None]) -> Alive:
    return Alive("alive", call.services.version)


async def ready(call: Call[NoQuery, None]) -> Alive:
    """Whatever the line: ready means that events can be taken."""
    if trouble := call.services.box.trouble():
        raise Problem(503, trouble, headers={"Retry-After": "5"})
    return Alive("ready", call.services.version)


def _address(call: Call[NoQuery, None]) -> str:
    """Where this door listens, as the socket says, whatever the request names; by the counter's own door: what is configured."""
    transport, hook = call.request.transport, call.services.settings.hook
    name = transport.get_extra_info("sockname") if transport else None
    host, port = name[:2] if isinstance(name, tuple) else (hook.host, hook.port)
    secure = bool(hook.tls_cert) if transport is None else transport.get_extra_info("sslcontext") is not None
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


class Papers:
    """The description of the service, made when it is first asked for."""

    def __init__(self, routes: Sequence[AnyRoute], version: str) -> None:
        self._routes = routes
        self._version = version

    @cached_property
    def _document(self) -> "OpenApi":
        from daemon.api.plumbing.openapi import OpenApi

        return OpenApi(self._routes, self._version)

    async def openapi(self, call: Call[NoQuery, None]) -> web.StreamResponse:
        return answer(self._document.as_json(), headers={"Cache-Control": "max-age=60"})

    async def docs(self, call: Call[NoQuery, None]) -> web.StreamResponse:
        from daemon.api.plumbing.docs_page import POLICY, docs_page

        page = docs_page(self._document.build(), _address(call))
        return answer(page, content_type=HTML, headers={"Content-Security-Policy": POLICY})


def routes(metrics: Metrics, papers: Papers) -> tuple[AnyRoute, ...]:
    return (
        get("/healthz", alive, "Say that the service is alive", "Service", Alive, scope=None),
        get("/readyz", ready, "Say whether events can be taken", "Service", Alive, scope=None, refusals=(503,)),
        get("/metrics", metrics.show, "Give figures to Prometheus", "Service", "text/plain", scope=None),
        get(
            "/openapi.json",
            papers.openapi,
            "Describe all calls (OpenAPI 3.1)",
            "Service",
            "application/json",
            scope=None,
        ),
        get("/docs", papers.docs, "Show this documentation", "Service", "text/html", scope=None),
    )
