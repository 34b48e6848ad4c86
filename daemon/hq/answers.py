"""What HQ's API answers: read from PostgreSQL and nowhere else."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from daemon.fleet.wire import Health
from daemon.hq.database import Connection, as_time, queries
from daemon.hq.detail import detail_of
from daemon.hq.pulse import LATE_SECONDS, SILENT_SECONDS
from outbox.chain import START, link

_SQL = queries("web.sql")

SLICE = 1000
MESSAGES_MOST, ENTRIES_MOST = 500, 2000
"""Of one order."""
StoreState = Literal["ok", "late", "silent", "revoked", "awaited"]


class StoreOut(msgspec.Struct, frozen=True, kw_only=True):
    """A store at a glance."""

    name: str
    group: str
    state: StoreState
    """awaited: it has a code and did not join yet. late: nothing heard for 90 s. silent: for 10 minutes."""
    heard_at: datetime | None
    epoch: str
    archived: int
    archived_at: datetime | None
    entries: int
    """What the store says its record's newest entry is."""
    behind: int
    forks: int
    gaps: int
    health: dict[str, Any]


class StoreDetail(msgspec.Struct, frozen=True, kw_only=True):
    store: StoreOut
    epochs: list[dict[str, Any]]
    forks: list[dict[str, Any]]
    gaps: list[dict[str, Any]]


class Stores(msgspec.Struct, frozen=True):
    items: list[StoreOut]
    next: None = None


class MessageOut(msgspec.Struct, frozen=True, kw_only=True):
    store: str
    id: str
    order_ref: str
    state: str
    channel: str
    reason_code: str
    type: str
    recipient: str
    to: str
    attempts: int
    created_at: datetime
    updated_at: datetime
    parts: int | None
    price: str | None
    reason_args: dict[str, Any]
    """What the reason names: channels, kinds of address, numbers; never what a person wrote."""


class Messages(msgspec.Struct, frozen=True):
    items: list[MessageOut]
    next: str | None


class EntryOut(msgspec.Struct, frozen=True, kw_only=True):
    store: str
    epoch: str
    seq: int
    at: datetime
    kind: str
    actor: str
    message_id: str
    detail: dict[str, Any]


class OrderOut(msgspec.Struct, frozen=True):
    ref: str
    messages: list[MessageOut]
    entries: list[EntryOut]
    truncated: bool
    """There is more than this, the newest: `?store=` asks for one store's alone."""


class ChainVerdict(msgspec.Struct, frozen=True, kw_only=True):
    store: str
    epoch: str
    ok: bool
    entries: int
    first_bad: int | None


class Verified(msgspec.Struct, frozen=True):
    ok: bool
    entries: int
    first_bad: int | None
    chains: list[ChainVerdict]


async def stores(db: Connection, now: datetime, name: str | None = None) -> list[StoreOut]:
    return [_store(row, now) for row in await (await db.execute(_SQL["stores"], {"name": name})).fetchall()]


def _store(row: tuple[Any, ...], now: datetime) -> StoreOut:
    name, group, joined_at, revoked_at, heard_at, body, epoch, head_seq, head_at, forks, gaps = row
    health = msgspec.convert(body, Health) if body else None
    entries = health.seq if health and health.epoch == epoch else head_seq or 0
    return StoreOut(
        name=name,
        group=group,
        state=_state(joined_at, revoked_at, heard_at, now),
        heard_at=heard_at,
        epoch=epoch or "",
        archived=head_seq or 0,
        archived_at=head_at,
        entries=entries,
        behind=max(entries - (head_seq or 0), 0),
        forks=forks,
        gaps=gaps,
        health=body or {},
    )


def _state(
    joined_at: datetime | None, revoked_at: datetime | None, heard_at: datetime | None, now: datetime
) -> StoreState:
    if revoked_at is not None:
        return "revoked"
    if heard_at is None:
        return "awaited" if joined_at is None else "silent"
    age = (now - heard_at).total_seconds()
    return "silent" if age > SILENT_SECONDS else "late" if age > LATE_SECONDS else "ok"


async def store(db: Connection, now: datetime, name: str) -> StoreDetail | None:
    found = await stores(db, now, name)
    if not found:
        return None
    return StoreDetail(
        store=found[0],
        epochs=await _dicts(db, "chains", name),
        forks=await _dicts(db, "forks", name),
        gaps=await _dicts(db, "gaps", name),
    )


async def _dicts(db: Connection, query: str, store: str) -> list[dict[str, Any]]:
    cursor = await db.execute(_SQL[query], {"store": store})
    names = [column.name for column in cursor.description or ()]
    return [
        {
            name: bytes(value).hex() if isinstance(value, bytes) else value
            for name, value in zip(names, row, strict=True)
        }
        for row in await cursor.fetchall()
    ]


async def messages(
    db: Connection,
    *,
    store: str | None,
    state: str | None,
    order_ref: str | None,
    limit: int,
    cursor: tuple[int, str, str] | None,
) -> Messages:
    at, after_store, after_id = cursor or (2**62, "", "")
    values = {
        "store": store, "state": state, "order_ref": order_ref, "at": at, "after_store": after_store, "after_id": after_id,
        "limit": limit + 1,
    }  # fmt: skip
    rows = await (await db.execute(_SQL["messages"], values)).fetchall()
    more = rows[limit - 1] if len(rows) > limit else None
    following = None if more is None else f"{more[10]}.{more[0]}.{more[1]}"
    return Messages([message_of(row) for row in rows[:limit]], following)


def message_of(row: tuple[Any, ...]) -> MessageOut:
    store, id, ref, state, channel, reason, type_, recipient, to, attempts, created, updated, parts, price, args = row
    return MessageOut(
        store=store, id=id, order_ref=ref, state=state, channel=channel, reason_code=reason, type=type_, recipient=recipient, to=to,
        attempts=attempts, created_at=as_time(created), updated_at=as_time(updated), parts=parts, price=price,
        reason_args=args,
    )  # fmt: skip


async def order(db: Connection, ref: str, store: str | None = None) -> OrderOut | None:
    values = {"ref": ref, "store": store, "messages": MESSAGES_MOST + 1, "entries": ENTRIES_MOST + 1}
    found = [message_of(row) for row in await (await db.execute(_SQL["messages_of_order"], values)).fetchall()]
    entries = [
        EntryOut(
            store=store, epoch=epoch, seq=seq, at=as_time(at), kind=kind, actor=actor, message_id=message, detail=detail_of(detail)
        )
        for store, epoch, seq, at, kind, actor, message, detail in await (
            await db.execute(_SQL["entries_of_order"], values)
        ).fetchall()
    ]  # fmt: skip
    truncated = len(found) > MESSAGES_MOST or len(entries) > ENTRIES_MOST
    return OrderOut(ref, found, entries, truncated) if found or entries else None


async def verify(db: Connection, store: str | None) -> Verified:
    """Every chain computed anew from what PostgreSQL holds, as far as it had come when this began: stores go on telling."""
    chains = await (await db.execute(_SQL["all_chains"], {"store": store})).fetchall()
    verdicts = [await _verify(db, *chain) for chain in chains]
    bad = next((verdict for verdict in verdicts if not verdict.ok), None)
    return Verified(bad is None, sum(each.entries for each in verdicts), bad.first_bad if bad else None, verdicts)


async def _verify(db: Connection, store: str, epoch: str, first: int, head_seq: int, head_hash: bytes) -> ChainVerdict:
    about = {"store": store, "epoch": epoch, "head_seq": head_seq}
    holes: dict[int, int] = dict(await (await db.execute(_SQL["gaps_of"], about)).fetchall())
    begun: list[bytes] = (
        [START] if first == 1 else [] if first - 1 in holes.values() else await _before(db, store, epoch, first)
    )
    before: bytes | None = None
    expected, entries, after = first, 0, 0
    while rows := await (await db.execute(_SQL["record"], about | {"after": after, "limit": SLICE})).fetchall():
        for seq, at, kind, actor, order_ref, message_id, detail, hash_ in rows:
            if seq != expected and holes.get(expected) == seq - 1:
                before, expected = None, seq
            own, entry = bytes(hash_), (epoch, seq, at, kind, actor, order_ref, message_id, detail)
            if not entries and begun:
                before = next((each for each in begun if link(each, *entry) == own), begun[0])
            computed = own if before is None else link(before, *entry)
            if seq != expected or computed != own:
                return ChainVerdict(store=store, epoch=epoch, ok=False, entries=entries, first_bad=min(seq, expected))
            before, expected, entries, after = own, seq + 1, entries + 1, seq
    ok = after == head_seq and before == bytes(head_hash)
    return ChainVerdict(store=store, epoch=epoch, ok=ok, entries=entries, first_bad=None if ok else expected)


async def _before(db: Connection, store: str, epoch: str, first: int) -> list[bytes]:
    """An epoch goes on from any of those before it that have that number: a store may be restored more than once. Empty: the store had that
    entry no more, so the first one archived stands for itself."""
    found = await (await db.execute(_SQL["hash_before"], {"store": store, "epoch": epoch, "seq": first - 1})).fetchall()
    return [bytes(hash_) for (hash_,) in found]


async def changed(db: Connection, since: datetime) -> list[str]:
    return [name for (name,) in await (await db.execute(_SQL["changed"], {"since": since})).fetchall()]


async def figures(db: Connection, now: datetime) -> tuple[int, ...]:
    found = await (await db.execute(_SQL["figures"], {"now": now})).fetchone()
    return tuple(int(each) for each in found or ())
