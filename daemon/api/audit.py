"""The record, and whether its chain holds."""

from daemon.api import present
from daemon.api.route import Call, NoQuery, Scope, get
from daemon.api.service_answers import AuditPage, VerifyOut
from daemon.api.wire import AuditQuery
from outbox.orders import to_ms


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


async def verify(call: Call[NoQuery, None]) -> VerifyOut:
    verdict = await call.services.box.audit.verify()
    return VerifyOut(verdict.ok, verdict.entries, verdict.first_bad)


ROUTES = (
    get("/v1/audit", index, "Read the record", "Audit", AuditPage, AuditQuery, Scope.ADMIN),
    get("/v1/audit/verify", verify, "Check that the record was not changed", "Audit", VerifyOut, scope=Scope.ADMIN),
)
