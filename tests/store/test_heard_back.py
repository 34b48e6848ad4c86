"""All that the fleet ever said comes back to us where a repair may have lost it."""

from pathlib import Path

from tests.store.test_fleet import OLD, word
from tests.support.outbox_box import open_box


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
