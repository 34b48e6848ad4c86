"""A block of lines that somebody else writes: heads, details, what a box explains."""

from collections.abc import Callable, Sequence

from textual.geometry import Size
from textual.strip import Strip

from tui.widgets.paint import Line, Painted


class Lines(Painted):
    """`write` makes the lines for a width; it is asked again when the width or what it tells changes. As high as they are, unless styled."""

    def __init__(
        self, write: Callable[[int], Sequence[Line]], *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._write = write
        self._lines: Sequence[Line] = ()
        self._width = -1

    def rewrite(self) -> None:
        """What it tells has changed."""
        self._width = -1
        self.refresh(layout=True)

    def _lines_for(self, width: int) -> Sequence[Line]:
        if width != self._width:
            self._lines, self._width = self._write(width), width
        return self._lines

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._lines_for(width)))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        lines = self._lines_for(width)
        return self.paint(lines[y] if y < len(lines) else [], width)
