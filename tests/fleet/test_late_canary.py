"""A canary whose store had no line when it was published, and takes what it is to try hours later."""

import pytest

from daemon.hq.published import overview
from daemon.hq.rollouts import PATIENCE
from tests.fleet import test_publishing
from tests.fleet.test_publishing import HALF_AN_HOUR, Press

pytestmark = pytest.mark.engines
press = test_publishing.press
THREE_HOURS, MINUTE = 10_800, 60


async def hears_and_decides(press: Press, *has: str) -> str:
    for store in has:
        await press.heard(store, "canary/1")
    await press.rollouts.decide(press.db)
    return (await press.canary())[0]


async def test_it_is_tried_for_as_long_as_was_asked_from_the_last_taking_on(press: Press) -> None:
    """With the line back it would go to a thousand stores within seconds, and a text that breaks on a real order with it."""
    await press.store("soho", canary=True)
    await press.store("camden", canary=True)
    await press.publish(canary=HALF_AN_HOUR)
    await press.clock.advance(MINUTE)
    assert await hears_and_decides(press, "soho") == "canary"
    await press.clock.advance(THREE_HOURS)
    taken_at = press.now()
    assert await hears_and_decides(press, "soho", "camden") == "canary"
    (shown,) = (await overview(press.db)).canaries
    assert shown.until == taken_at + HALF_AN_HOUR
    await press.clock.advance(29 * MINUTE)
    assert await hears_and_decides(press, "soho", "camden") == "canary"
    await press.clock.advance(MINUTE)
    assert await hears_and_decides(press, "soho", "camden") == "passed"


async def test_what_its_store_could_not_send_before_is_not_the_texts_fault(press: Press) -> None:
    await press.store("soho", canary=True)
    await press.publish(canary=HALF_AN_HOUR)
    await press.clock.advance(THREE_HOURS)
    await press.messages("soho", "expired", 20)
    await press.clock.advance(MINUTE)
    assert await hears_and_decides(press, "soho") == "canary"
    await press.messages("soho", "failed", 6)
    await press.clock.advance(1)
    assert await hears_and_decides(press, "soho") == "taken_back"
    assert (await press.canary())[1] == "6 of 6 messages reached nobody; before it was 0.5%"


async def test_one_that_is_taken_at_the_last_moment_is_tried_to_its_end(press: Press) -> None:
    """Its store did take it in time; nobody waits for a store any more."""
    await press.store("soho", canary=True)
    await press.publish(canary=HALF_AN_HOUR)
    await press.clock.advance((HALF_AN_HOUR + PATIENCE).total_seconds() - MINUTE)
    assert await hears_and_decides(press, "soho") == "canary"
    for minutes, state in ((29, "canary"), (1, "passed")):
        await press.clock.advance(minutes * MINUTE)
        assert await hears_and_decides(press, "soho") == state


async def test_who_did_not_take_it_is_named(press: Press) -> None:
    await press.store("soho", canary=True)
    await press.store("camden", canary=True)
    await press.publish(canary=HALF_AN_HOUR)
    await press.clock.advance((HALF_AN_HOUR + PATIENCE).total_seconds())
    assert await hears_and_decides(press, "soho") == "taken_back"
    assert (await press.canary())[1] == "camden did not take it in time"


async def test_one_that_is_taken_while_headquarters_clock_is_a_year_ahead(press: Press) -> None:
    """Nothing could be published there for a year."""
    await press.store("soho", canary=True)
    await press.publish(canary=HALF_AN_HOUR)
    await press.clock.advance(MINUTE)
    press.clock.step(365 * 86_400)
    assert await hears_and_decides(press, "soho") == "canary"
    press.clock.step(-365 * 86_400)
    for minutes, state in ((1, "canary"), (29, "canary"), (1, "passed")):
        await press.clock.advance(minutes * MINUTE)
        assert await hears_and_decides(press, "soho") == state
