"""Who may ask the API: made, listed and revoked, each on headquarters' own record. Of a token its digest is kept, never itself."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from psycopg.errors import UniqueViolation

from daemon.hq.database import Connection, queries
from daemon.hq.record import record
from daemon.hq.stores import Declined
from daemon.wire.near import did_you_mean

_SQL = queries("tokens.sql")


class TokenRow(msgspec.Struct, frozen=True):
    name: str
    scopes: list[str]
    created_at: datetime


async def add(db: Connection, now: int, name: str, digest: bytes, scopes: Sequence[str], *, actor: str) -> None:
    """Raises Declined for a name that is taken."""
    try:
        async with db.transaction():
            await db.execute(_SQL["add"], {"name": name, "digest": digest, "scopes": list(scopes)})
            await record(db, now, "token.added", {"name": name, "scopes": list(scopes)}, actor=actor)
    except UniqueViolation as error:
        raise Declined(409, f"a token named {name!r} is there already: choose another name") from error


async def whose(db: Connection, digest: bytes) -> TokenRow | None:
    """None: it is none, or none any more."""
    found = await (await db.execute(_SQL["by_digest"], {"digest": digest})).fetchone()
    return None if found is None else TokenRow(*found)


async def everyone(db: Connection) -> list[TokenRow]:
    return [TokenRow(*row) for row in await (await db.execute(_SQL["all"])).fetchall()]


async def revoke(db: Connection, now: int, name: str, *, actor: str) -> None:
    """From now on: a stream that is open ends with its next look. Raises Declined."""
    async with db.transaction():
        if await (await db.execute(_SQL["revoke"], {"name": name})).fetchone() is None:
            near = did_you_mean(name, [each.name for each in await everyone(db)])
            raise Declined(404, f"no token is named {name!r}{near or ': tether hq token list'}")
        await record(db, now, "token.revoked", {"name": name}, actor=actor)
