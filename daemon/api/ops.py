"""For machines that watch over the service: alive, ready, figures, and the description of all calls."""

from aiohttp import web

from daemon.api.docs_page import POLICY, docs_page
from daemon.api.metrics import Metrics
from daemon.api.openapi import OpenApi
from daemon.api.problem import Problem
from daemon.api.reply import HTML, answer
from daemon.api.route import AnyRoute, Call, NoQuery, get
from daemon.api.service_answers import Alive


async def alive(call: Call[NoQuery, None]) -> Alive:
    return Alive("alive", call.services.version)


async def ready(call: Call[NoQuery, None]) -> Alive:
    """Whatever the line: ready means that events can be taken."""
    if trouble := call.services.ready():
        raise Problem(503, trouble, headers={"Retry-After": "5"})
    return Alive("ready", call.services.version)


class Papers:
    """The description of the service, made when it is first asked for."""

    def __init__(self, document: OpenApi) -> None:
        self._document = document

    async def openapi(self, call: Call[NoQuery, None]) -> web.StreamResponse:
        return answer(self._document.as_json(), headers={"Cache-Control": "max-age=60"})

    async def docs(self, call: Call[NoQuery, None]) -> web.StreamResponse:
        return answer(docs_page(self._document.build()), content_type=HTML, headers={"Content-Security-Policy": POLICY})


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
