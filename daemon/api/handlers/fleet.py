"""The line to headquarters, where this store is in a fleet."""

from typing import Literal

import msgspec

from daemon.api.plumbing.reply import moment, moment_or_none
from daemon.api.plumbing.route import Call, NoQuery, get
from daemon.api.schema.answers import Moment


class FleetOut(msgspec.Struct, frozen=True, kw_only=True):
    joined: bool
    """false: this store is in no fleet, and the rest says nothing."""
    store: str = ""
    state: Literal["connected", "connecting", "away", "refused", "waiting", ""] = ""
    """refused: somebody must act (`reason` says what). waiting: for the clock. The store works on in any of them."""
    since: Moment | None = None
    reason: str = ""
    server: str = ""
    epoch: str = ""
    entries: int = 0
    archived: int = 0
    """Up to which entry of the record headquarters has it, committed and its chain verified."""
    behind: int = 0
    behind_since: Moment | None = None
    """When the oldest entry was made that headquarters does not have."""
    last_heard: Moment | None = None
    consent_at: Moment | None = None
    """When the fleet's opt-outs were last asked for."""
    from_elsewhere: int = 0
    """Opt-outs that hold here because another store told of them."""
    untold: int = 0
    refused_optins: int = 0


async def show(call: Call[NoQuery, None]) -> FleetOut:
    if call.services.fleet is None:
        return FleetOut(joined=False)
    row = await call.services.fleet.status()
    return FleetOut(
        joined=True,
        store=row.store,
        state=row.state,
        since=moment(row.since),
        reason=row.reason,
        server=row.server,
        epoch=row.epoch,
        entries=row.seq,
        archived=row.archived,
        behind=row.behind,
        behind_since=moment_or_none(row.behind_since),
        last_heard=moment_or_none(row.last_heard),
        consent_at=moment_or_none(row.consent_at),
        from_elsewhere=row.from_elsewhere,
        untold=row.untold,
        refused_optins=row.refused_optins,
    )


ROUTES = (get("/v1/fleet", show, "Show how the line to headquarters stands", "Service", FleetOut),)
