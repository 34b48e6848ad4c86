"""Who has what: what is published to each group, what each store has of it, and how canaries go."""

from datetime import datetime

import msgspec

from daemon.fleet.bundle import unpack
from daemon.hq.canary import tried_until
from daemon.hq.database import Connection, queries
from daemon.hq.stores import groups_of_store

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


class StoreBundles(msgspec.Struct, frozen=True, kw_only=True):
    """A store, and what it says of bundles."""

    name: str
    groups: tuple[str, ...]
    """The nearest first."""
    has: str
    wanted: str = ""
    """What it should have, as `overview` works it out."""
    problem: str
    """Why it does not have what it should, in the store's own words."""
    heard_at: datetime | None


class CanaryOut(msgspec.Struct, frozen=True, kw_only=True):
    group: str
    by: str
    stores: tuple[str, ...]
    began_at: datetime
    until: datetime
    """As far as its stores have taken it."""
    state: str
    """canary | passed | taken_back"""
    ended_at: datetime | None
    why: str


class Bundles(msgspec.Struct, frozen=True):
    groups: list[GroupOut]
    stores: list[StoreBundles]
    canaries: list[CanaryOut]
    """The newest first."""


async def standings(db: Connection) -> list[GroupOut]:
    return [
        GroupOut(
            group=group, name=f"{group}/{version}", version=version, digest=digest, release=release, note=note, by=by, at=at,
            sent_at=sent_at,
        )
        for group, version, digest, release, note, by, at, sent_at in await (await db.execute(_SQL["standing"])).fetchall()
    ]  # fmt: skip


async def stores(db: Connection) -> list[StoreBundles]:
    return [
        StoreBundles(name=name, groups=groups_of_store(name, region, canary=canary), has=has, problem=problem, heard_at=heard_at)
        for name, region, canary, has, problem, heard_at in await (await db.execute(_SQL["stores"])).fetchall()
    ]  # fmt: skip


async def content(db: Connection, digest: str) -> dict[str, bytes]:
    """The files of what was published; none for what was withdrawn. Raises BadBundle."""
    found = await (await db.execute(_SQL["content"], {"digest": digest})).fetchone()
    return {} if found is None else unpack(bytes(found[0]))


async def overview(db: Connection) -> Bundles:
    groups = await standings(db)
    newest = {group.group: group.name for group in groups if group.digest}
    found = [
        msgspec.structs.replace(store, wanted=next((newest[each] for each in store.groups if each in newest), ""))
        for store in await stores(db)
    ]
    canaries = [
        CanaryOut(
            group=group, by=by, stores=tuple(names), began_at=began_at, until=tried_until(began_at, until, taken), state=state,
            ended_at=ended_at, why=why,
        )
        for group, by, names, began_at, until, taken, state, ended_at, why in await (await db.execute(_SQL["rollouts"])).fetchall()
    ]  # fmt: skip
    return Bundles(groups, found, canaries)
