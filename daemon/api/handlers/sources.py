"""Sources by hand: how it goes with them, what a body would become, and what is kept because nobody understood it."""

from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

from daemon.api.handlers.preview import prospect
from daemon.api.plumbing import present
from daemon.api.plumbing.gate import Gate
from daemon.api.plumbing.reply import as_json
from daemon.api.plumbing.route import Call, NoQuery, Route, Scope, get, post
from daemon.api.plumbing.services import Services
from daemon.api.plumbing.short_list import page_of
from daemon.api.schema.problem import Problem
from daemon.intake.base import Unreadable
from daemon.intake.intake import body_of
from daemon.wire import sources as wire_sources
from daemon.wire.queries import KeptQuery, ShortListQuery
from daemon.wire.requests.keeping import Sync
from daemon.wire.sources import KeptDetail, KeptPage, Reread, Source, Sources, Tried, TriedEvent
from daemon.wire.values import When
from outbox import Kept
from outbox.model import Order, Posted
from outbox.orders import project, to_ms


async def index(call: Call[ShortListQuery, None]) -> Sources:
    rows, following = page_of(call.services.engine.intake.rows(), call.query)
    return Sources([present.source(row) for row in rows], following)


async def sync(call: Call[NoQuery, Sync]) -> Source:
    since = None if call.body.since is None else to_ms(call.body.since)
    return present.source(await call.services.engine.intake.sync(call.path("source"), since))


# ---------------------------------------------------------------- trying


class TryDoor:
    """Reads a source's body as it would come, whatever it is made of."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def take(self, call: Call[NoQuery, None]) -> web.StreamResponse:
        services = call.services
        raw = await self._gate.body_of(call.request)
        self._gate.still(call.request, call.caller)
        body = body_of(raw, {"content-type": call.request.headers.get("Content-Type", "")})
        try:
            tried = await services.engine.intake.try_out(call.path("source"), body)
        except Unreadable as error:
            return as_json(Tried([], [str(error)], [], ""))
        orders: dict[str, Order | None] = {}
        events = [await _tried(services, posted, orders, tried.known) for posted in tried.events]
        return as_json(Tried(events, list(tried.unread), list(tried.fetch), tried.note))


async def _tried(
    services: Services, posted: Posted, orders: dict[str, Order | None], known: Sequence[str]
) -> TriedEvent:
    """One event with what it would send, in turn: each sees the order as those before it leave it. Of history nobody is told."""
    ref = posted.event.order.ref
    if ref not in orders:
        found = await services.box.views.orders_by_ref([ref])
        orders[ref] = found[0] if found else None
    before = orders[ref]
    event = msgspec.json.decode(posted.raw)
    is_history = event.get("history") is True
    messages = () if is_history else await prospect(services, before, posted, services.engine.planning.plan)
    orders[ref] = project(before, posted)
    return TriedEvent(event, posted.event.id in known, messages)


# ---------------------------------------------------------------- what is kept


async def kept(call: Call[KeptQuery, None]) -> KeptPage:
    query = call.query
    page = await call.services.box.quarantine.list(
        source=query.source, state=query.state, limit=query.limit, cursor=query.cursor
    )
    return KeptPage([_kept(each) for each in page.items], page.next)


async def show(call: Call[NoQuery, None]) -> KeptDetail:
    found = await call.services.box.quarantine.get(_number(call))
    shown = _kept(found)
    return KeptDetail(
        **{name: getattr(shown, name) for name in shown.__struct_fields__},
        headers=dict(found.headers),
        body=found.body.decode("utf-8", "replace"),
    )


async def again(call: Call[NoQuery, None]) -> Reread:
    found = await call.services.box.quarantine.get(_number(call))
    reason = await call.services.engine.intake.reread(found, actor=call.caller.actor)
    return Reread(str(found.seq), not reason, reason)


async def drop(call: Call[NoQuery, None]) -> Reread:
    number = _number(call)
    await call.services.box.quarantine.close(number, "dropped", actor=call.caller.actor)
    return Reread(str(number), True, "")


def _number(call: Call[Any, None]) -> int:
    text = call.path("id")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Problem(404, f"nothing is kept under {text[:40]!r}")
    return int(text)


def _kept(each: Kept) -> wire_sources.Kept:
    return wire_sources.Kept(
        id=str(each.seq),
        source=each.source,
        state=each.state,
        reason=each.reason,
        at=When(each.at),
        times=each.times,
        size=each.size,
        retry=each.retry,
        cut=each.cut,
    )


def routes(gate: Gate) -> tuple[Route[Any, Any], ...]:
    return (
        get("/v1/sources", index, "List sources", "Sources", Sources, ShortListQuery),
        post(
            "/v1/sources/{source}/sync",
            sync,
            "Ask a source now",
            "Sources",
            Sync,
            Source,
            refusals=(404, 409),
            body_required=False,
        ),
        Route(
            method="POST",
            path="/v1/sources/{source}/try",
            handler=TryDoor(gate).take,
            summary="Show what a source's body would become and send",
            tag="Sources",
            scope=Scope.STAFF,
            query=NoQuery,
            answers={200: Tried},
            refusals=(404, 408, 413),
            raw=True,
            description="The body as the source posts it, without its signature. Nothing is taken and nothing sent.",
        ),
        get("/v1/quarantine", kept, "List what could not be understood", "Sources", KeptPage, KeptQuery, Scope.STAFF),
        get(
            "/v1/quarantine/{id}",
            show,
            "Show what was kept, with its body",
            "Sources",
            KeptDetail,
            scope=Scope.STAFF,
            refusals=(404,),
        ),
        post("/v1/quarantine/{id}/replay", again, "Read it again", "Sources", None, Reread, refusals=(404, 409, 507)),
        post(
            "/v1/quarantine/{id}/drop", drop, "Say that it means nothing", "Sources", None, Reread, refusals=(404, 409)
        ),
    )
