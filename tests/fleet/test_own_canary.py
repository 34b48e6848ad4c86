"""A canary for a group that is one store: what is published to it stays there."""

import pytest

from daemon.hq.published import content, overview
from daemon.hq.stores import Declined
from tests.fleet import test_publishing
from tests.fleet.test_publishing import HALF_AN_HOUR, OTHERS, TEXTS, Press

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


async def test_what_was_taken_back_does_not_come_again_by_a_roll_back(press: Press) -> None:
    """Canaries have texts of their own, and try others for all that reach nobody."""
    await press.store("soho", canary=True)
    await press.publish("canary", TEXTS)
    await press.publish("canary", OTHERS)
    await press.publish("all", {"templates/en/order.ready.sms.j2": b"{{ order.ref }}!\n"}, canary=HALF_AN_HOUR)
    await press.publisher.roll_back(press.db, "all", "maria")
    await press.publisher.roll_back(press.db, "canary", "maria")
    (canary,) = (await overview(press.db)).groups
    assert await content(press.db, canary.digest) == TEXTS
    assert canary.note == "back to canary/1"
