"""1,000 stores and 10 million messages: every page within 300 ms at p95 on two cores. Part of `make fleet-test`; the suite's own form of it looks
at the plans of the same queries (test_plans)."""

import os
from pathlib import Path

import pytest

from tests.support.engines import Postgres
from tests.support.hq_pace import filled, pace

LONG = os.environ.get("TETHER_FLEET") == "long"
LIMIT_MS = 300


@pytest.mark.engines
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not LONG, reason="makes 10 million rows: make fleet-test")
async def test_every_page_is_quick(postgres_server: Postgres, tmp_path: Path) -> None:
    async with filled(postgres_server, tmp_path, stores=1_000, messages=10_000_000) as site:
        slow = {path: round(ms) async for path, ms in pace(site) if ms > LIMIT_MS}
    assert slow == {}
