"""The record, and whether its chain holds."""

from collections.abc import Mapping

import msgspec
import structlog
from aiohttp import web

from daemon.api.plumbing import present
from daemon.api.plumbing.reply import API_POLICY, GUARD, write
from daemon.api.plumbing.route import Call, NoQuery, Scope, get
from daemon.keys.heads import signed
from daemon.keys.keyring import keyring
from daemon.wire.queries import AuditQuery, ExportQuery
from daemon.wire.record import AuditPage, Chain, Head, HeadLine
from outbox.errors import OutboxError
from outbox.orders import to_ms

log = structlog.get_logger(__name__)

FORMS: Mapping[str, str] = {"jsonl": "application/jsonl", "csv": "text/csv"}


async def index(call: Call[AuditQuery, None]) -> AuditPage:
    query = call.query
    page = await call.services.box.audit.list(
        search=query.q,
        kind=query.kind,
        order_ref=query.order,
        message_id=query.message,
        actor=query.actor,
        since=None if query.since is None else to_ms(query.since),
        limit=query.limit,
        cursor=query.cursor,
        oldest_first=query.order_by == "oldest",
    )
    return AuditPage([present.audit(each) for each in page.items], page.next)


async def export(call: Call[ExportQuery, None]) -> web.StreamResponse:
    form = call.query.format
    headers = {
        **GUARD,
        "Content-Type": FORMS[form],
        "Content-Security-Policy": API_POLICY,
        "Content-Disposition": f'attachment; filename="audit.{form}"',
    }
    if call.request.method == "HEAD":
        return web.Response(headers=headers)
    key = keyring(call.services.settings).own
    pieces = call.services.box.audit.export(form, lambda end: signed(end, key).line)
    first = await anext(pieces, b"")  # what can't be read at all is refused before the answer has begun
    response = web.StreamResponse(headers=headers)
    await response.prepare(call.request)
    try:
        await write(response, first)
        async for piece in pieces:
            await write(response, piece)
    except (ConnectionError, TimeoutError, OutboxError) as error:
        log.warning("an export of the record broke off", remote=call.request.remote, error=str(error))
        if call.request.transport is not None:
            call.request.transport.abort()  # an answer that ended well would look whole
    return response


async def head(call: Call[NoQuery, None]) -> Head:
    end = await call.services.box.audit.end()
    if end is None:
        return Head(None)
    return Head(HeadLine(**msgspec.structs.asdict(signed(end, keyring(call.services.settings).own))))


async def verify(call: Call[NoQuery, None]) -> Chain:
    verdict = await call.services.box.audit.verify()
    return Chain(verdict.ok, verdict.entries, verdict.first_bad)


ROUTES = (
    get("/v1/audit", index, "Read the record", "Audit", AuditPage, AuditQuery, Scope.ADMIN),
    get(
        "/v1/audit/export",
        export,
        "Take the whole record, the oldest entry first, with all that is needed to compute its chain again",
        "Audit",
        tuple(FORMS.values()),
        ExportQuery,
        Scope.ADMIN,
    ),
    get(
        "/v1/audit/head",
        head,
        "What the record ends with, signed: who keeps it can tell later that nothing before it was changed or cut off",
        "Audit",
        Head,
        scope=Scope.ADMIN,
    ),
    get("/v1/audit/verify", verify, "Check that the record was not changed", "Audit", Chain, scope=Scope.ADMIN),
)
