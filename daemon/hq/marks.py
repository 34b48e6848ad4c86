"""HQ's word to each store on how far it is archived: told after the commit, and again at every start, since a telling can be lost."""

from collections.abc import Iterable
from datetime import UTC, datetime

import structlog

from daemon.fleet.nats_connection import NatsConnection
from daemon.fleet.seal import seal
from daemon.fleet.wire import Mark, Reach, pack
from daemon.hq.commands import orders
from daemon.hq.config import HqSettings
from daemon.hq.database import Connection, queries
from outbox.clock import Clock

log = structlog.get_logger(__name__)

_SQL = queries("marks.sql")

SPARING_SECONDS = 0.5
"""Between two marks of one store: what comes meanwhile goes into the next."""


class Marks:
    """`touch` says whose mark moved; `tell` publishes what is due."""

    def __init__(self, settings: HqSettings, clock: Clock, consent_made: str) -> None:
        self._settings = settings
        self._clock = clock
        self._keys = settings.consent_keys
        self._made = consent_made
        self._due: dict[str, float] = {}
        self._told_at: dict[str, float] = {}
        self._told: dict[str, Mark] = {}
        self._news: tuple[object, ...] | None = None
        self._sealed: dict[tuple[str, str], str] = {}

    def touch(self, stores: Iterable[str]) -> None:
        now = self._clock.monotonic()
        for store in stores:
            due = max(now, self._told_at.get(store, float("-inf")) + SPARING_SECONDS)
            self._due.setdefault(store, due)

    async def touch_all(self, db: Connection) -> None:
        rows = await (await db.execute(_SQL["all_stores"])).fetchall()
        self.touch(name for (name,) in rows)

    async def touch_for_news(self, db: Connection) -> None:
        """Something was published, or a store was put into another group."""
        found = await (await db.execute(_SQL["news"])).fetchone()
        if found != self._news:
            self._news = found
            await self.touch_all(db)

    @property
    def next_due(self) -> float | None:
        """Monotonic seconds; None: nobody waits."""
        return min(self._due.values(), default=None)

    async def tell(self, db: Connection, line: NatsConnection) -> int:
        """Returns how many were told."""
        now = self._clock.monotonic()
        names = [store for store, due in self._due.items() if due <= now]
        if not names:
            return 0
        marks: dict[str, Mark] = {}
        at = datetime.fromtimestamp(self._clock.now() / 1000, UTC)
        commands = await orders(db, self._settings, at, names)
        rows = await (await db.execute(_SQL["marks"], {"names": names})).fetchall()
        for name, again, sealing, epoch, head_seq, head_hash, rev, claim, versions in rows:
            mark = marks.get(name)
            if mark is None:
                mark = Mark(
                    reaches=[],
                    again=again,
                    consent=self._made,
                    keys=self._keys_for(name, sealing),
                    claim=claim,
                    bundles=versions or {},
                    commands=commands.get(name, ""),
                )
                marks[name] = mark
            if epoch is not None:
                mark.reaches.append(Reach(epoch, head_seq, bytes(head_hash).hex(), rev))
        told = 0
        for name in names:
            self._due.pop(name)
            mark = marks.get(name)
            if mark is None or self._told.get(name) == mark:
                continue
            await line.publish(f"mark.{name}", pack(mark))
            self._told[name], self._told_at[name] = mark, self._clock.monotonic()
            told += 1
        return told

    def _keys_for(self, store: str, sealing: str) -> dict[str, str]:
        if not sealing:
            return {}
        for kid, key in self._keys.items():
            if (sealing, kid) not in self._sealed:
                self._sealed[sealing, kid] = seal(key, sealing, f"{store} {kid}")
        return {kid: self._sealed[sealing, kid] for kid in self._keys}
