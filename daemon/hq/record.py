"""Headquarters' own record: what people did here, hash-chained as a store's is (`outbox.chain`). An entry is written in the transaction of the
deed itself, so that there is neither without the other."""

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from daemon.fleet.speaker import HEADQUARTERS
from daemon.hq.database import Connection, queries
from outbox.chain import START, link

_SQL = queries("record.sql")

LOCK = 7_411_036
"""The advisory lock of whoever adds an entry."""
NAME = HEADQUARTERS
SLICE = 1000


class Position(msgspec.Struct, frozen=True):
    epoch: str
    seq: int


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """An entry."""

    seq: int
    epoch: str
    at: int
    kind: str
    actor: str
    order_ref: str
    message_id: str
    detail: dict[str, Any]


class OwnVerdict(msgspec.Struct, frozen=True):
    ok: bool
    entries: int
    first_bad: int | None


async def record(
    db: Connection,
    now: int,
    kind: str,
    detail: Mapping[str, Any] | None = None,
    *,
    actor: str,
    order_ref: str = "",
    message_id: str = "",
) -> Position:
    """`now`: ms. Call it inside of the deed's own transaction; alone it is one of its own. `detail` holds no address and no secret."""
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        found = await (await db.execute(_SQL["newest"])).fetchone()
        epoch, seq, before = (found[0], found[1] + 1, bytes(found[2])) if found else (secrets.token_hex(8), 1, START)
        text = msgspec.json.encode(detail or {}).decode()
        values = {
            "seq": seq, "epoch": epoch, "at": now, "kind": kind, "actor": actor, "order_ref": order_ref, "message_id": message_id,
            "detail": text, "hash": link(before, epoch, seq, now, kind, actor, order_ref, message_id, text),
        }  # fmt: skip
        await db.execute(_SQL["add"], values)
    return Position(epoch, seq)


async def verify_own(db: Connection) -> OwnVerdict:
    """The whole chain, computed anew."""
    before, after, entries = START, 0, 0
    while rows := await (await db.execute(_SQL["slice"], {"after": after, "limit": SLICE})).fetchall():
        for seq, epoch, at, kind, actor, order_ref, message_id, detail, hash_ in rows:
            own = link(before, epoch, seq, at, kind, actor, order_ref, message_id, detail)
            if seq != after + 1 or own != bytes(hash_):
                return OwnVerdict(False, entries, after + 1)
            before, after, entries = own, seq, entries + 1
    return OwnVerdict(True, entries, None)


async def latest(db: Connection, *, below: int = 2**62, limit: int = 50) -> list[Deed]:
    """The newest first."""
    rows = await (await db.execute(_SQL["latest"], {"below": below, "limit": limit})).fetchall()
    return [
        Deed(
            seq=seq, epoch=epoch, at=at, kind=kind, actor=actor, order_ref=ref, message_id=message, detail=msgspec.json.decode(detail)
        )
        for seq, epoch, at, kind, actor, ref, message, detail, _ in rows
    ]  # fmt: skip
