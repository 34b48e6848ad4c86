"""Gives back what Textual would keep of a screen that is closed."""

from typing import Any

from textual.screen import Screen


def forget_drawing(screen: Screen[Any]) -> None:
    """Drop the lines that its widgets have drawn.

    Textual 8 keeps a widget's style cache, and the lines in it, in a memo of 1024 entries after the widget is gone
    (`StylesCache.get_inner_outer`): half a megabyte for each box that was ever opened.
    """
    for widget in screen.walk_children(with_self=True):
        widget.refresh()
