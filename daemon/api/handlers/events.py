"""POST and GET /v1/events: the hook. The path of one event is kept short, since a store's busiest hour goes through it."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import msgspec
from aiohttp import web

from daemon.api.handlers import cloudevents
from daemon.api.plumbing import present, signing, voices
from daemon.api.plumbing.gate import BODY_LIMIT, EVENT_LIMIT, Gate
from daemon.api.plumbing.reply import GUARD, as_json
from daemon.api.plumbing.route import Call, Caller, NoQuery, Route, Scope, get
from daemon.api.plumbing.services import Services
from daemon.api.plumbing.taken import Taken
from daemon.api.schema import body as bodies
from daemon.api.schema.event import CloudEvent, Event
from daemon.api.schema.problem import Problem, of
from daemon.intake.own_sources import SIGNED, SIGNING_SECRET
from daemon.wire.events import Accepted, BatchAnswer, BatchItem, EventDetail, LedTo
from daemon.wire.queries import EventQuery
from daemon.wire.values import encode
from outbox import model
from outbox.accept import is_beneath
from outbox.errors import OutboxError
from outbox.model import Acceptance, Posted

MOST_IN_A_BATCH = 500
SLICE = 50
LEAST = 5
TURN = 0.025
"""Seconds that the events of an array which are read and written together should take, and how many these are: who posts one meanwhile, or
looks at the screen, waits for one such turn or two."""
_raw_items = msgspec.json.Decoder(list[msgspec.Raw])
_PLAIN = frozenset({"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"})


class Hook:
    """Takes events in. 202 only after the commit."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._latency = gate.guards.accepts

    async def take(self, request: web.Request) -> web.StreamResponse:
        try:
            headers = request.headers
            if "webhook-signature" in headers or "webhook-id" in headers:
                async with self._gate.unvouched_body(request) as raw:
                    caller = self._signed(request, raw)
            else:
                caller = self._gate.admit(request, Scope.EVENTS)
                raw = await self._body(request, caller)
            kind = headers.get("Content-Type", "application/json")
            if kind in _PLAIN and raw[:1] == b"{" and not cloudevents.is_binary(headers):
                return await self._one(read_event(raw), raw, caller)
            form = _form(request)
            if cloudevents.is_binary(headers) and form == "application/json":
                _check_size(raw)
                return await self._cloud(cloudevents.from_binary(headers, bodies.read(raw)), caller)
            return await self._other(raw, form, caller)
        except Exception as error:  # every failure becomes a problem here, a bug too
            return self._gate.failed(request, error)

    async def _body(self, request: web.Request, caller: Caller) -> bytes:
        """Most events have arrived whole by the time they are asked for: then there is nothing to wait for."""
        content = request.content
        if not content.is_eof() or "Content-Encoding" in request.headers:
            raw = await self._gate.body_of(request)
            self._gate.still(request, caller)
            return raw
        raw = content.read_nowait()
        if len(raw) > BODY_LIMIT:
            raise Problem(413, f"the body is larger than {BODY_LIMIT // 2**20} MiB")
        return raw

    def _signed(self, request: web.Request, raw: bytes) -> Caller:
        services = self._gate.services
        secret = services.settings.secrets.get(SIGNING_SECRET, "")
        now = services.clock.now()
        try:
            signing.verify(request.headers, raw, secret, now=now, clock_trusted=services.clock_trusted())
        except Problem as problem:
            raise self._gate.refused(request, problem.detail, error="invalid_signature") from problem
        self._gate.vouched(request)
        self._gate.count(SIGNED)
        return Caller(SIGNED, frozenset({Scope.EVENTS}), SIGNED, "")

    async def _one(self, event: Event, raw: bytes, caller: Caller, *, beneath: str | None = None) -> web.StreamResponse:
        services = self._gate.services
        posted = self._posted(caller, event, raw, services.clock.now(), beneath)
        began = services.clock.monotonic()
        acceptance = await services.engine.door.accept(posted)
        self._latency.add(services.clock.monotonic() - began)
        messages, warnings = await _led_to(services, event, acceptance)
        told = Accepted(acceptance.event_id, acceptance.duplicate, messages, warnings)
        return Taken(encode(told), 200 if acceptance.duplicate else 202)

    def _posted(self, caller: Caller, event: Event, raw: bytes, now: int, beneath: str | None) -> Posted:
        sources = self._gate.services.settings.sources
        return voices.posted(caller, event, raw, now=now, sources=sources, beneath=beneath)

    async def _other(self, raw: bytes, form: str, caller: Caller) -> web.StreamResponse:
        """What is not one plain event: an array, a CloudEvent, or one event with space around it."""
        is_array = raw.lstrip()[:1] == b"["
        if form == cloudevents.BATCH_TYPE and not is_array:
            raise Problem(422, "a batch of CloudEvents is an array", field="")
        if is_array:
            return await self._batch(raw, form, caller)
        if form == cloudevents.MEDIA_TYPE:
            _check_size(raw)
            return await self._cloud(bodies.read(raw), caller)
        return await self._one(read_event(raw), raw, caller)

    async def _cloud(self, value: Any, caller: Caller) -> web.StreamResponse:
        theirs, event, own = cloudevents.to_event(value)
        return await self._one(event, own, caller, beneath=theirs)

    async def _batch(self, raw: bytes, form: str, caller: Caller) -> web.StreamResponse:
        try:
            parts = _raw_items.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            bodies.read(raw)
            raise
        if not 1 <= len(parts) <= MOST_IN_A_BATCH:
            raise Problem(422, f"an array holds 1 to {MOST_IN_A_BATCH} events, not {len(parts)}", field="")
        answers: list[BatchItem] = []
        is_long, size, clock = len(parts) > SLICE, SLICE // 2, self._gate.services.clock
        with self._gate.services.engine.dispatcher.bulk.array() if is_long else nullcontext():
            while len(answers) < len(parts):
                began = clock.monotonic()
                piece = parts[len(answers) :][:size]
                answers += await self._slice(len(answers), piece, form, caller, is_one_of_many=is_long)
                size = _next_size(size, clock.monotonic() - began)
                await clock.sleep(0)  # a piece with nothing to put on the disk has waited for nothing
        statuses = {each.status for each in answers}
        return as_json(BatchAnswer(answers), status=statuses.pop() if len(statuses) == 1 else 207)

    async def _slice(
        self, first: int, parts: Sequence[msgspec.Raw], form: str, caller: Caller, *, is_one_of_many: bool
    ) -> list[BatchItem]:
        """Some of an array: read and on the disk before the next are begun, so that what others ask for gets its turn between."""
        now = self._gate.services.clock.now()
        read = [self._read_part(bytes(part), form, caller, now, is_one_of_many=is_one_of_many) for part in parts]
        posted = [each for each in read if isinstance(each, Posted)]
        self._gate.services.engine.dispatcher.bulk.brings(each.event.id for each in posted)
        try:
            taken = iter(await self._gate.services.engine.door.accept_many(posted))
        except (
            OutboxError
        ) as error:  # nothing may be taken any more: what came before stays taken, so each says so of itself
            if not first:
                raise
            taken = iter([error] * len(posted))
        return [
            _refused(index, each) if isinstance(each, Problem) else await self._answer(index, each, next(taken))
            for index, each in enumerate(read, first)
        ]

    async def _answer(self, index: int, posted: Posted, result: Acceptance | OutboxError) -> BatchItem:
        if isinstance(result, OutboxError):
            problem = of(result)
            assert problem is not None
            return _refused(index, problem)
        _, warnings = await _led_to(self._gate.services, posted.event, result)
        return BatchItem(index, 200 if result.duplicate else 202, result.event_id, result.duplicate, None, warnings)

    def _read_part(self, raw: bytes, form: str, caller: Caller, now: int, *, is_one_of_many: bool) -> Posted | Problem:
        try:
            if form == cloudevents.MEDIA_TYPE or form == cloudevents.BATCH_TYPE:
                _check_size(raw)
                theirs, event, raw = cloudevents.to_event(bodies.read(raw), is_one_of_many=is_one_of_many)
                return self._posted(caller, event, raw, now, theirs)
            event = read_event(raw, is_one_of_many=is_one_of_many)
            return self._posted(caller, event, raw, now, None)
        except Problem as problem:
            return problem


def _next_size(size: int, seconds: float) -> int:
    """How many of an array to take after so many took so long."""
    return max(LEAST, min(SLICE, round(size * TURN / max(seconds, TURN / SLICE))))


def read_event(raw: bytes, *, is_one_of_many: bool = False) -> Event:
    """One plain event. Raises Problem 400, 413 or 422; of one of many with its first fault: to look for all of them takes ten times as long."""
    _check_size(raw)
    try:
        return bodies.parse(raw, Event, is_one_of_many=is_one_of_many)
    except Problem as problem:
        if problem.status == 422 and cloudevents.looks_structured(bodies.read(raw)):
            words = f"this is a CloudEvent: send it with Content-Type {cloudevents.MEDIA_TYPE}"
            raise Problem(422, words, field="specversion") from problem
        raise


def _check_size(raw: bytes) -> None:
    if len(raw) > EVENT_LIMIT:
        raise Problem(413, f"an event is larger than {EVENT_LIMIT // 1024} KiB")


def _refused(index: int, problem: Problem) -> BatchItem:
    return BatchItem(index, problem.status, None, False, problem.body())


async def _led_to(
    services: Services, event: model.Event, acceptance: Acceptance
) -> tuple[Sequence[LedTo], tuple[str, ...]]:
    """The messages, and why there are none. Of an event that came again: as they stand now."""
    if not acceptance.duplicate:
        messages = [LedTo(each.id, each.audience, each.state, each.via, each.reason) for each in acceptance.messages]
        return messages, (acceptance.why,) if acceptance.why else ()
    rows = await services.box.views.messages_of_event(acceptance.seq)
    why = "" if rows else services.engine.planning.why_none(event.type)
    return [LedTo(row.id, row.audience, row.state, row.via, str(row.reason)) for row in rows], (why,) if why else ()


def _form(request: web.Request) -> str:
    """The media type, one of those taken here. Raises Problem 415."""
    if "Content-Type" not in request.headers:
        return "application/json"
    form, charset = request.content_type.lower(), (request.charset or "utf-8").lower()
    is_taken = form in ("application/json", cloudevents.MEDIA_TYPE, cloudevents.BATCH_TYPE)
    if is_taken and charset in ("utf-8", "us-ascii"):
        return form
    came = f"{form} in {charset}" if is_taken else form
    raise Problem(
        415,
        f"this came as {came[:100]}; events come as application/json or {cloudevents.MEDIA_TYPE} in UTF-8, "
        "and so does a CloudEvent's data in binary mode",
        headers={"Accept": f"application/json, {cloudevents.MEDIA_TYPE}"},
    )


async def handshake(gate: Gate, request: web.Request) -> web.StreamResponse:
    """OPTIONS on the hook: the consent that CloudEvents' webhook specification asks for (http-webhook.md, 4)."""
    try:
        gate.admit(request, None)
    except (Problem, ConnectionError) as refused:
        return gate.failed(request, refused)
    headers = {**GUARD, "Allow": "POST, OPTIONS", "Accept": f"application/json, {cloudevents.MEDIA_TYPE}"}
    if origin := request.headers.get("WebHook-Request-Origin"):
        headers |= {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"}
    return web.Response(status=204, headers=headers)


async def show(call: Call[EventQuery, None]) -> EventDetail:
    event_id = call.path("id")
    found = await call.services.box.views.events(event_id, source=call.query.source)
    if not found:
        raise Problem(404, f"no event has the id {event_id!r}")
    own = [each for each in found if is_beneath(each.source, call.caller.name)]
    if len(found) > 1 and len(own) != 1:
        sources = ", ".join(sorted(each.source for each in found))
        raise Problem(409, f"several sources have an event of that id: add ?source= ({sources})", field="source")
    event = (own or found)[0]
    messages = await call.services.box.views.messages_of_event(event.seq)
    return present.event(event, messages, whole=call.caller.may(Scope.STAFF))


PATH = "/v1/events"
EXAMPLE = {
    "id": "till-2-77810",
    "type": "order.ready",
    "order": {
        "ref": "B-1042",
        "total": "48.50",
        "currency": "GBP",
        "fulfilment": "pickup",
        "promised_at": "2026-11-24T12:00:00Z",
        "items": [{"name": "Helium bouquet, 12", "quantity": 1}],
    },
    "customer": {"name": "Ada", "phone": "07700 900123", "email": "ada@example.com", "locale": "en-GB"},
}


def routes(gate: Gate) -> tuple[Route[Any, Any], ...]:
    return (
        Route(
            method="POST",
            path=PATH,
            serve=Hook(gate).take,
            summary="Post an event",
            tag="Events",
            description="One event, or an array of up to 500 with an answer for each (207 when they differ); also CloudEvents 1.0, "
            "structured or binary. Answered only once it is on the disk. The source on record is the token's name; a CloudEvent's own is kept "
            "beneath it (`till-1/theirs`). An event is taken once: the same source and id again is answered "
            "200 and marked duplicate; with other content it is refused with 409. Instead of a token a Standard Webhooks signature "
            "(headers `webhook-id`, `webhook-timestamp`, `webhook-signature`) may vouch for it.",
            scope=Scope.EVENTS,
            query=NoQuery,
            body=Event,
            answers={202: Accepted, 200: Accepted, 207: BatchAnswer},
            refusals=(408, 409, 413, 415, 507),
            examples={"ready": EXAMPLE},
            raw=True,
            array_answer=BatchAnswer,
            also_takes={cloudevents.MEDIA_TYPE: CloudEvent},
        ),
        get(
            "/v1/events/{id}",
            show,
            "Show an event and the messages it led to",
            "Events",
            EventDetail,
            EventQuery,
            refusals=(404, 409),
        ),
    )
