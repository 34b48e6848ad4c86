"""`tether hq doctor`: what must be right at headquarters, each with what to do."""

import os
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import psycopg
from cryptography import x509

from daemon.appliance.finding import Finding, advice, ok, problem
from daemon.channels.base import Misconfigured
from daemon.config import ConfigError
from daemon.fleet.nats_connection import NatsAway
from daemon.hq import answers
from daemon.hq.config import ACCOUNT, OPERATOR, SYSTEM, HqSettings
from daemon.hq.database import Weather, opened
from daemon.hq.nats import ServerRefused, as_archive, check_servers
from daemon.hq.publishing import publish_key
from daemon.hq.stores import Stores, not_known_since_restore
from daemon.hq.streams import StreamRefused, ensure
from daemon.hq.voice import as_store, build_one, check_channels
from daemon.hq.watch import DISK_LEAST
from daemon.http import open_http
from outbox.clock import Clock

SOON = timedelta(days=180)
Check = Callable[[HqSettings, Clock, random.Random], Awaitable[Sequence[Finding]]]


async def examine(settings: HqSettings, clock: Clock, rng: random.Random) -> Sequence[Finding]:
    """All checks, in the order in which one is the cause of the next."""
    found: list[Finding] = []
    for check in (_secrets, _certificate, _publisher, _servers, _streams, _archive, _stores, _people, _disk):
        found += await check(settings, clock, rng)
    return found


async def _secrets(settings: HqSettings, clock: Clock, rng: random.Random) -> Sequence[Finding]:
    try:
        settings.key(OPERATOR, "operator"), settings.key(ACCOUNT, "account"), settings.key(SYSTEM, "account")
        keys = settings.consent_keys
    except ConfigError as error:
        return [problem("secrets", str(error), "restore .env from its copy: stores trust these keys")]
    if not keys:
        return [
            problem("secrets", "HQ_CONSENT_KEYS is missing", "restore .env from its copy: opt-outs are known by it")
        ]
    return [ok("secrets", f"all are there; consent keys: {', '.join(keys)}")]


async def _certificate(settings: HqSettings, clock: Clock, rng: random.Random) -> Sequence[Finding]:
    now = datetime.fromtimestamp(clock.now() / 1000, UTC)
    try:
        ends = x509.load_pem_x509_certificate(settings.ca.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        return [problem("certificate", f"{settings.ca} can't be read: {error}", "restore it: every store trusts it")]
    if ends < now + SOON:
        return [
            advice("certificate", f"the fleet's authority ends on {ends:%d %B %Y}", "plan its exchange: docs/fleet.md")
        ]
    return [ok("certificate", f"the fleet's authority is good until {ends:%Y}")]


async def _publisher(settings: HqSettings, clock: Clock, rng: random.Random) -> Sequence[Finding]:
    try:
        publish_key(settings)
    except ConfigError as error:
        return [
            problem(
                "publisher", str(error), "restore publish.key from its copy: stores believe nothing that another signed"
            )
        ]
    return [ok("publisher", "the key that signs bundles and commands is there")]


async def _people(settings: HqSettings, clock: Clock, rng: random.Random) -> Sequence[Finding]:
    """Whether anybody would hear of trouble."""
    if not settings.trouble.via:
        return [
            advice(
                "people",
                "nobody is told when a store is silent or a canary goes wrong",
                "set [trouble] via: docs/monitoring.md",
            )
        ]
    store = as_store(settings)
    try:
        check_channels(settings)
        async with open_http(clock) as http:
            for name in settings.trouble.via:
                health = await build_one(store, name, http, clock, rng).check()
                if not health.ok:
                    return [problem("people", f"{name}: {health.summary}", health.remedy or "see docs/providers")]
    except (ConfigError, Misconfigured) as error:
        return [problem("people", str(error), "correct it in hq.toml, or the secrets in .env beside it")]
    return [ok("people", f"{settings.trouble.audience} is told by {', '.join(settings.trouble.via)}")]


async def _disk(settings: HqSettings, clock: Clock, rng: random.Random) -> Sequence[Finding]:
    disk = os.statvfs(settings.folder)
    left = disk.f_bavail * disk.f_frsize
    if left < DISK_LEAST:
        return [problem("disk", f"{left // 2**20} MB are left at {settings.folder}", "make room")]
    return [ok("disk", f"{left // 2**30} GB are left at {settings.folder}")]


async def _servers(settings: HqSettings, clock: Clock, rng: random.Random) -> Sequence[Finding]:
    try:
        names = await check_servers(settings, clock, rng)
    except ServerRefused as error:
        return [problem("nats", str(error), "correct it, one server at a time")]
    except (NatsAway, ConfigError) as error:
        return [problem("nats", str(error), "systemctl status tether-nats on each server; is port 443 open?")]
    missing = len(settings.nats.servers) - len(names)
    if missing:
        return [
            problem(
                "nats",
                f"{missing} of {len(settings.nats.servers)} servers did not answer; there: {', '.join(names)}",
                "start it: with two away nothing is taken any more",
            )
        ]
    return [ok("nats", f"{', '.join(names)}: each writes before it acknowledges")]


async def _streams(settings: HqSettings, clock: Clock, rng: random.Random) -> Sequence[Finding]:
    try:
        async with as_archive(settings, clock, rng) as line:
            streams = await ensure(line, clock, replicas=1 if settings.hq.single else 3)
    except StreamRefused as error:
        return [problem("streams", str(error), "see docs/fleet.md, Streams")]
    except (NatsAway, ConfigError) as error:
        return [problem("streams", str(error), "first mend what is said of nats")]
    return [ok("streams", f"{', '.join(streams)} are there")]


async def _archive(settings: HqSettings, clock: Clock, rng: random.Random) -> Sequence[Finding]:
    try:
        async with opened(settings.postgres.dsn) as db:
            durable = await (await db.execute("SHOW synchronous_commit")).fetchone()
            synced = await (await db.execute("SHOW fsync")).fetchone()
    except (psycopg.Error, *Weather) as error:
        return [
            problem(
                "postgres", f"PostgreSQL can't be asked: {error}".strip(), "is it running, and is [postgres] dsn right?"
            )
        ]
    if (durable and durable[0] == "off") or (synced and synced[0] == "off"):
        return [
            problem(
                "postgres",
                "fsync or synchronous_commit is off: what is marked as archived can be lost",
                "set both to on in postgresql.conf",
            )
        ]
    return [ok("postgres", "it answers, and writes before it says so")]


async def _stores(settings: HqSettings, clock: Clock, rng: random.Random) -> Sequence[Finding]:
    now = datetime.fromtimestamp(clock.now() / 1000, UTC)
    try:
        async with opened(settings.postgres.dsn) as db:
            rows = await answers.stores(db, now)
            half_known = [
                each.name
                for each in await Stores(settings, clock, rng).list(db)
                if each.heard_at and not (each.joined_at or each.revoked_at)
            ]
    except psycopg.errors.UndefinedTable:
        return [advice("stores", "the archive was never opened", "start headquarters: tether hq run")]
    except (psycopg.Error, *Weather):
        return []
    found = [
        problem(
            "stores",
            f"{row.name}: {row.forks} entries came with two contents",
            "is its card copied, and runs twice? docs/fleet.md, Forks",
        )
        for row in rows
        if row.forks
    ]
    found += [
        advice(
            "stores",
            f"{row.name}: some of its record or its messages is missing, or can't be read",
            "it is asked to send again; if that does not help, on its box: tether audit verify",
        )
        for row in rows
        if row.gaps and row.state != "revoked"
    ]
    found += [problem("stores", str(not_known_since_restore(name)), "do both") for name in half_known]
    found += [
        advice("stores", f"{row.name} is {row.state}", "is its box on, and has it a line?")
        for row in rows
        if row.state in ("late", "silent")
    ]
    return found or [ok("stores", f"{sum(row.state == 'ok' for row in rows)} of {len(rows)} are heard")]
