"""A canary for a group that is one store: what is published to it stays there."""

import pytest

from daemon.hq.stores import Declined
from tests.fleet import test_publishing
from tests.fleet.test_publishing import HALF_AN_HOUR, TEXTS, Press

pytestmark = pytest.mark.engines
press = test_publishing.press


@pytest.mark.parametrize("region", ["london", "soho"])
async def test_nobody_tries_for_others_what_these_have_at_once(press: Press, region: str) -> None:
    """For a store by itself; and for a region that is called as one of its stores is."""
    await press.store("soho", region, canary=True)
    await press.store("camden", region)
    with pytest.raises(Declined, match="soho is a store"):
        await press.publish("soho", TEXTS, canary=HALF_AN_HOUR)
    assert await press.standing() == {}
