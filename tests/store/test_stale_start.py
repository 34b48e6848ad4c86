"""A START that somebody overruled since does not become fresh by being told again."""

from pathlib import Path

from tests.store.test_fleet import OLD, tell, tries, word
from tests.support.outbox_box import PHONE, open_box


async def test_an_opt_in_from_before_the_fleet_answers_nothing_that_was_said_in_it(tmp_path: Path) -> None:
    """A store joins, or was restored: its link hears the fleet before all of its own old words are noted."""
    async with open_box(tmp_path) as box:
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await box.consent.allow("sms", PHONE, reason="START", actor="modem")
        box.fleet.set_keys(OLD)
        await box.fleet.hear([await word(box, 12, stopped=True)])
        assert await tries(box)
        await box.fleet.tell_what_was_said()
        (start,) = await box.fleet.untold(limit=5)
        assert (start.stopped, start.base, start.knew) == (False, 0, 0)


async def test_an_opt_in_that_was_overruled_is_not_told_to_a_stream_that_begins_anew(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await tell(box, 4)
        await box.consent.allow("sms", PHONE, reason="START", actor="modem")
        await tell(box, 5)
        await box.fleet.hear(
            [await word(box, 5, stopped=False, store="soho", heard=4), await word(box, 9, stopped=True, store="camden")]
        )
        assert await tries(box)
        await box.fleet.start_over()
        assert await tries(box, "e2"), "what was stopped stays so"
        assert [one.stopped for one in await box.fleet.untold(limit=5)] == []


async def test_an_opt_in_that_the_fleet_would_not_have_is_not_told_to_a_stream_that_begins_anew(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await tell(box, 4)
        await box.consent.allow("sms", PHONE, reason="START", actor="modem")
        await tell(box, 0)
        await box.fleet.hear([await word(box, 9, stopped=True, store="camden")])
        await box.fleet.start_over()
        assert [one.stopped for one in await box.fleet.untold(limit=5)] == []
