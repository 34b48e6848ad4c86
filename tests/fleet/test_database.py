"""What headquarters does with PostgreSQL, ended at any moment."""

import asyncio

import pytest

from daemon.hq.database import execute_many, opened

pytestmark = pytest.mark.engines


async def test_who_is_cancelled_amid_many_rows_ends_and_fails_by_nothing_else(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headquarters' stop ended in a traceback where it came just as opt-outs were put on record."""
    # psycopg gives the loop a turn at each step once it has held it for so long.
    monkeypatch.setattr("psycopg.waiting.MAX_BUSY_TIME", 0.0, raising=False)
    for turns in range(12):
        async with opened(database) as db, db.cursor() as cursor:
            await db.execute("CREATE TEMPORARY TABLE kept (n integer)")
            keeping = asyncio.ensure_future(
                execute_many(cursor, "INSERT INTO kept VALUES (%(n)s)", [{"n": n} for n in range(3)])
            )
            for _ in range(turns):
                await asyncio.sleep(0)
            if keeping.done():
                await keeping
                continue
            keeping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await keeping
