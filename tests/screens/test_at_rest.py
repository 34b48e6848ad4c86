"""What the screen does while nobody presses anything: nothing, and what it left for then."""

import gc
import weakref

from tests.support.counter import opened
from tests.support.glass import Glass
from tui.commands.ahead import REST


async def test_an_idle_board_is_looked_at_once_a_minute_and_what_is_the_same_is_not_drawn() -> None:
    """It stands open all day on a small machine: what it shows of the time are minutes."""
    async with opened(size=(120, 30)) as counter:
        await counter.see("B-1036", "9:50!")
        await counter.pass_time(60)
        glass = Glass(counter.app)
        before, writes = glass.text, glass.writes
        for _ in range(20):
            await counter.pass_time(1)
        assert glass.writes == writes
        await counter.pass_time(60)
        assert glass.text == before.replace("10:16", "10:17")
        assert glass.writes == writes + 1


async def test_what_the_service_keeps_no_longer_is_gone_by_the_next_day() -> None:
    async with opened() as counter:
        await counter.see("B-1036")
        del counter.service.shop.orders["B-1036"]
        await counter.pass_time(12 * 3600)
        await counter.see("B-1036")
        await counter.pass_time(2 * 3600)
        await counter.until(lambda: "B-1036" not in counter.text, passing=1)


async def test_what_closed_boxes_leave_is_collected_when_their_page_stands_again() -> None:
    """Not while the next one opens, where it would hold up the key."""
    boxes = []
    gc.disable()
    try:
        async with opened(tidy=gc.collect) as counter:
            for _ in range(3):
                await counter.press("a")
                await counter.see("ready by")
                boxes.append(weakref.ref(counter.app.screen))
                await counter.press("escape")
                await counter.until(lambda: counter.app.screen is counter.app.page)
            await counter.until(lambda: boxes[0]() is None)
    finally:
        gc.enable()


async def test_what_is_left_behind_is_tidied_up_while_nobody_types() -> None:
    """A full round of garbage collection takes as long as drawing a page."""
    tidied = list[bool]()
    async with opened(tidy=lambda: tidied.append(True)) as counter:
        await counter.until(lambda: tidied)
        tidied.clear()
        for _ in range(5):
            await counter.press("down")
            await counter.pass_time(1)
        assert tidied == []
        await counter.pass_time(REST)
        assert tidied != []
