"""A field of one line."""

from textual import events
from textual.widgets import Input

from tui.line.text import one_line
from tui.widgets.late import Late


class Field(Input, Late):
    """Textual's, without a look at the styles of what is not seen in it: a selection, a suggestion, a cursor elsewhere."""

    def _on_paste(self, event: events.Paste) -> None:
        """Before Textual's own, which has the first line alone."""
        event.text = one_line(event.text)
