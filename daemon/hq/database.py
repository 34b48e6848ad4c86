"""HQ's PostgreSQL: brought to this release's schema at the start, under a lock, so that two processes may start at once."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from outbox.queries import Queries

FOLDER = Path(__file__).parent / "sql"
CONNECT_SECONDS = 10
IDLE_SECONDS, ASK_SECONDS, ASKS = 10, 5, 3
SILENT_SECONDS = IDLE_SECONDS + ASK_SECONDS * ASKS
"""After which a machine at the other end that died without a word counts as gone, here and at PostgreSQL's end: it lets go of what the dead held."""
LOCK_SECONDS = SILENT_SECONDS + 5
LOCK = 7_411_035
"""The advisory lock of whoever changes the schema."""

Connection: TypeAlias = psycopg.AsyncConnection[TupleRow]
Cursor: TypeAlias = psycopg.AsyncCursor[TupleRow]
Pool: TypeAlias = AsyncConnectionPool[Connection]
Weather = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
    OSError,
    TimeoutError,
)
"""PostgreSQL is away, or what answers is not the primary (yet): tried again later."""


class ArchiveTooNew(Exception):
    """The database was written by a newer HQ."""


def queries(file: str) -> Queries:
    return Queries(file, FOLDER)


_ALIVE: Mapping[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": IDLE_SECONDS,
    "keepalives_interval": ASK_SECONDS,
    "keepalives_count": ASKS,
    "tcp_user_timeout": SILENT_SECONDS * 1000,
}
_ALIVE_THERE = (
    f"SET tcp_keepalives_idle = {IDLE_SECONDS}; SET tcp_keepalives_interval = {ASK_SECONDS}; SET tcp_keepalives_count = {ASKS}; "
    f"SET tcp_user_timeout = {SILENT_SECONDS * 1000}; SET lock_timeout = '{LOCK_SECONDS}s'"
).encode()


async def _set_up(connection: Connection) -> None:
    await connection.execute(_ALIVE_THERE)


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Connection]:
    """A connection of one's own."""
    connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True, connect_timeout=CONNECT_SECONDS, **_ALIVE)
    async with connection:
        await _set_up(connection)
        yield connection


@asynccontextmanager
async def pooled(dsn: str, *, size: int = 8) -> AsyncIterator[Pool]:
    """A few connections for those who ask; made when they are needed, so that HQ starts while PostgreSQL is away. Each question is planned for
    its own values: a plan for all of them reads the whole archive for a manager's two stores."""
    kwargs = {"autocommit": True, "connect_timeout": 5, "prepare_threshold": None, **_ALIVE}
    pool: Pool = AsyncConnectionPool(
        dsn, min_size=0, max_size=size, open=False, timeout=5.0, kwargs=kwargs, configure=_set_up
    )
    await pool.open(wait=False)
    try:
        yield pool
    finally:
        await pool.close(timeout=1.0)


async def execute_many(cursor: Cursor, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """As the cursor's own. Who is cancelled just as it begins or ends gets an AssertionError from that (psycopg 3.3), and would not end."""
    try:
        await cursor.executemany(statement, rows)
    except AssertionError:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError from None
        raise


async def migrate(dsn: str) -> int:
    """To this release's schema; the version it had. Raises ArchiveTooNew."""
    files = sorted((FOLDER / "migrations").glob("[0-9][0-9][0-9][0-9]_*.sql"))
    async with opened(dsn) as db, db.transaction():
        await db.execute(
            "SET LOCAL lock_timeout = 0"
        )  # another's migration of a large archive takes as long as it does
        await db.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        await db.execute("CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY)")
        found = await (await db.execute("SELECT coalesce(max(version), 0) FROM schema_version")).fetchone()
        had = int(found[0]) if found else 0
        if had > int(files[-1].name[:4]):
            raise ArchiveTooNew(f"the archive has schema {had}, which a newer Tether made: install that one")
        for file in files:
            if (number := int(file.name[:4])) > had:
                await db.execute(file.read_bytes())
                await db.execute("INSERT INTO schema_version VALUES (%s)", (number,))
    return had


async def ensure_month(db: Connection, at: datetime) -> str:
    """The partition for what arrives in that month; its name. Under a lock: "if not exists" alone fails where two make it at once."""
    begin = datetime(at.year, at.month, 1, tzinfo=UTC)
    end = datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)
    name = f"audit_{begin:%Y_%m}"
    if not re.fullmatch(r"audit_\d{4}_\d{2}", name):
        raise ValueError(name)
    statement = sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF audit FOR VALUES FROM ({}) TO ({})")
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        await db.execute(statement.format(sql.Identifier(name), sql.Literal(begin), sql.Literal(end)))
    return name


Now: TypeAlias = "Callable[[], datetime]"
"""HQ's own clock."""


def as_time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def columns(rows: list[dict[str, Any]], names: tuple[str, ...]) -> dict[str, list[Any]]:
    """Rows as arrays by column, as `unnest` wants them."""
    return {name: [row[name] for row in rows] for name in names}
