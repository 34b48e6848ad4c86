"""What providers tell us: receipts and inbound replies, vouched for by their own signature."""

from aiohttp import web

from daemon.api.plumbing.gate import Gate
from daemon.api.plumbing.reply import answer
from daemon.api.plumbing.route import Call, NoQuery, Route
from daemon.api.schema.problem import Problem
from daemon.channels.base import Inbound, InboundRefused, InboundRequest

ANY = "*/*"


def public_url(request: web.Request, base: str) -> str:
    """The URL as the sender called it, which signatures may cover: `[hook] public_url`, else what the request says."""
    root = base.rstrip("/") or f"{request.scheme}://{as_text(request.host)}"
    return root + request.raw_path


def headers_of(request: web.Request) -> dict[str, str]:
    """By name in lower case."""
    return {name.lower(): as_text(value) for name, value in request.headers.items()}


def as_text(value: str) -> str:
    """What came, with a mark for each byte that is no text: no signature or name of a host has such, and nothing stumbles over it."""
    return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class ReceiptDoor:
    """Takes providers' requests. What is not signed as its channel wants it gets nowhere."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def take(self, call: Call[NoQuery, None]) -> web.StreamResponse:
        async with self._gate.unvouched_body(call.request) as body:
            inbound = await self._read(call, body)
        await call.services.engine.callbacks.apply(call.path("channel"), inbound)
        return answer(inbound.answer, content_type=inbound.content_type)

    async def _read(self, call: Call[NoQuery, None], body: bytes) -> Inbound:
        """What it meant, once its channel found it to be the provider's."""
        request, services, channel = call.request, call.services, call.path("channel")
        inbound_request = InboundRequest(
            method=request.method,
            url=public_url(request, services.settings.hook.public_url),
            path=request.path,
            query=tuple(request.query.items()),
            headers=headers_of(request),
            body=body,
            now=services.clock.now(),
        )
        try:
            inbound = await services.engine.callbacks.receive(channel, inbound_request)
        except InboundRefused as refusal:
            raise self._refused(request, refusal) from refusal
        self._gate.vouched(request)
        return inbound

    def _refused(self, request: web.Request, refusal: InboundRefused) -> Problem:
        if refusal.status == 401:
            return self._gate.refused(request, str(refusal), error="invalid_signature")
        return Problem(refusal.status, str(refusal))


def routes(gate: Gate) -> tuple[Route[NoQuery, None], ...]:
    door = ReceiptDoor(gate)
    return tuple(
        Route(
            method=method,
            path="/v1/receipts/{channel}",
            handler=door.take,
            summary=summary,
            tag="Receipts",
            scope=None,
            query=NoQuery,
            answers={200: ANY},
            refusals=(401, 404, 408, 413, 415),
            raw=True,
            free_query=True,
            description="The format and the signature are the provider's; docs/providers tells what to enter there.",
        )
        for method, summary in (
            ("POST", "Take a provider's receipts and replies"),
            ("GET", "Answer a provider's challenge"),
        )
    )
