"""Every store at a glance: what is wrong with it, the worst first, and since when. What follows from silence is judged at the moment of the
look; the rest was noted as it came."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import msgspec

from daemon.hq.database import Connection, queries
from daemon.hq.pulse import LATE_SECONDS, SILENT_SECONDS
from daemon.hq.troubles import GRAVE, RANK, Trouble

_SQL = queries("glance.sql")

LATELY = timedelta(days=1)
Level: TypeAlias = Literal["bad", "warn", "good", "off"]


class Glance(msgspec.Struct, frozen=True):
    """A store as a row shows it; two that are equal look alike."""

    name: str
    group: str
    level: Level
    troubles: Sequence[Trouble]
    """The worst first."""
    standing: Literal["", "awaited", "revoked"] = ""

    @property
    def key(self) -> str:
        """Sorts the worst first, and of what is as bad, what lasts longest."""
        worst = self.troubles[0] if self.troubles else None
        rank = RANK[worst.kind] if worst else 90 if self.level == "good" else 99
        since = worst.since.isoformat() if worst and worst.since else ""
        return f"{rank:02d} {since} {self.name}"


async def glance(db: Connection, now: datetime, mine: list[str] | None = None) -> list[Glance]:
    """`mine`: only these; None: all. The worst first."""
    rows = await (await db.execute(_SQL["stores"], {"mine": mine, "lately": now - LATELY})).fetchall()
    return sorted((_glance(row, now) for row in rows), key=lambda each: each.key)


def _glance(row: tuple[Any, ...], now: datetime) -> Glance:
    name, group, joined_at, revoked_at, heard_at, untold, untold_since, forks, fork_since, gap_since, *noted = row
    if revoked_at is not None:
        return Glance(name, group, "off", (), "revoked")
    if joined_at is None and heard_at is None:
        return Glance(name, group, "off", (), "awaited")
    kinds, abouts, sinces = noted
    found = [
        *_silence(heard_at, joined_at, now),
        *(Trouble(*each) for each in zip(kinds or (), abouts or (), sinces or (), strict=True)),
    ]
    if untold:
        found.append(Trouble("untold", "", untold_since, untold))
    if forks:
        found.append(Trouble("fork", "", fork_since, forks))
    if joined_at is None:
        found.append(Trouble("rejoin", "", None))
    if gap_since:
        found.append(Trouble("gap", "", gap_since))
    found.sort(key=lambda each: (RANK[each.kind], each.about))
    level: Level = "good" if not found else "bad" if any(each.kind in GRAVE for each in found) else "warn"
    return Glance(name, group, level, tuple(found))


def _silence(heard_at: datetime | None, joined_at: datetime | None, now: datetime) -> list[Trouble]:
    since = heard_at or joined_at
    age = (now - since).total_seconds() if since else 0.0
    if age > SILENT_SECONDS:
        return [Trouble("silent", "", since)]
    return [Trouble("late", "", since)] if age > LATE_SECONDS else []
