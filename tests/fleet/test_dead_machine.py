"""The machine at the other end of PostgreSQL's line dies without a word."""

from contextlib import AsyncExitStack

import pytest

from daemon.hq.database import Connection, opened, pooled
from tests.support.engines import Postgres

pytestmark = pytest.mark.engines


@pytest.mark.parametrize("how", ["own", "pooled"])
async def test_both_ends_find_out_within_half_a_minute_and_nobody_waits_longer_for_what_is_held(
    postgres_server: Postgres, database: str, how: str
) -> None:
    """By the systems' own figures it took a quarter of an hour to two hours: pages hung, nobody was told, and the second headquarters led
    nothing meanwhile."""
    async with AsyncExitStack() as stack:
        if how == "own":
            db: Connection = await stack.enter_async_context(opened(database))
        else:
            pool = await stack.enter_async_context(pooled(database))
            db = await stack.enter_async_context(pool.connection())
        asked = dict(part.split("=", 1) for part in db.info.dsn.split())
        assert asked["keepalives"] == "1"
        here = sum(int(asked[f"keepalives_{name}"]) * times for name, times in (("idle", 1), ("interval", 3)))
        assert here == int(asked["tcp_user_timeout"]) / 1000 <= 30
        ((lock,),) = await (
            await db.execute("SELECT setting::int FROM pg_settings WHERE name = 'lock_timeout'")
        ).fetchall()
        assert here * 1000 < lock <= 60_000
