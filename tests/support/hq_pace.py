"""How long the pages of headquarters take on a large archive: the p95 of each, asked by two at once."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from daemon.hq.kept_figures import keep
from outbox.shares import Shares
from tests.support.engines import Postgres
from tests.support.fake_clock import FakeClock
from tests.support.hq_filled import GONE, PHONE, fill
from tests.support.hq_page import Browser, Site, page_site

ROUNDS = 40
AT_ONCE = 2
PATHS = (
    "/", "/stores/store-7", "/stores/store-50", f"/stores/store-{GONE}", "/search?q=B-1200", "/search?q=m1200", f"/search?q=%2B{PHONE[1:]}", "/orders/B-1200",
    "/stores/{store}/messages/m1200", "/optouts", "/audit", "/audit?after=store-500", "/figures",
    "/figures?weeks=52", "/texts", "/stores/store-7/commands",
)  # fmt: skip


ROOMY = ("max_wal_size = '32GB'", "checkpoint_timeout = '1h'")
"""How PostgreSQL is filled quickly: else it writes each page many times over."""


@asynccontextmanager
async def filled(server: Postgres, folder: Path, *, stores: int, messages: int) -> AsyncIterator[Site]:
    async with page_site(server.make_database("large"), folder, FakeClock()) as site:
        for setting in ROOMY:
            await site.sql(f"ALTER SYSTEM SET {setting}")
        await site.sql("SELECT pg_reload_conf()")
        keys = Shares(site.services.settings.consent_keys)
        await fill(site.services.settings.postgres.dsn, keys, stores=stores, messages=messages)
        async with site.services.pool.connection() as db:
            await keep(db, site.services.now(), site.services.settings.hq.timezone)
        yield site


async def pace(site: Site) -> AsyncIterator[tuple[str, float]]:
    """Each page's p95 in ms, as it comes."""
    browsers = [await site.as_user(f"ines-{n}") for n in range(AT_ONCE)]
    [(store,)] = await site.sql("SELECT store FROM message WHERE id = 'm1200'")
    for path in PATHS:
        path = path.replace("{store}", store)
        await _ask(browsers[0], path)
        lots = await asyncio.gather(*(_many(browser, path) for browser in browsers))
        yield path, statistics.quantiles([each for lot in lots for each in lot], n=20)[-1] * 1000


async def _many(browser: Browser, path: str) -> list[float]:
    return [await _ask(browser, path) for _ in range(ROUNDS)]


async def _ask(browser: Browser, path: str) -> float:
    began = time.perf_counter()
    answer = await browser.get(path)
    assert answer.status == 200, (path, answer.status, answer.words)
    return time.perf_counter() - began
