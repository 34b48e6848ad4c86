"""What pages and boxes share beneath what they show: Textual styles and lays a screen out anew each time it comes to the front; these only for a cause."""

from typing import TypeVar

from textual import events
from textual.geometry import Size
from textual.screen import Screen

Result = TypeVar("Result")


class Steady(Screen[Result]):
    """Its widgets were styled when they were mounted, and are again when the theme changes: coming to the front is no cause."""

    def __init__(self) -> None:
        super().__init__()
        self._css_update_count = self.app._css_update_count

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.ScreenResume):
            event.refresh_styles = self._css_update_count != self.app._css_update_count
        await super().on_event(event)

    def _screen_resized(self, size: Size) -> None:
        """Also called when a box opens or a page comes back, mostly with the size it has."""
        if size != self.outer_size:
            super()._screen_resized(size)
