"""What the fleet has of our own words comes back to us, and all that it ever said where a repair may have lost it."""

from pathlib import Path

import msgspec
import pytest

from outbox import Outbox
from outbox.fleet_consent import Heard, Untold
from tests.store.test_fleet import OLD, tries, word
from tests.support.outbox_box import PHONE, open_box


async def test_after_a_repair_all_that_the_fleet_said_is_heard_again_until_it_was(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.fleet.hear([await word(box, 7, stopped=True)])
        await box.fleet.hear_again()
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        assert await box.fleet.heard_up_to() == 0
        await box.fleet.hear([await word(box, 7, stopped=True)])
        assert await box.fleet.heard_up_to() == 0, "there may be more"
        await box.fleet.heard_again()
        assert await box.fleet.heard_up_to() == 7


async def heard_back(box: Outbox, one: Untold, seq: int, *, after: int) -> None:
    """A word of ours, as the fleet has it."""
    back = Heard(one.kid, one.digest, one.medium, seq, one.stopped, one.at, "soho", "STOP", ours=one.said, after=after)
    await box.fleet.hear([back])


@pytest.mark.parametrize(("after", "base"), [(0, 7), (4, 0), (-1, 0)])
async def test_a_slip_answers_its_stop_though_it_was_not_heard_that_the_fleet_has_that(
    tmp_path: Path, after: int, base: int
) -> None:
    """Unless somebody spoke between of whom nobody here knew, or may have."""
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("sms", PHONE, reason="a slip", actor="kim")
        (stop,) = await box.fleet.untold(limit=5)
        await box.consent.allow("sms", PHONE, reason="a slip", actor="kim")
        await heard_back(box, stop, 7, after=after)
        (start,) = await box.fleet.untold(limit=5)
        assert (start.stopped, start.base) == (False, base)


async def test_a_word_of_ours_that_comes_back_is_not_told_again(tmp_path: Path) -> None:
    """Its answer was lost. Told again, a START would be refused as if somebody else had spoken."""
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        (stop,) = await box.fleet.untold(limit=5)
        await heard_back(box, stop, 7, after=0)
        assert await box.fleet.untold(limit=5) == []
        await box.consent.allow("sms", PHONE, reason="START", actor="modem")
        (start,) = await box.fleet.untold(limit=5)
        assert start.base == 7
        await heard_back(box, start, 8, after=7)
        assert await box.fleet.untold(limit=5) == []
        assert await tries(box) is None


async def test_what_another_database_of_this_store_said_is_no_word_of_this_one(tmp_path: Path) -> None:
    """A copied card, or a backup: the same number, said at another moment."""
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        (stop,) = await box.fleet.untold(limit=5)
        for other in (msgspec.structs.replace(stop, at=stop.at - 1), msgspec.structs.replace(stop, stopped=False)):
            await heard_back(box, other, 7, after=0)
        assert await box.fleet.untold(limit=5) == [stop]
