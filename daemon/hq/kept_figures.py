"""Figures as the page shows them: whole weeks that were counted in the background, so that ten million messages make no look slow. The newest two
weeks are counted anew every ten minutes, older ones daily while stores that were away may still tell of them, then never again."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from daemon.hq.database import Connection, queries
from daemon.hq.figures import Span, Way, Week, Why, monday_of, ways, weeks, whys

_SQL = queries("figures.sql")

WEEKS = 53
OFTEN, DAILY = timedelta(minutes=10), timedelta(days=1)
LATE = timedelta(days=30)
"""So long after a week NATS may still bring something of it."""

_weeks = msgspec.json.Decoder(list[Week])
_ways = msgspec.json.Decoder(list[Way])
_whys = msgspec.json.Decoder(list[Why])


class Kept(msgspec.Struct, frozen=True):
    weeks: Sequence[Week]
    ways: Sequence[Way]
    whys: Sequence[Why]
    made_at: datetime | None
    """When the newest week was counted; None: all was counted just now."""


async def keep(db: Connection, now: datetime, zone: str) -> int:
    """Count what is due; how many weeks were."""
    made: dict[str, datetime] = dict(await (await db.execute(_SQL["made"])).fetchall())
    monday, counted = monday_of(now, zone), 0
    for n in range(WEEKS):
        begin = monday - timedelta(weeks=n)
        if _is_due(begin, made.get(_name(begin)), now, n):
            span = Span(begin, begin + timedelta(weeks=1), zone)
            values = {
                "week": _name(begin), "now": now, "weeks": msgspec.json.encode(await weeks(db, span)),
                "ways": msgspec.json.encode(await ways(db, span)), "whys": msgspec.json.encode(await whys(db, span)),
            }  # fmt: skip
            await db.execute(_SQL["keep"], values)
            counted += 1
    return counted


def _is_due(begin: datetime, made_at: datetime | None, now: datetime, age: int) -> bool:
    if made_at is None:
        return True
    if age < 2:
        return now - made_at >= OFTEN
    return made_at < begin + timedelta(weeks=1) + LATE and now - made_at >= DAILY


async def figures(db: Connection, span: Span) -> Kept:
    """As they were kept; counted now where they were not yet."""
    begins, begin = [], span.begin
    while begin < span.end:
        begins.append(_name(begin))
        begin += timedelta(weeks=1)
    rows = await (await db.execute(_SQL["kept"], {"weeks": begins})).fetchall()
    if len(rows) < len(begins):
        return Kept(await weeks(db, span), await ways(db, span), await whys(db, span), None)
    mine = None if span.stores is None else set(span.stores)
    found = [week for row in rows for week in _weeks.decode(bytes(row[1])) if mine is None or week.store in mine]
    sent: dict[tuple[str, str], Way] = {}
    failed: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in rows:
        for way in _ways.decode(bytes(row[2])):
            if mine is None or way.store in mine:
                sent[way.store, way.channel] = _sum(sent.get((way.store, way.channel)), way)
        for why in _whys.decode(bytes(row[3])):
            if mine is None or why.store in mine:
                failed[why.store, why.state, why.reason_code] += why.messages
    told = sorted(sent.values(), key=lambda way: (way.store, -way.told))
    untold = [
        Why(store=store, state=state, reason_code=code, messages=count)
        for (store, state, code), count in failed.items()
    ]
    return Kept(found, told, sorted(untold, key=lambda why: (why.store, -why.messages)), rows[0][4])


def _sum(one: Way | None, other: Way) -> Way:
    if one is None:
        return other
    told, parts, cost = one.told + other.told, one.parts + other.parts, one.cost + other.cost
    return msgspec.structs.replace(other, told=told, parts=parts, cost=cost)


def _name(monday: datetime) -> str:
    return f"{monday:%Y-%m-%d}"
