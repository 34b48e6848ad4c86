"""Gives back what Textual would keep of a screen that is closed."""

from textual._styles_cache import StylesCache
from textual.widget import Widget


def forget_drawing() -> None:
    """Let go of what was drawn of screens that closed.

    Textual 8 keeps a widget's style cache, and the lines in it, in a memo of 1024 entries after the widget is gone: half a megabyte for
    each box that was ever opened. What else it remembers there is two colours added up.
    """
    StylesCache.get_inner_outer.cache_clear()


def forget_watcher(widget: Widget) -> None:
    """Let go of a widget that watched what the app has, such as its theme: Textual 8 does so when that changes, which may be never."""
    for watchers in getattr(widget.app, "__watchers", {}).values():
        watchers[:] = [each for each in watchers if each[0] is not widget]
