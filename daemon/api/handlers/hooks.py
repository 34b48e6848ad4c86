"""POST /v1/hooks/{source}: a shop's, CRM's or payment provider's own webhook. The source verifies and reads it; what can't be
understood is kept and answered so that its sender neither repeats it for ever nor switches the webhook off.
"""

from aiohttp import web

from daemon.api.handlers.receipts import ANY, headers_of, public_url
from daemon.api.plumbing.gate import Gate
from daemon.api.plumbing.reply import answer
from daemon.api.plumbing.route import Call, NoQuery, Route
from daemon.api.schema.problem import Problem
from daemon.intake.base import Hook, HookRefused


class SourceDoor:
    """Takes the webhooks of the configured sources."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def take(self, call: Call[NoQuery, None]) -> web.StreamResponse:
        async with self._gate.unvouched_body(call.request) as body:
            intake = call.services.engine.intake
            hook = _hook(call, body)
            try:
                told = intake.admit(hook)
            except HookRefused as refusal:
                raise self._refused(call.request, refusal) from refusal
            if told is None:  # else it only set the webhook up, which anybody may
                self._gate.vouched(call.request)
        if told is None:
            told = await intake.take(hook)
        return answer(told.body, content_type=told.content_type)

    def _refused(self, request: web.Request, refusal: HookRefused) -> Problem:
        if refusal.status == 401:
            return self._gate.refused(request, str(refusal), error="invalid_signature")
        return Problem(refusal.status, str(refusal))


def _hook(call: Call[NoQuery, None], body: bytes) -> Hook:
    request, services = call.request, call.services
    return Hook(
        source=call.path("source"),
        method=request.method,
        url=public_url(request, services.settings.hook.public_url),
        query=tuple(request.query.items()),
        headers=headers_of(request),
        body=body,
        now=services.clock.now(),
        clock_trusted=services.clock_trusted(),
    )


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
