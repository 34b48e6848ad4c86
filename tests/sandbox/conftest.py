"""A sandbox that runs for one test."""

import pytest

from tests.support.stand_in import StandIns


@pytest.fixture
def stand_ins() -> StandIns:
    return StandIns()
