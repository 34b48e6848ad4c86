"""The line to headquarters, where this store is in a fleet."""

from daemon.api.plumbing.route import Call, NoQuery, get
from daemon.wire.service import FleetLine
from daemon.wire.values import When, when_or_none


async def show(call: Call[NoQuery, None]) -> FleetLine:
    if call.services.fleet is None:
        return FleetLine(joined=False)
    row = await call.services.fleet()
    return FleetLine(
        joined=True,
        store=row.store,
        state=row.state,
        since=When(row.since),
        reason=row.reason,
        server=row.server,
        epoch=row.epoch,
        entries=row.seq,
        archived=row.archived,
        behind=row.behind,
        behind_since=when_or_none(row.behind_since),
        last_heard=when_or_none(row.last_heard),
        consent_at=when_or_none(row.consent_at),
        from_elsewhere=row.from_elsewhere,
        untold=row.untold,
        refused_optins=row.refused_optins,
        bundle=row.bundle,
        bundle_problem=row.bundle_problem,
    )


ROUTES = (get("/v1/fleet", show, "Show how the line to headquarters stands", "Service", FleetLine),)
