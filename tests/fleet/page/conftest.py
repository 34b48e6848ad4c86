"""The page on an archive of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.fake_clock import FakeClock
from tests.support.hq_page import Site, page_site


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def site(database: str, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Site]:
    async with page_site(database, tmp_path, clock) as running:
        yield running
