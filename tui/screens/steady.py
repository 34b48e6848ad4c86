"""What pages and boxes share beneath what they show: Textual styles and lays a screen out anew each time it comes to the front; these only for a cause."""

import asyncio
from contextlib import suppress
from typing import TypeVar

from textual import events
from textual.geometry import Size
from textual.screen import Screen

from tui.widgets.late import Late

Result = TypeVar("Result")

PATIENCE = 5.0
"""Seconds after which nobody waits any longer for one to be put together: on a machine that busy it is shown as far as it has come."""


class Steady(Screen[Result], Late):
    """Its widgets were styled when they were mounted, and are again when the theme changes: coming to the front is no cause."""

    def __init__(self) -> None:
        super().__init__()
        self._css_update_count = self.app._css_update_count

    async def put_together(self) -> None:
        """Wait until all of it is there: it can be shown, and taken away again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._mounted_event.wait()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.ScreenResume):
            event.refresh_styles = self._css_update_count != self.app._css_update_count
        await super().on_event(event)

    def _screen_resized(self, size: Size) -> None:
        """Also called when a box opens or a page comes back, mostly with the size it has."""
        if size != self.outer_size:
            super()._screen_resized(size)

    def _compositor_refresh(self) -> None:
        """Not in a batch, where it would be drawn and thrown away: whoever began it asks for all of the screen in the end."""
        if not self.app._batch_count:
            super()._compositor_refresh()
