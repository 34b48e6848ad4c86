"""Those who watch hear of each change after its commit; those who come back find what they missed."""

import asyncio
from pathlib import Path

from outbox import Change
from tests.support.outbox_box import accept_one, one_each, open_box, planned, posted, send


async def test_changes_are_told_in_order_and_found_again(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        watcher = box.changes.subscribe()
        await send(box, await accept_one(box))
        await box.audit.append("channel.paused", actor="Mia", detail={"channel": "twilio"})
        await box.audit.append("clock.stepped", detail={"seconds": 3})
        await box.audit.append("uplink.down")
        told = [await anext(watcher) for _ in range(7)]
        assert [(one.kind, one.key) for one in told] == [
            ("order", "B-1"),
            ("message", "m1"),
            ("message", "m1"),
            ("attempt", "m1"),
            ("message", "m1"),
            ("channel", "twilio"),
            ("uplink", ""),
        ]
        assert await box.views.changes(0, limit=100) == told
        assert await box.views.changes(told[4].seq, limit=1) == [Change(6, "channel", "twilio")]
        assert await box.views.changes(6, limit=1) == [Change(8, "uplink", "")]
        assert await box.views.changes(8, limit=1) == []
        assert await box.views.newest() == 8


async def test_a_slow_watcher_loses_the_oldest_and_is_told(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        slow, quick = box.changes.subscribe(kept=4), box.changes.subscribe()
        for n in range(3):
            await box.spool.accept(posted(f"e{n}", ref=f"B-{n}"), one_each)
        assert (slow.lagged, quick.lagged) == (True, False)
        assert [(await anext(slow)).seq for _ in range(4)] == [3, 4, 5, 6]


async def test_a_watcher_waits_and_ends_with_the_box(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group, open_box(tmp_path) as box:
        watcher = box.changes.subscribe()

        async def watch() -> list[int]:
            return [change.seq async for change in watcher]

        watching = group.create_task(watch())
        await asyncio.sleep(0)
        await accept_one(box, planned())
    assert watching.result() == [1, 2]


async def test_one_that_is_no_longer_kept_is_forgotten(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        watcher = box.changes.subscribe()
        del watcher
        await accept_one(box)
        assert len(box.changes._watchers) == 0
