"""Figures as the page shows them: whole weeks that are counted in the background, so that ten million messages make no look slow.

Whoever adds messages notes their days in the same transaction; a week of which a day is noted is counted anew from what is there, whatever
came twice or late. A note goes only if nothing came since it was read.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from daemon.hq.database import Connection, queries
from daemon.hq.figures import MOST_WEEKS, Span, Way, Week, Why, monday_of, ways, weeks, whys

_SQL = queries("figures.sql")

OFTEN = timedelta(minutes=5)
"""Between two countings of a week."""
DAY_MS = 86_400_000
DAYS_BACK, DAYS_AHEAD = 7 * (MOST_WEEKS + 1), 7

_weeks = msgspec.json.Decoder(list[Week])
_ways = msgspec.json.Decoder(list[Way])
_whys = msgspec.json.Decoder(list[Why])


class Kept(msgspec.Struct, frozen=True):
    weeks: Sequence[Week]
    ways: Sequence[Way]
    whys: Sequence[Why]
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
        if week in made and now - made[week] < OFTEN:
            waiting.add(week)
        elif week not in made or week in changed:
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
    span = Span(begin, begin + timedelta(weeks=1), zone)
    values = {
        "week": _name(begin), "zone": zone, "now": now, "weeks": msgspec.json.encode(await weeks(db, span)),
        "ways": msgspec.json.encode(await ways(db, span)), "whys": msgspec.json.encode(await whys(db, span)),
    }  # fmt: skip
    await db.execute(_SQL["keep"], values)


async def figures(db: Connection, span: Span) -> Kept:
    """As they were kept, never counted anew: that is nothing to wait for."""
    begins, begin = [], span.begin
    while begin < span.end:
        begins.append(_name(begin))
        begin += timedelta(weeks=1)
    rows = await (await db.execute(_SQL["kept"], {"weeks": begins, "zone": span.zone})).fetchall()
    mine = None if span.stores is None else set(span.stores)
    found = [week for row in rows for week in _weeks.decode(bytes(row[1])) if mine is None or week.store in mine]
    sent: dict[tuple[str, str], list[Way]] = defaultdict(list)
    failed: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in rows:
        for way in _ways.decode(bytes(row[2])):
            if mine is None or way.store in mine:
                sent[way.store, way.channel].append(way)
        for why in _whys.decode(bytes(row[3])):
            if mine is None or why.store in mine:
                failed[why.store, why.state, why.reason_code] += why.messages
    told = sorted(map(_sum, sent.values()), key=lambda way: (way.store, -way.told))
    untold = sorted(
        (Why(store=store, state=state, reason_code=code, messages=n) for (store, state, code), n in failed.items()),
        key=lambda why: (why.store, -why.messages),
    )
    return Kept(found, told, untold, rows[0][4] if rows else None, len(begins) - len(rows))


def _sum(each: Sequence[Way]) -> Way:
    told, parts = sum(way.told for way in each), sum(way.parts for way in each)
    return msgspec.structs.replace(each[0], told=told, parts=parts, cost=sum((way.cost for way in each), Decimal()))


def _name(monday: datetime) -> str:
    return f"{monday:%Y-%m-%d}"
