"""A field of one line."""

from textual.widgets import Input

from tui.widgets.late import Late


class Field(Input, Late):
    """Textual's, without a look at the styles of what is not seen in it: a selection, a suggestion, a cursor elsewhere."""
