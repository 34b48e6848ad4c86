"""Puts pages together before somebody first goes there: that takes several times as long as coming back to one."""

from collections.abc import Callable, Mapping
from typing import Any

from textual.app import App

from tui.screens.page import Page
from tui.screens.write import WordsArea
from tui.terminal.clock import Clock
from tui.widgets.press import Press

REST = 2.0
"""Seconds without a key or the mouse after which a page is put together, and between two of them."""


class PagesAhead:
    """One page at each rest, in pieces that a key gets in between; nothing of it is drawn or asked for before it is shown."""

    def __init__(self, app: App[Any], pages: Mapping[str, Callable[[], Page]], clock: Clock) -> None:
        """`pages`: the app's modes."""
        self._app = app
        self._pages = pages
        self._clock = clock
        self._rests_since = clock.monotonic()
        self._knows_boxes = False

    def disturbed(self) -> None:
        """Somebody is there: the rest begins anew."""
        self._rests_since = self._clock.monotonic()

    @property
    def rests(self) -> bool:
        """Nobody is there, and nothing was done ahead just now."""
        return self._clock.monotonic() - self._rests_since >= REST

    def tick(self) -> None:
        """A second went by."""
        if not self.rests:
            return
        missing = next((mode for mode in self._pages if mode not in self._app._screen_stacks), None)
        if missing is not None:
            self._put_together(missing)
            self.disturbed()
        elif not self._knows_boxes:
            self._learn_boxes()

    def _put_together(self, mode: str) -> None:
        """As Textual does when it is gone to, but that the app goes on taking keys meanwhile, and that it is not told to show itself."""
        page = self._pages[mode]()
        self._app._screen_stacks[mode] = [page]
        self._app._register(self._app, page)
        page.call_later(page._refresh_layout, self._app.size)

    def _learn_boxes(self) -> None:
        """Read the style sheets of what only boxes have: a fifth of what the first of them takes."""
        for widget in (Press("", id="press"), WordsArea()):
            widget._post_register(self._app)
        self._knows_boxes = bool(self._app.stylesheet.rules_map)
