"""What is done once in a while, by one of several processes: the owner's mail of the week (how messages fared at each store, beside the week
before), the weeks counted that the page shows, and persons forgotten in time."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import structlog
from psycopg_pool import PoolTimeout

from daemon.hq.config import HqSettings
from daemon.hq.database import Pool, Weather
from daemon.hq.figures import Span, Week, Why, monday_of, weeks, whys
from daemon.hq.kept_figures import keep
from daemon.hq.retention import forget_persons
from daemon.hq.voice import PgNotes
from daemon.wire.durations import spoken
from outbox.clock import Clock

log = structlog.get_logger(__name__)

NOTE = "weekly.sent"
LOOK_SECONDS = 60.0
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TOLD_WHYS = 8

Mail = Callable[[str, str, str], Awaitable[bool]]


class WeeklyMail:
    """`run` mails, counts and forgets until `stop`; what is due goes out once."""

    def __init__(self, settings: HqSettings, pool: Pool, clock: Clock, mail: Mail, leads: Callable[[], bool]) -> None:
        """`leads`: whether this process, of several, is the one that tells people."""
        self._leads = leads
        self._settings = settings
        self._pool = pool
        self._clock = clock
        self._mail = mail

    async def run(self, stop: asyncio.Event) -> None:
        while not await self._clock.wait(stop, LOOK_SECONDS):
            try:
                if self._leads():
                    await self.look()
                    now, hq = datetime.fromtimestamp(self._clock.now() / 1000, UTC), self._settings.hq
                    async with self._pool.connection() as db:
                        await keep(db, now, hq.timezone)
                        await forget_persons(db, now, timedelta(seconds=hq.retention))
            except (*Weather, PoolTimeout) as error:
                log.warning("the week's mail can't be made yet", reason=str(error).strip())

    async def look(self) -> None:
        """Mail the week that is over, if that is due and was not done."""
        report, zone = self._settings.report, self._settings.hq.timezone
        if report.mail_at is None:
            return
        now = datetime.fromtimestamp(self._clock.now() / 1000, UTC).astimezone(ZoneInfo(zone))
        monday = monday_of(now, zone)
        due = monday + timedelta(days=DAYS.index(report.day), minutes=int(report.mail_at))
        week = f"{monday - timedelta(weeks=1):%Y-%m-%d}"
        notes = PgNotes(self._pool)
        # Of another week: it may be one that a clock that was ahead took for this.
        if now < due or await notes.get(NOTE) == week:
            return
        async with self._pool.connection() as db:
            both = await weeks(db, Span(monday - timedelta(weeks=2), monday, zone))
            why = await whys(db, Span(monday - timedelta(weeks=1), monday, zone))
        words = written(self._settings.hq.name, week, both, why)
        if await self._mail(report.audience, f"{self._settings.hq.name}: the week of {week}", words):
            await notes.set(NOTE, week)


def written(name: str, week: str, both: Sequence[Week], why: Sequence[Why]) -> str:
    """The mail's text."""
    this = [row for row in both if row.week == week]
    before = {row.store: row for row in both if row.week != week}
    lines = [f"{name}, the week from {week}: {_sum(this)}", ""]
    if before:
        lines[1:1] = [f"The week before: {_sum(list(before.values()))}"]
    for row in sorted(this, key=lambda row: (-row.untold / max(row.messages, 1), row.store)):
        was = before.get(row.store)
        change = f" (before: {was.untold} of {was.messages})" if was else ""
        fast = (
            ""
            if row.half_within is None
            else f"; half within {spoken(row.half_within)}, nine of ten within {spoken(row.most_within or 0)}"
        )
        lines.append(
            f"{row.store}: {row.told} of {row.messages} told, {row.untold} untold{change}{fast}; about {row.cost:.2f} {row.currency}".rstrip()
        )
    counted: dict[str, int] = defaultdict(int)
    for one in why:
        if one.state != "suppressed":
            counted[one.reason_code or one.state] += one.messages
    if counted:
        lines += ["", "Why not told:"]
        lines += [f"  {count} {code}" for code, count in sorted(counted.items(), key=lambda each: -each[1])[:TOLD_WHYS]]
    if not this:
        lines.append("No store wrote to any customer.")
    return "\n".join(lines) + "\n"


def _sum(rows: Sequence[Week]) -> str:
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        costs[row.currency] += row.cost
    money = ", ".join(f"{cost:.2f} {currency}".strip() for currency, cost in sorted(costs.items()))
    told, untold = sum(row.told for row in rows), sum(row.untold for row in rows)
    return f"{len(rows)} stores, {told} messages told, {untold} untold, {sum(row.parts for row in rows)} SMS, about {money or '0'}"
