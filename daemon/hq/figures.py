"""Figures of the archive: told within how long, by which way, why not, and what it cost by estimate; per store and week. Weeks begin on Monday
by headquarters' own clocks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from daemon.hq.database import Connection, queries

_SQL = queries("figures.sql")

MOST_WEEKS = 104


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """A store's messages to customers that were made in a week."""

    store: str
    week: str
    """Its Monday."""
    messages: int
    told: int
    untold: int
    """Failed, too late, or nobody knows."""
    silenced: int
    """Not sent: the customer asked for silence."""
    half_within: float | None
    """Seconds; None: none was told."""
    most_within: float | None
    """Nine of ten."""
    parts: int
    """Of text messages."""
    cost: Decimal
    currency: str


class Way(msgspec.Struct, frozen=True, kw_only=True):
    store: str
    channel: str
    told: int
    parts: int
    cost: Decimal
    currency: str


class Why(msgspec.Struct, frozen=True, kw_only=True):
    store: str
    state: str
    reason_code: str
    messages: int


class Span(msgspec.Struct, frozen=True):
    """Whole weeks up to a moment, the last one as far as it has come. `stores` None: all."""

    begin: datetime
    end: datetime
    zone: str
    stores: Sequence[str] | None = None

    @classmethod
    def last(cls, weeks: int, now: datetime, zone: str, stores: Sequence[str] | None = None) -> "Span":
        monday = monday_of(now, zone)
        return cls(monday - timedelta(weeks=min(max(weeks, 1), MOST_WEEKS) - 1), now, zone, stores)

    @property
    def values(self) -> dict[str, Any]:
        return {
            "from_ms": round(self.begin.timestamp() * 1000),
            "to_ms": round(self.end.timestamp() * 1000),
            "zone": self.zone,
            "stores": None if self.stores is None else list(self.stores),
        }


def monday_of(at: datetime, zone: str) -> datetime:
    """When that week began, by the clocks of the zone."""
    local = at.astimezone(ZoneInfo(zone))
    return (local - timedelta(days=local.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)


async def weeks(db: Connection, span: Span) -> list[Week]:
    """The newest first."""
    currencies = await stores_currencies(db)
    return [
        Week(
            store=store, week=week, messages=messages, told=told, untold=untold, silenced=silenced, half_within=half, most_within=most,
            parts=parts, cost=cost, currency=currencies.get(store, ""),
        )
        for store, week, messages, told, untold, silenced, half, most, parts, cost in await (
            await db.execute(_SQL["weeks"], span.values)
        ).fetchall()
    ]  # fmt: skip


async def ways(db: Connection, span: Span) -> list[Way]:
    currencies = await stores_currencies(db)
    rows = await (await db.execute(_SQL["ways"], span.values)).fetchall()
    return [
        Way(store=store, channel=channel, told=told, parts=parts, cost=cost, currency=currencies.get(store, ""))
        for store, channel, told, parts, cost in rows
    ]


async def whys(db: Connection, span: Span) -> list[Why]:
    rows = await (await db.execute(_SQL["whys"], span.values)).fetchall()
    return [Why(store=store, state=state, reason_code=code, messages=count) for store, state, code, count in rows]


async def stores_currencies(db: Connection) -> dict[str, str]:
    return dict(await (await db.execute(_SQL["currencies"])).fetchall())
