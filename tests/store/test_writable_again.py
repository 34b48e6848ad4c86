"""That the database can be written is known from what was written, and from nothing else."""

from pathlib import Path

from outbox.errors import StorageFull
from tests.support.outbox_box import accept_one, open_box


async def test_a_look_that_changed_nothing_says_nothing_of_the_disk(tmp_path: Path) -> None:
    """A paused channel looks through what waits once a minute: the disk is as full as it was."""
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        box.health.failed(StorageFull("the disk is full"))
        await box.spool.let_pass([message.seq], (), offline=False, aside=())
        assert box.trouble() == "the disk is full"
