"""The HTTP face on small fakes, served on loopback."""

from collections.abc import AsyncIterator

import pytest

from tests.support.face import Face, serving
from tests.support.fake_services import FakeServices, make_services


@pytest.fixture
def services() -> FakeServices:
    return make_services()


@pytest.fixture
async def face(services: FakeServices) -> AsyncIterator[Face]:
    async with serving(services) as face:
        yield face
