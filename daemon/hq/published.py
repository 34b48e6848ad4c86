"""Who has what: what is published to each group, what each store has of it, and how canaries go."""

from datetime import datetime

import msgspec

from daemon.hq.database import Connection, queries
from daemon.hq.publishing import standings, stores

_SQL = queries("bundles.sql")


class GroupOut(msgspec.Struct, frozen=True, kw_only=True):
    """The newest word on a group."""

    group: str
    name: str
    """As stores say it: `all/7`."""
    version: int
    digest: str
    """Empty: it has none of its own, and the next wider group's counts."""
    release: str
    note: str
    by: str
    at: datetime
    sent_at: datetime | None
    """When NATS had it."""


class StoreOut(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    groups: tuple[str, ...]
    """The nearest first."""
    has: str
    wanted: str
    problem: str
    """Why it does not have what it should, in the store's own words."""
    heard_at: datetime | None


class CanaryOut(msgspec.Struct, frozen=True, kw_only=True):
    group: str
    by: str
    stores: tuple[str, ...]
    began_at: datetime
    until: datetime
    state: str
    """canary | passed | taken_back"""
    ended_at: datetime | None
    why: str


class Bundles(msgspec.Struct, frozen=True):
    groups: list[GroupOut]
    stores: list[StoreOut]
    canaries: list[CanaryOut]
    """The newest first."""


async def overview(db: Connection) -> Bundles:
    groups = [GroupOut(name=f"{one.group}/{one.version}", **msgspec.structs.asdict(one)) for one in await standings(db)]
    newest = {group.group: group.name for group in groups if group.digest}
    found = [
        StoreOut(
            name=store.name,
            groups=store.groups,
            has=store.has,
            wanted=next((newest[group] for group in store.groups if group in newest), ""),
            problem=store.problem,
            heard_at=store.heard_at,
        )
        for store in await stores(db)
    ]
    canaries = [
        CanaryOut(
            group=group, by=by, stores=tuple(names), began_at=began_at, until=until, state=state, ended_at=ended_at, why=why
        )
        for group, by, names, began_at, until, state, ended_at, why in await (await db.execute(_SQL["rollouts"])).fetchall()
    ]  # fmt: skip
    return Bundles(groups, found, canaries)
