"""The heart of a store, for tests of one message's way through it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.heart import Heart


@pytest.fixture
async def heart(tmp_path: Path) -> AsyncIterator[Heart]:
    async with Heart(tmp_path) as heart:
        yield heart
