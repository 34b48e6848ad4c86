"""Who may see the page: put, listed and removed, each on headquarters' own record."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from daemon.hq.database import Connection, queries
from daemon.hq.record import record
from daemon.hq.stores import Declined
from daemon.wire.near import did_you_mean

_SQL = queries("sessions.sql")


class UserRow(msgspec.Struct, frozen=True):
    name: str
    role: str
    stores: list[str]
    added_at: datetime


async def put(
    db: Connection, now: int, name: str, role: str, password: str, stores: Sequence[str], *, actor: str
) -> list[str]:
    """`password`: as it is kept, never in the clear. Whoever is logged in by that name is logged out. Returns the stores that are not in
    the fleet."""
    values = {"name": name, "role": role, "password": password, "stores": list(stores)}
    async with db.transaction():
        await db.execute(_SQL["put_user"], values)
        await db.execute(_SQL["end_all"], values)
        await record(db, now, "user.put", {"name": name, "role": role, "stores": list(stores)}, actor=actor)
        return [store for (store,) in await (await db.execute(_SQL["unknown_stores"], values)).fetchall()]


async def everybody(db: Connection) -> list[UserRow]:
    return [UserRow(*row) for row in await (await db.execute(_SQL["users"])).fetchall()]


async def remove(db: Connection, now: int, name: str, *, actor: str) -> None:
    """Raises Declined."""
    async with db.transaction():
        if await (await db.execute(_SQL["remove_user"], {"name": name})).fetchone() is None:
            near = did_you_mean(name, [each.name for each in await everybody(db)])
            raise Declined(404, f"nobody is called {name!r} here{near or ': tether hq user list'}")
        await record(db, now, "user.removed", {"name": name}, actor=actor)
