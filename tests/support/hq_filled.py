"""An archive as a large chain has it after years, made by PostgreSQL itself: so many stores, messages, entries, hours, opt-outs and troubles."""

import asyncio
import sys

import psycopg

from daemon.hq.database import migrate
from outbox.shares import Shares

NOW = 1_795_515_300_000
"""As the tests' clock says."""
YEARS_MS = 2 * 365 * 86_400_000
GONE = 13
"""The store whose last message was two years ago."""
PHONE = "+447700900123"
"""Somebody to whom a few of the messages went."""

_SMALL = """
INSERT INTO store (name, grp, joined_at) SELECT 'store-' || n, 'region-' || n % 20, to_timestamp({now} / 1000) FROM generate_series(1, {stores}) n;
INSERT INTO health (store, arrived, at, body) SELECT 'store-' || n, to_timestamp({now} / 1000) - CASE WHEN n % 50 = 0 THEN interval '1 hour' ELSE interval '5 s' END, {now},
    jsonb_build_object('at', {now}, 'clock_trusted', true, 'release', '1.0', 'uplink', 'up', 'epoch', 'e1', 'seq', 100, 'hash', '00',
        'channels', jsonb_build_object('twilio', 'ready', 'sendgrid', 'ready', 'modem', 'ready'), 'signed_head', repeat('ab', 60))
    FROM generate_series(1, {stores}) n;
INSERT INTO trouble (store, kind, about, since) SELECT 'store-' || n, 'channel', 'twilio', to_timestamp({now} / 1000) FROM generate_series(1, {stores}, 20) n;
INSERT INTO trouble (store, kind, about, since, ended) SELECT 'store-' || 1 + n % {stores}, 'line_down', '', to_timestamp({now} / 1000) - n * interval '1 minute',
    to_timestamp({now} / 1000) - n * interval '1 minute' + interval '30 s' FROM generate_series(1, {stores} * 20) n;
INSERT INTO health_hour SELECT 'store-' || n, date_trunc('hour', to_timestamp({now} / 1000)) - h * interval '1 hour', 120, 0, 3, 1000, 8000000000, 100000, 0
    FROM generate_series(1, {stores}) n, generate_series(0, {hours}) h;
INSERT INTO chain (store, epoch, n, first_seq, head_seq, head_hash, head_at) SELECT 'store-' || n, 'e1', 1, 1, 100, sha256('x'), now() FROM generate_series(1, {stores}) n;
INSERT INTO fork (store, epoch, seq, known, other, seen_in, first_seen, last_seen) SELECT 'store-' || 1 + n % {stores}, 'e1', n, '', '', 'record', to_timestamp({now} / 1000), to_timestamp({now} / 1000) - n * interval '1 hour' FROM generate_series(1, 500) n;
INSERT INTO gap (store, epoch, from_seq, to_seq, why, seen_at, closed_at) SELECT 'store-' || 1 + n % {stores}, 'e1', n, n, 'missing', now(), now() FROM generate_series(1, 2000) n;
INSERT INTO consent SELECT 'k1', 'sms', md5(n::text), true, {now} - n, true, 'store-' || 1 + n % {stores}, 'e1', n, 'STOP', n, '', to_timestamp({now} / 1000) - n * interval '1 s' FROM generate_series(1, {optouts}) n;
"""
_AUDIT = """
CREATE TABLE IF NOT EXISTS audit_filled PARTITION OF audit DEFAULT;
INSERT INTO audit SELECT 'store-' || s, 'e1', n, {now} - n * 1000, 'message.sent', '', 'B-' || n / 8, 'm' || n, '{{"channel": "twilio"}}', sha256(n::text::bytea), to_timestamp({now} / 1000)
    FROM generate_series(1, {stores}) AS s, LATERAL (SELECT k::bigint * {stores} + s AS n FROM generate_series(0, {each} - 1) AS k) AS k;
"""
_MESSAGES = """
INSERT INTO message (store, id, epoch_n, rev, order_ref, state, channel, reason_code, type, recipient, address, attempts, created_at, updated_at, due_at, arrived, who)
    SELECT 'store-' || s, 'm' || n, 1, n, 'B-' || n / 8,
        CASE WHEN (n + n / {stores}) % 200 = 7 THEN 'failed' WHEN (n + n / {stores}) % 100 = 3 THEN 'expired' ELSE 'delivered' END, 'twilio', '', 'order.ready', 'customer', '+44…0123', 1,
        at, at, {now}, to_timestamp(at / 1000),
        ARRAY[CASE WHEN n % {rare} = 5 THEN '{who}' ELSE md5((n / 30)::text) END::uuid]
    FROM generate_series(1, {stores}) AS s, LATERAL (SELECT k::bigint * {stores} + s AS n FROM generate_series(0, {each} - 1) AS k) AS k,
        LATERAL (SELECT {now} - n * {apart} - CASE WHEN s = {gone} THEN {years} ELSE 0 END AS at) AS t;
"""
_INDEXES = b"SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT LIKE '%%pkey'"
"""Made anew once the rows are there, which is much quicker."""


async def fill(dsn: str, keys: Shares, *, stores: int, messages: int, optouts: int = 20_000, hours: int = 168) -> None:
    """Two years of messages, spread evenly but for one store's, all of which are older; the record beside them, on the other core."""
    await migrate(dsn)
    values = {
        "now": NOW, "stores": stores, "messages": messages, "optouts": optouts, "hours": hours, "each": messages // stores,
        "who": keys.person(PHONE)[0], "apart": max(YEARS_MS // messages, 1), "rare": max(messages // 20, 6), "gone": GONE,
        "years": YEARS_MS,
    }  # fmt: skip
    async with asyncio.TaskGroup() as both:
        both.create_task(_run(dsn, "message", _MESSAGES.format(**values)))
        both.create_task(_run(dsn, "audit", _AUDIT.format(**values), _SMALL.format(**values)))
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as db:
        await db.execute("VACUUM ANALYZE")


async def _run(dsn: str, table: str, *texts: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as db:
        indexes = await (await db.execute(_INDEXES, [table])).fetchall()
        await db.execute("SET maintenance_work_mem = '512MB'; SET synchronous_commit = off")
        for statement in [
            *(f"DROP INDEX {name}" for name, _ in indexes),
            *(each for text in texts for each in text.split(";\n")),
            *(definition.replace(" ON ONLY ", " ON ") for _, definition in indexes),
        ]:
            if statement.strip():
                await db.execute(statement.encode())
                print(".", end="", file=sys.stderr, flush=True)
