"""Figures as the page shows them: whole weeks that are counted in the background, so that ten million messages make no look slow.

Whoever adds messages notes their days in the same transaction; a week of which a day is noted is counted anew from what is there, whatever
came twice or late. A note goes only if nothing came since it was read.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from daemon.hq.database import Connection, execute_many, queries
from daemon.hq.figures import MOST_WEEKS, Span, Way, Week, Why, monday_of, stores_currencies, ways, weeks, whys

_SQL = queries("figures.sql")

OFTEN = timedelta(minutes=5)
"""Between two countings of a week."""
DAY_MS = 86_400_000
DAYS_BACK, DAYS_AHEAD = 7 * (MOST_WEEKS + 1), 7


class Kept(msgspec.Struct, frozen=True):
    weeks: Sequence[Week]
    ways: Sequence[Way]
    whys: Sequence[Why]
    hidden: frozenset[str]
    """Of which there are more than were asked for."""
    shares: Sequence[tuple[str, float]]
    """Of each week, the oldest first, how much reached nobody."""
    made_at: datetime | None
    """When the newest of these weeks was counted; None: none was yet."""
    uncounted: int
    """How many of the weeks that were asked for are not counted yet."""


async def note_changed(db: AsyncCursor[TupleRow], now: datetime, moments: Iterable[int]) -> None:
    """Messages made at these moments (ms) are added or changed: call it in that transaction."""
    today = round(now.timestamp()) * 1000 // DAY_MS
    days = sorted({day for at in moments if today - DAYS_BACK <= (day := at // DAY_MS) <= today + DAYS_AHEAD})
    if days:
        await db.execute(_SQL["changed"], {"days": days})


async def keep(db: Connection, now: datetime, zone: str) -> int:
    """Count what is due, the newest first; how many weeks were."""
    made: dict[str, datetime] = dict(await (await db.execute(_SQL["made"], {"zone": zone})).fetchall())
    notes = {(day, change): _weeks_of(day, zone) for day, change in await (await db.execute(_SQL["due"])).fetchall()}
    changed = {week for both in notes.values() for week in both}
    monday, waiting, counted = monday_of(now, zone), set(), 0
    for begin in (monday - timedelta(weeks=n) for n in range(MOST_WEEKS)):
        week = _name(begin)
        if week in made and abs(now - made[week]) < OFTEN:
            waiting.add(week)
        elif week not in made or week in changed or made[week] > now:  # by a clock that was ahead
            await _count(db, begin, now, zone)
            counted += 1
    done = [note for note, both in notes.items() if waiting.isdisjoint(both)]
    if done:
        days, changes = zip(*done, strict=True)
        await db.execute(_SQL["done"], {"days": list(days), "changes": list(changes)})
    return counted


def _weeks_of(day: int, zone: str) -> frozenset[str]:
    """A day by UTC may be of two weeks by the zone's clocks."""
    ends = (datetime.fromtimestamp(at / 1000, UTC) for at in (day * DAY_MS, (day + 1) * DAY_MS - 1))
    return frozenset(_name(monday_of(end, zone)) for end in ends)


async def _count(db: Connection, begin: datetime, now: datetime, zone: str) -> None:
    """In one transaction, in which nobody else counts that week: what is written last was counted last."""
    span, about = Span(begin, begin + timedelta(weeks=1), zone), {"week": _name(begin), "zone": zone, "now": now}
    async with db.transaction(), db.cursor() as cursor:
        await cursor.execute(_SQL["begin_week"], about)
        for what in ("weeks", "ways", "whys"):
            await cursor.execute(_SQL[f"drop_{what}"], about)
        await execute_many(cursor, _SQL["keep_week"], [msgspec.structs.asdict(row) for row in await weeks(db, span)])
        await cursor.execute(_SQL["add_up"], about)
        await execute_many(
            cursor, _SQL["keep_way"], [msgspec.structs.asdict(row) | about for row in await ways(db, span)]
        )
        await execute_many(
            cursor, _SQL["keep_why"], [msgspec.structs.asdict(row) | about for row in await whys(db, span)]
        )


async def figures(db: Connection, span: Span, limit: int | None = None) -> Kept:
    """As they were kept, never counted anew: that is nothing to wait for. `limit`: so many rows of each; None: all."""
    asked, begin = [], span.begin
    while begin < span.end:
        asked.append(_name(begin))
        begin += timedelta(weeks=1)
    made: dict[str, datetime] = dict(await (await db.execute(_SQL["made"], {"zone": span.zone})).fetchall())
    uncounted = [week for week in asked if week not in made]
    values = {
        "first": asked[0], "last": asked[-1], "uncounted": uncounted, "stores": span.values["stores"],
        "limit": None if limit is None else limit + 1,
    }  # fmt: skip
    currencies = await stores_currencies(db)
    found = {
        what: await (await db.execute(_SQL[f"kept_{what}"], values)).fetchall() for what in ("weeks", "ways", "whys")
    }
    hidden = frozenset(what for what, rows in found.items() if limit is not None and len(rows) > limit)
    return Kept(
        weeks=[_week(row, currencies) for row in found["weeks"][:limit]],
        ways=[_way(row, currencies) for row in found["ways"][:limit]],
        whys=[
            Why(store=store, state=state, reason_code=code, messages=int(count))
            for store, state, code, count in found["whys"][:limit]
        ],
        hidden=hidden,
        shares=[
            (week, float(untold / messages))
            for week, messages, untold in await (await db.execute(_SQL["shares"], values)).fetchall()
        ],
        made_at=next((made[week] for week in reversed(asked) if week in made), None),
        uncounted=len(uncounted),
    )


def _week(row: tuple[Any, ...], currencies: Mapping[str, str]) -> Week:
    store, week, messages, told, untold, silenced, half, most, parts, cost = row
    return Week(
        store=store, week=week, messages=messages, told=told, untold=untold, silenced=silenced, half_within=half, most_within=most,
        parts=parts, cost=cost, currency=currencies.get(store, ""),
    )  # fmt: skip


def _way(row: tuple[Any, ...], currencies: Mapping[str, str]) -> Way:
    store, channel, told, parts, cost = row
    return Way(
        store=store,
        channel=channel,
        told=int(told),
        parts=int(parts),
        cost=cost,
        currency=currencies.get(store, ""),
    )


def _name(monday: datetime) -> str:
    return f"{monday:%Y-%m-%d}"
