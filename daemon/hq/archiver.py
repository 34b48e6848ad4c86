"""The loop that keeps the archive: read what stores told, commit it, tell each how far it is archived. NATS or PostgreSQL away: it waits and
says by how much the archive is behind; ended at any moment, the next one goes on from the last commit.
"""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
import structlog

from daemon.fleet.nats_connection import NatsAway, NatsConnection
from daemon.fleet.stored import Stored
from daemon.hq.config import ACCOUNT, HqSettings
from daemon.hq.database import Connection, Weather, opened
from daemon.hq.ingest import UP, Ingest
from daemon.hq.ledger import Ledger
from daemon.hq.marks import Marks
from daemon.hq.nats import as_archive
from daemon.hq.pulse import Pulse
from daemon.hq.stores import Stores
from daemon.hq.streams import ask, ensure
from daemon.supervise import call_off, recoverable_group
from outbox.backoff import full_jitter
from outbox.clock import Clock

log = structlog.get_logger(__name__)

PAGE = 200
GATHER_SECONDS = 0.1
"""What comes within this goes into one commit."""
HEALTH_SECONDS = 1.0
CHECK_SECONDS = 5.0
AGAIN_SECONDS = 20.0
LOG_SECONDS = 60.0
BACKOFF_FIRST, BACKOFF_LONGEST = 0.5, 15.0
REPLICAS = 3


class Archive(msgspec.Struct):
    """How the archive stands, for the page and the figures. Times are HQ's, None for never."""

    state: str = "starting"
    """starting | running | waiting"""
    reason: str = ""
    since: datetime | None = None
    read_up_to: int = 0
    behind: int = 0
    """Messages that NATS has and PostgreSQL has not."""
    behind_at: datetime | None = None
    """When `behind` was counted."""
    entries: int = 0
    """Added by this process."""
    forks: int = 0
    server: str = ""


class Archiver:
    """`run` works until `stop`."""

    def __init__(self, settings: HqSettings, clock: Clock, rng: random.Random) -> None:
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._ingest = Ingest(self._now)
        self._pulse = Pulse(self._now)
        self._poked = True
        self._logged_at = float("-inf")
        self.status = Archive(since=self._now())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now() / 1000, UTC)

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._work(), name="archive")
            try:
                await stop.wait()
            finally:
                await call_off(work)

    async def _work(self) -> None:
        tries = 0
        while True:
            began = self._clock.monotonic()
            try:
                await self._session()
            except* (NatsAway, *Weather) as errors:
                self._wait(_first(errors))
            tries = 0 if self._clock.monotonic() - began > BACKOFF_LONGEST else tries + 1
            await self._clock.sleep(
                BACKOFF_FIRST / 2 + full_jitter(tries, base=BACKOFF_FIRST, cap=BACKOFF_LONGEST, rng=self._rng)
            )

    def _wait(self, reason: str) -> None:
        if self.status.state != "waiting":
            self.status.state, self.status.since = "waiting", self._now()
        self.status.reason = reason
        now = self._clock.monotonic()
        if now - self._logged_at > LOG_SECONDS:
            self._logged_at = now
            log.warning("the archive waits", reason=reason, behind=self.status.behind)

    async def _session(self) -> None:
        """First of all the servers hear again whose key does not count: they keep that in files that a power cut may take from them."""
        replicas = 1 if self._settings.hq.single else REPLICAS
        async with opened(self._settings.postgres.dsn) as db:
            await self._enforce(db)
            async with as_archive(self._settings, self._clock, self._rng) as line:
                await self._on(db, line, replicas)

    async def _enforce(self, db: Connection) -> None:
        """A server that can't keep it (its disk is full) holds up no archive: the others have it, and so it when it is well again."""
        try:
            await Stores(self._settings, self._clock, self._rng).enforce(db)
        except NatsAway as error:
            log.error("not every server of NATS may know which keys do not count", reason=str(error))

    async def _on(self, db: Connection, line: NatsConnection, replicas: int) -> None:
        streams = await ensure(line, self._clock, replicas=replicas)
        ledger = Ledger(self._clock, streams["CONSENT"].created, self._settings.key(ACCOUNT, "account").public)
        marks = Marks(self._settings, self._clock, streams["CONSENT"].created)
        # First of all stores hear that the ledger is another one: what is said from now on has a number that they would pass over.
        await marks.touch_all(db)
        await marks.tell(db, line)
        await ledger.restore(db, line)
        await line.listen("health.*", lambda message: self._pulse.hear(message.subject, message.data))
        await line.listen("optout.>", lambda message: self._poke())
        await self._pulse.catch_up(line)
        self.status.state, self.status.since, self.status.reason = "running", self._now(), ""
        self.status.server = line.server
        await self._keep(db, line, {name: stream.created for name, stream in streams.items()}, marks, ledger)

    def _poke(self) -> None:
        self._poked = True

    async def _keep(
        self, db: Connection, line: NatsConnection, streams: Mapping[str, str], marks: Marks, ledger: Ledger
    ) -> None:
        """`streams`: when each was made."""
        made = streams[UP]
        after = await self._ingest.cursor(db, made)
        self._poked = True
        health_at = check_at = float("-inf")
        read_at = self._now()
        async with recoverable_group() as group:
            ahead = group.create_task(self._read_on(line, after, wait=False))
            while True:
                began, found = await ahead
                after = found[-1].seq if found else after
                is_end = not found or not found[-1].pending
                ahead = group.create_task(self._read_on(line, after, wait=is_end))
                if found:
                    await self._add(db, made, found, marks)
                if is_end:
                    read_at = began
                await marks.tell(db, line)
                if self._poked:
                    self._poked = False
                    await ledger.read(db, line)
                now = self._clock.monotonic()
                if now - health_at >= HEALTH_SECONDS:
                    health_at = now
                    self.status.forks += len(await self._pulse.write(db))
                if now - check_at >= CHECK_SECONDS:
                    check_at = now
                    await self._check(db, line, streams, after, read_at, marks)
                if line.lost.is_set():
                    raise NatsAway(f"{line.server}: the line was lost")

    async def _read_on(self, line: NatsConnection, after: int, *, wait: bool) -> tuple[datetime, list[Stored]]:
        """With when it was asked: what came before that is in it, where it was read to the end."""
        if wait:
            await self._clock.sleep(GATHER_SECONDS)
        return self._now(), await line.read(UP, after, limit=PAGE)

    async def _add(self, db: Connection, made: str, found: list[Stored], marks: Marks) -> None:
        told = await self._ingest.add(db, made, found)
        self.status.entries += told.entries
        self.status.read_up_to = told.seq
        marks.touch(told.stores)

    async def _check(
        self,
        db: Connection,
        line: NatsConnection,
        streams: Mapping[str, str],
        after: int,
        read_at: datetime,
        marks: Marks,
    ) -> None:
        found = {name: await ask(line, "INFO", name) for name in streams}
        for name, made in streams.items():
            if found[name].created != made:
                raise NatsAway(f"the stream {name} is another one than before: all begins anew")
        self.status.behind, self.status.behind_at = max(found[UP].last_seq - after, 0), self._now()
        self._poked = True
        await marks.touch_for_news(db)
        marks.touch(await self._pulse.ask_for_what_is_missed(db, read_at, AGAIN_SECONDS))


def _first(errors: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error).strip() or type(error).__name__
