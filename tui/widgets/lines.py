"""A block of lines that somebody else writes: heads, details, what a box explains, bars."""

from collections.abc import Callable, Sequence

from textual.geometry import Region, Size
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
        """What it tells may have changed: the lines that did are drawn."""
        if self._width < 0:
            return  # nobody has asked for them yet
        before, self._lines = self._lines, self._write(self._width)
        if len(before) != len(self._lines):
            self.refresh(layout=self._is_as_high_as_its_lines())
        elif changed := [y for y, line in enumerate(self._lines) if line != before[y]]:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def _is_as_high_as_its_lines(self) -> bool:
        height = self.styles.height
        return height is not None and height.is_auto

    def on_resize(self) -> None:
        """What it tells may depend on the room there is."""
        self.rewrite()

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
