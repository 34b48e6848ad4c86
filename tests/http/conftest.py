"""The HTTP face of a small store, served on loopback."""

from collections.abc import AsyncIterator

import pytest

from tests.support.face import Face, serving
from tests.support.small_store import SmallStore, open_store


@pytest.fixture
async def store() -> AsyncIterator[SmallStore]:
    async with open_store() as store:
        yield store


@pytest.fixture
async def face(store: SmallStore) -> AsyncIterator[Face]:
    async with serving(store) as face:
        yield face
