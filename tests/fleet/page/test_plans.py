"""The page's queries are index-backed: no table that grows with messages, entries or people is read from one end to the other."""

import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from daemon.hq.database import migrate, pooled, queries
from outbox.shares import Shares
from tests.support.hq_filled import NOW, fill

GROWING = "message|audit[a-z0-9_]*|consent|health_hour|trouble|gap|hq_record|hq_session|figures_w[a-z]+"
_NOW = datetime.fromtimestamp(NOW / 1000, UTC)
VALUES = {
    "store": "store-7", "mine": None, "since": _NOW - timedelta(days=7), "text": "B-12", "ref": "B-12",
    "id": "m77", "digests": ["00000000-0000-0000-0000-000000000000"], "below": _NOW, "limit": 101, "kids": ["k1"], "media": ["sms"],
    "after": "", "before": _NOW - timedelta(days=180), "messages": 201, "entries": 2001, "at": _NOW, "stores": ["store-7"], "epochs": ["e1"], "seqs": [6], "lately": _NOW - timedelta(days=1),
    "digest": b"x", "from_ms": NOW - 7 * 86_400_000, "begins": [NOW - 7 * 86_400_000], "to_ms": NOW, "zone": "Europe/London", "overdue": NOW, "idle": _NOW, "oldest": _NOW, "ahead": _NOW, "now": _NOW, "name": "ines",
    "first": "2026-11-09", "last": "2026-11-23", "uncounted": ["2026-11-16"],
}  # fmt: skip
SMALL = {("pages.sql", "gaps")}
"""What is read whole on purpose: the newest hundred of a table that is nearly empty in every fleet."""
ASKED = [
    *(("pages.sql", name) for name in queries("pages.sql")),
    *(("glance.sql", name) for name in queries("glance.sql")),
    *(("figures.sql", name) for name in ("weeks", "ways", "whys", "kept_weeks", "kept_ways", "kept_whys", "shares")), ("commands.sql", "waiting"), ("commands.sql", "listed"), ("bundles.sql", "told"),
    ("sessions.sql", "find"), ("record.sql", "newest"), ("retention.sql", "forget_persons"),
]  # fmt: skip


@pytest.mark.engines
async def test_queries_are_index_backed(database: str) -> None:
    await fill(database, Shares({"k1": b"k" * 32}), stores=40, messages=8_000, optouts=2_000, hours=24)
    plans = {}
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as db:
        await db.execute("SET enable_seqscan = off")
        for file, name in ASKED:
            values = VALUES | ({"digests": ["0" * 32]} if name == "optouts_of" else {})
            rows = await (await db.execute(f"EXPLAIN {queries(file)[name]}".encode(), values)).fetchall()
            plans[file, name] = "\n".join(line for (line,) in rows)
        of_managers = f"EXPLAIN {queries('pages.sql')['optouts']}".encode()
        managers = str(await (await db.execute(of_managers, VALUES | {"mine": ["store-7"]})).fetchall())
    scanned = {
        which: plan
        for which, plan in plans.items()
        if which not in SMALL and re.search(rf"Seq Scan on ({GROWING})\b", plan)
    }
    assert scanned == {}
    assert "message_of_person" in plans["pages.sql", "by_person"]
    assert "message_of_order" in plans["pages.sql", "by_order"]
    for name in ("record_of_order", "record_of_message"):
        assert re.search(r"Index Cond: .*order_ref = ", plans["pages.sql", name]), plans["pages.sql", name]
    assert "message_of_store" in plans["pages.sql", "newest_of_store"], "also where a store's last message was long ago"
    assert "consent_of_store" in managers, "not all opt-outs of the fleet are read for a manager of one store"
    assert "Sort" not in plans["figures.sql", "kept_weeks"], (
        "a year of a thousand stores is not sorted for the newest rows"
    )
    assert "message_untold_customers" in plans["glance.sql", "stores"]


@pytest.mark.engines
async def test_what_is_asked_often_is_still_planned_for_its_own_values(database: str) -> None:
    """PostgreSQL would make one plan for all after ten times, and read all opt-outs of the fleet for a manager of one store."""
    await migrate(database)
    async with pooled(database) as pool, pool.connection() as db:
        for _ in range(12):
            await db.execute(queries("pages.sql")["optouts"], VALUES)
        assert await (await db.execute("SELECT name FROM pg_prepared_statements")).fetchall() == []
