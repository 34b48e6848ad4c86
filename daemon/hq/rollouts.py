"""What headquarters does about bundles while it runs: sends what people published, and decides canaries. One process of several does it: who
holds the lock in the database.
"""

import asyncio
import random
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from psycopg.types.json import Jsonb

from daemon.config import ConfigError
from daemon.fleet.nats_connection import NatsAway
from daemon.hq.canary import Decided, tried_until, worse
from daemon.hq.config import HqSettings
from daemon.hq.database import Connection, Weather, opened, queries
from daemon.hq.nats import as_archive
from daemon.hq.published import StoreBundles, stores
from daemon.hq.publishing import Publisher, Rollout
from daemon.hq.pulse import SILENT_SECONDS
from daemon.hq.stores import Stores
from daemon.supervise import call_off
from outbox import harmless
from outbox.clock import Clock

log = structlog.get_logger(__name__)

_SQL = queries("bundles.sql")

LOOK_SECONDS, AGAIN_SECONDS, WHOLE_SECONDS = 2.0, 10.0, 60.0
BASELINE = timedelta(days=7)
OVERDUE = timedelta(minutes=15)
PATIENCE = timedelta(days=1)
"""How long a canary waits for its stores to take it, beyond its own time."""
ITSELF = "headquarters"
WHY_MOST = 300
"""Of a store's own words: they go to people's telephones."""


class Rollouts:
    """`run` works until `stop`."""

    def __init__(self, settings: HqSettings, clock: Clock, rng: random.Random) -> None:
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self.publisher = Publisher(settings, self._now)
        self._listens_since = self._now()
        """What PostgreSQL has of stores may be from long before."""

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now() / 1000, UTC)

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._work(), name="bundles")
            try:
                await stop.wait()
            finally:
                await call_off(work)

    async def _work(self) -> None:
        while True:
            try:
                await self._session()
            except (NatsAway, ConfigError, *Weather) as error:
                log.warning("what is published can't be looked after now", reason=str(error).strip())
            await self._clock.sleep(AGAIN_SECONDS)

    async def _session(self) -> None:
        async with opened(self._settings.postgres.dsn) as db:
            while not (await (await db.execute(_SQL["lead"])).fetchone() or (False,))[0]:
                await self._clock.sleep(AGAIN_SECONDS)
            await Stores(self._settings, self._clock, self._rng).renew(db)
            async with as_archive(self._settings, self._clock, self._rng) as line:
                whole_at, self._listens_since = float("-inf"), self._now()
                while not line.lost.is_set():
                    if (now := self._clock.monotonic()) - whole_at >= WHOLE_SECONDS:
                        whole_at = now
                        await self.publisher.see_that_nats_has_all(db, line)
                    await self.decide(db)
                    while await self.publisher.send(db, line):
                        pass
                    await self._clock.sleep(LOOK_SECONDS)

    # ------------------------------------------------------------ canaries

    async def decide(self, db: Connection) -> None:
        """Each canary that is due, or that went wrong."""
        async with db.transaction():
            await db.execute(_SQL["lock"])
            for row in await (await db.execute(_SQL["under_way"])).fetchall():
                await self._decide(db, Rollout(*row))

    async def _decide(self, db: Connection, rollout: Rollout) -> None:
        trying = [store for store in await stores(db) if store.name in rollout.stores]
        words = await self._first_words(db, rollout)
        taken = {
            store.name: min(rollout.taken.get(store.name, _ms(heard)), _ms(heard))  # our clock may have been ahead
            for store in trying
            if store.has in words and (heard := self._heard(store, rollout))
        }
        if taken != rollout.taken:
            await db.execute(_SQL["taken"], {"id": rollout.id, "taken": Jsonb(taken)})
        why = self._trouble(trying, rollout, words) or (await self._figures(db, rollout, taken) if taken else "")
        now = self._now()
        if why:
            await self.publisher.end_canary(db, rollout, "taken_back", why, ITSELF)
        elif taken and len(taken) == len(trying):
            if now >= tried_until(rollout.began_at, rollout.until, taken) and self._heard_it_all(rollout):
                why = f"{len(taken)} stores had it, and fared no worse"
                await self.publisher.end_canary(db, rollout, "passed", why, ITSELF)
        elif now >= rollout.until + PATIENCE:
            missing = ", ".join(store.name for store in trying if store.name not in taken) or "the canaries"
            await self.publisher.end_canary(db, rollout, "taken_back", f"{missing} did not take it in time", ITSELF)

    async def _first_words(self, db: Connection, rollout: Rollout) -> set[str]:
        values = {"groups": list(rollout.first), "digest": rollout.digest}
        return {name for (name,) in await (await db.execute(_SQL["first_words"], values)).fetchall()}

    def _heard(self, store: StoreBundles, rollout: Rollout) -> datetime | None:
        """When, if since it began."""
        return store.heard_at if store.heard_at is not None and store.heard_at > rollout.began_at else None

    def _heard_it_all(self, rollout: Rollout) -> bool:
        """Or listens again for so long that it knows what happened while it was away."""
        return self._listens_since <= max(rollout.began_at, self._now() - OVERDUE)

    def _trouble(self, trying: Sequence[StoreBundles], rollout: Rollout, words: Collection[str]) -> str:
        """What a store itself says of one of these, or that it says nothing any more."""
        for store in trying:
            heard = self._heard(store, rollout)
            if heard is None:
                continue
            if _refuses(store.problem, words):
                return harmless.line(f"{store.name}: {store.problem}")[:WHY_MOST]
            if (self._now() - max(heard, self._listens_since)).total_seconds() > SILENT_SECONDS:
                return f"{store.name} is silent since it has it"
        return ""

    async def _figures(self, db: Connection, rollout: Rollout, taken: Mapping[str, int]) -> str:
        now, began = self._now(), rollout.began_at
        overdue = now - OVERDUE if self._heard_it_all(rollout) else began
        since = await self._told(db, taken, now, overdue=overdue)
        if not since.untold:
            return ""
        before = dict.fromkeys(taken, _ms(began - BASELINE))
        return worse(await self._told(db, before, began, overdue=began - OVERDUE), since)

    async def _told(self, db: Connection, begins: Mapping[str, int], end: datetime, *, overdue: datetime) -> Decided:
        """`overdue`: what was due before and still waits reached nobody."""
        names, times = list(begins), list(begins.values())
        values = {"stores": names, "begins": times, "to_ms": _ms(end), "overdue": _ms(overdue)}
        found = await (await db.execute(_SQL["told"], values)).fetchone()
        return Decided(*found) if found else Decided(0, 0)


def _refuses(problem: str, words: Collection[str]) -> bool:
    """A store says "canary/7: why", or of one that it can't look into "canary: canary/7 needs Tether 9". What it says of another is from before."""
    return any(problem.startswith((f"{word}: ", f"{word.partition('/')[0]}: {word} ")) for word in words)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
