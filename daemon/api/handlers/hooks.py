"""POST /v1/hooks/{source}: a shop's, CRM's or payment provider's own webhook. The source verifies and reads it; what can't be
understood is kept and answered so that its sender neither repeats it for ever nor switches the webhook off.
"""

from collections.abc import Sequence

import structlog
from aiohttp import web

from daemon.api.handlers.receipts import ANY, public_url
from daemon.api.plumbing.gate import Gate
from daemon.api.plumbing.reply import answer
from daemon.api.plumbing.route import Call, NoQuery, Route
from daemon.api.plumbing.services import HookResult, InboundHook, Services
from daemon.api.schema.problem import Problem
from daemon.channels.base import Refused
from outbox.errors import EventConflict, OutboxError
from outbox.model import Posted

log = structlog.get_logger(__name__)


class SourceDoor:
    """Takes the webhooks of the configured sources."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def take(self, call: Call[NoQuery, None]) -> web.StreamResponse:
        async with self._gate.unvouched_body(call.request) as body:
            hook, result = await self._read(call, body)
        services = call.services
        if result.events:
            await _accept(services, result.events)
        if result.quarantine:
            log.warning("a webhook could not be understood; it is kept", source=hook.source, why=result.quarantine)
            await services.intake.quarantine(hook, result.quarantine)
        return answer(result.answer, status=result.status, content_type=result.content_type)

    async def _read(self, call: Call[NoQuery, None], body: bytes) -> tuple[InboundHook, HookResult]:
        """What it meant, once its source found it to be its own."""
        request, services = call.request, call.services
        hook = InboundHook(
            source=call.path("source"),
            method=request.method,
            url=public_url(request, services.settings.hook.public_url),
            query=tuple(request.query.items()),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            now=services.clock.now(),
            clock_trusted=services.clock_trusted(),
        )
        try:
            result = await services.intake.receive(hook)
        except Refused as refusal:
            if refusal.status == 401:
                raise self._gate.refused(request, str(refusal), error="invalid_signature") from refusal
            raise Problem(refusal.status, str(refusal)) from refusal
        self._gate.vouched(request)
        return hook, result


async def _accept(services: Services, events: Sequence[Posted]) -> None:
    """All that one webhook meant. An id that came before with other content keeps the first: the audit says so.

    Raises what has nothing to do with the events themselves (a full disk), so that the sender comes again.
    """
    for posted, result in zip(
        events, await services.box.spool.accept_many(events, services.planning.plan), strict=True
    ):
        if isinstance(result, EventConflict):
            detail = {
                "source": posted.source,
                "event_id": posted.event.id,
                "reason": "the same id came with other content",
            }
            await services.box.audit.append("event.conflict", order_ref=posted.event.order.ref, detail=detail)
        elif isinstance(result, OutboxError):
            raise result


def routes(gate: Gate) -> tuple[Route[NoQuery, None], ...]:
    return (
        Route(
            method="POST",
            path="/v1/hooks/{source}",
            handler=SourceDoor(gate).take,
            summary="Take a source's own webhook",
            tag="Sources",
            scope=None,
            query=NoQuery,
            answers={200: ANY},
            refusals=(401, 404, 408, 413, 415, 507),
            raw=True,
            free_query=True,
            description="The format and the signature are those of the source's `kind` in tether.toml.",
        ),
    )
