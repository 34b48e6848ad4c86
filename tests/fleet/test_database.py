"""What headquarters does with PostgreSQL, ended at any moment."""

import asyncio

import pytest

from daemon.hq.database import execute_many, opened

pytestmark = pytest.mark.engines


@pytest.mark.parametrize("turns", range(3))
async def test_who_is_cancelled_as_many_rows_begin_ends_and_fails_by_nothing_else(
    database: str, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headquarters' stop ended in a traceback where it came just as opt-outs were put on record."""
    # As on a busy machine psycopg gives others a turn before it has sent anything.
    monkeypatch.setattr("psycopg.waiting.MAX_BUSY_TIME", 0.0)
    async with opened(database) as db, db.cursor() as cursor:
        await db.execute("CREATE TEMPORARY TABLE kept (n integer)")
        keeping = asyncio.ensure_future(
            execute_many(cursor, "INSERT INTO kept VALUES (%(n)s)", [{"n": n} for n in range(3)])
        )
        for _ in range(turns):
            await asyncio.sleep(0)
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping


async def test_many_rows_are_kept(database: str) -> None:
    async with opened(database) as db, db.cursor() as cursor:
        await db.execute("CREATE TEMPORARY TABLE kept (n integer)")
        await execute_many(cursor, "INSERT INTO kept VALUES (%(n)s)", [{"n": n} for n in range(3)])
        await cursor.execute("SELECT n FROM kept ORDER BY n")
        assert await cursor.fetchall() == [(0,), (1,), (2,)]
