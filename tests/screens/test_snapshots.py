"""The colours of every theme, and of trouble. How all else looks stands in looks/ as text.

After a change that is meant: `pytest tests/screens/test_snapshots.py --snapshot-update`, and look at what changed in the SVGs.
"""

from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion

from tests.support.counter import Counter, opened
from tui.terminal.themes import THEMES


async def look(counter: Counter) -> str:
    """The terminal as an SVG, once nothing moves any more."""
    await counter.clock.advance(0.5)
    before = ""
    while (now := counter.app.export_screenshot()) != before:
        before = now
        await counter.pilot.pause(0.06)
    return now


async def test_the_themes(snapshot: SnapshotAssertion) -> None:
    """The board with a box over it."""
    async with opened() as counter:
        await counter.press("n")
        await counter.see("Team hears by")
        for theme in THEMES:
            counter.app.theme = theme.name
            await counter.pilot.pause()
            assert await look(counter) == snapshot(extension_class=SVGImageExtension, name=theme.name)


async def test_the_line_down_and_the_service_away(snapshot: SnapshotAssertion) -> None:
    async with opened() as counter:
        counter.service.change_uplink("down")
        await counter.see("LINE DOWN")
        assert await look(counter) == snapshot(extension_class=SVGImageExtension, name="line-down")
        await counter.service.stop()
        await counter.see("SERVICE AWAY")
        await counter.see("it is not running", passing=1)
        assert await look(counter) == snapshot(extension_class=SVGImageExtension, name="service-away")
