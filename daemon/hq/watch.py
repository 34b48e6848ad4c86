"""Tells people at headquarters of what needs them: silent stores, forks, canaries that went wrong, its own disk, an archive that is behind. Once
when it has lasted, and once when it is over; what was told is in the database, so that a restart doesn't tell it again.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import structlog
from psycopg_pool import PoolTimeout

from daemon.hq.archiver import Archive
from daemon.hq.config import HqSettings
from daemon.hq.database import Connection, Pool, Weather, opened, queries
from daemon.hq.glance import glance
from daemon.hq.pulse import SILENT_SECONDS
from daemon.hq.troubles import Kind, Trouble
from outbox.clock import Clock

log = structlog.get_logger(__name__)

_SQL = queries("notes.sql")

EVERY, AGAIN_SECONDS = 10.0, 10.0
DISK_LEAST = 2**30
BEHIND_MOST = 5_000
AT_ONCE_MOST = 5
SILENT = "silent "
_WORDS: Mapping[Kind, str] = {
    "silent": "{store} is silent{since}: is its box on, and has it a line?",
    "fork": "two records call themselves {store}: was its card copied, and does it run twice? Switch the copy off, then join anew on its box",
    "bundle": "{store} does not take what is published for it{since}: tether hq bundles says why",
}
"""What of the stores' troubles people are told of; the page shows the rest."""

Tell = Callable[[str], Awaitable[bool]]


class Watch:
    """`run` looks until `stop`; `look` looks once."""

    def __init__(
        self, settings: HqSettings, pool: Pool, clock: Clock, *, tell: Tell, archive: Callable[[], Archive]
    ) -> None:  # fmt: skip
        self._settings = settings
        self._pool = pool
        self._clock = clock
        self._tell = tell
        self._archive = archive
        self._since: dict[str, float] = {}
        self._calm: dict[str, float] = {}
        self._told: dict[str, str] = {}
        self._deaf_at = clock.monotonic()
        self.leads = False
        self._of_stores: Mapping[str, str] = {}
        """As PostgreSQL said it last: while it is away nothing of it is over."""

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now() / 1000, UTC)

    async def run(self, stop: asyncio.Event) -> None:
        """One process tells, of several: who holds the lock. While PostgreSQL is away that one goes on, since it is what people must hear of."""
        while not stop.is_set():
            try:
                async with opened(self._settings.postgres.dsn) as db:
                    await self._lead(db, stop)
            except Weather:
                if self.leads:
                    await self.look()
            await self._clock.wait(stop, AGAIN_SECONDS)

    async def _lead(self, db: Connection, stop: asyncio.Event) -> None:
        led, self.leads = self.leads, bool((await (await db.execute(_SQL["lead"])).fetchone() or (False,))[0])
        if self.leads and not led:
            await self.recall(db)
        while self.leads and not await self._clock.wait(stop, EVERY):
            await db.execute("SELECT 1")
            await self.look()

    async def recall(self, db: Connection) -> None:
        """What people were told before, and that was not over; of what this one heard meanwhile nothing is known."""
        self._deaf_at = self._clock.monotonic()
        self._told = dict(await (await db.execute(_SQL["told"])).fetchall())

    async def look(self) -> None:
        """Tell what is due."""
        now, patience = self._clock.monotonic(), self._settings.trouble.after
        wrong = await self.wrong_now()
        self._since = {key: self._since.get(key, now) for key in wrong}
        self._calm = {key: self._calm.get(key, now) for key in self._told.keys() - wrong.keys()}
        hears = self._hears(now)
        untold = {
            key: since
            for key, since in self._since.items()
            if key not in self._told and (hears or not key.startswith(SILENT))
        }
        for keys, words in _together(_due(untold, now - patience), wrong):
            if await self._tell(words):
                for key in keys:
                    self._told[key] = wrong[key]
                    await self._note("tell", key, wrong[key])
        for keys, words in _together(_due(self._calm, now - patience), self._told):
            if await self._tell(f"over: {words}"):
                for key in keys:
                    del self._told[key]
                    await self._note("over", key, "")

    def _hears(self, now: float) -> bool:
        """Whether a store that is silent would have been heard: not while headquarters itself hears nothing, nor until all came back since.
        A line that is lost and had again between two looks is no reason to wait."""
        if self._archive().state != "running":
            self._deaf_at = now
        return now - self._deaf_at >= SILENT_SECONDS

    async def _note(self, what: str, key: str, words: str) -> None:
        try:
            async with self._pool.connection() as db:
                await db.execute(_SQL[what], {"key": key, "words": words, "now": self._now()})
        except (*Weather, PoolTimeout) as error:
            log.warning("that people were told could not be noted", what=key, reason=str(error).strip())

    async def wrong_now(self) -> Mapping[str, str]:
        """By what it is, what is wrong at this moment, told or not."""
        with suppress(*Weather, PoolTimeout):
            async with self._pool.connection() as db:
                self._of_stores = await self._ask(db)
        return {**self._of_itself(), **self._of_stores}

    async def _ask(self, db: Connection) -> Mapping[str, str]:
        wrong = {}
        for store in await glance(db, self._now()):
            for trouble in store.troubles:
                if (words := _WORDS.get(trouble.kind)) is not None:
                    wrong[f"{trouble.kind} {store.name}"] = words.format(store=store.name, since=_since(trouble))
        for group, why in await (await db.execute(_SQL["taken_back"])).fetchall():
            wrong[f"canary {group}"] = f"the canary for {group} went wrong and was taken back: {why}"
        return wrong

    def _of_itself(self) -> Mapping[str, str]:
        wrong, archive = {}, self._archive()
        disk = os.statvfs(self._settings.folder)
        if disk.f_bavail * disk.f_frsize < DISK_LEAST:
            wrong["disk"] = f"headquarters' disk has less than {DISK_LEAST // 2**30} GB left at {self._settings.folder}"
        if archive.state == "waiting":
            wrong["archive"] = f"the archive waits, and stores' records with it: {archive.reason}"
        elif archive.behind > BEHIND_MOST:
            wrong["archive"] = "the archive is behind: thousands of messages of stores wait in NATS"
        return wrong


def _due(since: Mapping[str, float], latest: float) -> Sequence[str]:
    """What began by then; and where many stores fall silent or come back one after another, all of them with the first."""
    silent = [key for key in since if key.startswith(SILENT)]
    due = {key for key, at in since.items() if at <= latest}
    if len(silent) > AT_ONCE_MOST and not due.isdisjoint(silent):
        due.update(silent)
    return [key for key in since if key in due]


def _together(keys: Sequence[str], words: Mapping[str, str]) -> Iterator[tuple[Sequence[str], str]]:
    """What is told in one message each: many stores that are silent at once are one thing, and it is none of theirs."""
    silent = [key for key in keys if key.startswith(SILENT)]
    if len(silent) > AT_ONCE_MOST:
        yield silent, f"{len(silent)} stores are silent: tether hq store list says which"
        keys = [key for key in keys if key not in silent]
    for key in keys:
        yield [key], words[key]


def _since(trouble: Trouble) -> str:
    return f" since {trouble.since:%d %B %H:%M} UTC" if trouble.since else ""
