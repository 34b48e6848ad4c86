"""How headquarters tells people something: by the same channels as a store, with its own `[channels]`, `[audiences]` and secrets."""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog

from daemon.channels import registry
from daemon.channels.base import Channel, Misconfigured, Outgoing, Surroundings
from daemon.config import ConfigError, Settings, Store
from daemon.config import Trouble as StoreTrouble
from daemon.hq.config import HqSettings
from daemon.hq.database import Pool, queries
from daemon.http import Http, open_http
from daemon.upkeep.messenger import Messenger
from outbox.clock import Clock
from outbox.outcome import Outcome

log = structlog.get_logger(__name__)

_SQL = queries("notes.sql")

MOST_TEXTS = 50
DAY_SECONDS = 86_400.0


class PgNotes:
    """Small durable facts by key, in headquarters' database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def get(self, key: str) -> str | None:
        async with self._pool.connection() as db:
            found = await (await db.execute(_SQL["get"], {"key": key})).fetchone()
        return None if found is None else str(found[0])

    async def set(self, key: str, value: str) -> None:
        async with self._pool.connection() as db:
            await db.execute(_SQL["set"], {"key": key, "value": value})


def as_store(settings: HqSettings) -> Settings:
    """What channels and addresses are read with."""
    hq, trouble = settings.hq, settings.trouble
    return Settings(
        store=Store(name=hq.name, country=hq.country, timezone=hq.timezone),
        trouble=StoreTrouble(via=trouble.via, audience=trouble.audience, after=trouble.after),
        channels=settings.channels,
        audiences=settings.audiences,
        file=settings.file,
        secrets=settings.secrets,
    )


def check_channels(settings: HqSettings) -> None:
    """Raises ConfigError for a table that can't be meant."""
    for name, table in settings.channels.items():
        registry.check(name, table)
        if name == "modem":
            raise ConfigError("channels.modem: headquarters has no modem; name a provider")


@asynccontextmanager
async def voice(settings: HqSettings, pool: Pool, clock: Clock, rng: random.Random) -> AsyncIterator[Messenger]:
    """Raises ConfigError."""
    check_channels(settings)
    store = as_store(settings)
    async with open_http(clock) as http:
        channels = _build(
            store, http, Surroundings(clock=clock, rng=rng, notes=PgNotes(pool), country=settings.hq.country)
        )
        texts = _Allowance(clock)
        try:
            yield Messenger(lambda: store, channels.get, clock, texts.send)
        finally:
            for channel in channels.values():
                await channel.close()


def build_one(settings: Settings, name: str, http: Http, clock: Clock, rng: random.Random) -> Channel:
    """Raises Misconfigured."""
    around = Surroundings(clock=clock, rng=rng, notes=_NoNotes(), country=settings.store.country)
    return registry.build(name, settings.channels[name], settings.secrets, http, around)


class _NoNotes:
    """For a channel that is looked at and let go."""

    async def get(self, key: str) -> str | None:
        return None

    async def set(self, key: str, value: str) -> None:
        log.debug("a channel's note is not kept", key=key)


def _build(settings: Settings, http: Http, surroundings: Surroundings) -> Mapping[str, Channel]:
    found = {}
    for name, table in settings.channels.items():
        try:
            found[name] = registry.build(name, table, settings.secrets, http, surroundings)
        except Misconfigured as error:
            log.error(
                "a channel of headquarters is misconfigured; nobody is told by it", channel=name, problem=str(error)
            )
    return found


class _Allowance:
    """So many text messages that left a day, whatever goes wrong."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock.monotonic()
        self._left = MOST_TEXTS

    async def send(self, channel: Channel, out: Outgoing) -> Outcome | None:
        if self._clock.monotonic() - self._since >= DAY_SECONDS:
            self._since, self._left = self._clock.monotonic(), MOST_TEXTS
        if not self._left:
            return None
        self._left -= 1
        outcome = await channel.send(out)
        if not outcome.used(1):
            self._left = min(self._left + 1, MOST_TEXTS)
        return outcome
