"""What stands on the terminal: each thing that the screen writes, written onto a grid of cells as a terminal would."""

import re
from typing import Any, NamedTuple

from rich.cells import cell_len
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.screen import Screen

_SEQUENCE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|\x1b\][^\x1b\x07]*(?:\x1b\\|\x07)")


class Shown(NamedTuple):
    """A cell's character, "" behind a wide one, and the SGR parameters that it was written with."""

    text: str = " "
    style: str = ""


class Glass:
    """Follows an app that has no terminal. `writes` is how often it was written to."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._cells: list[list[Shown]] = []
        self.writes = 0
        display = app._display

        def written(screen: Screen[Any], update: Any) -> None:
            display(screen, update)
            if isinstance(update, CompositorUpdate) and not app._batch_count:
                self._write(update.render_segments(app.console))

        app._display = written  # type: ignore[method-assign]
        self._write(app.screen._compositor.render_full_update().render_segments(app.console))

    @property
    def rows(self) -> list[list[Shown]]:
        return [list(row) for row in self._cells]

    @property
    def text(self) -> str:
        return "\n".join("".join(cell.text for cell in row) for row in self._cells)

    def _write(self, sequence: str) -> None:
        self.writes += 1
        width, height = self._app.size
        if [len(row) for row in self._cells] != [width] * height:
            self._cells = [[Shown()] * width for _ in range(height)]
        x = y = at = 0
        style = ""
        for found in _SEQUENCE.finditer(sequence):
            x = self._put(sequence[at : found.start()], x, y, style)
            at = found.end()
            parameters, command = found[1], found[2]
            if command == "H":
                y, x = (int(each) - 1 for each in parameters.split(";"))
            elif command == "m":
                style = "" if parameters == "0" else parameters
        self._put(sequence[at:], x, y, style)

    def _put(self, text: str, x: int, y: int, style: str) -> int:
        for character in text.replace("\n", ""):  # a line's end is followed by where the next one begins
            size = cell_len(character)
            for offset, shown in enumerate([character, *[""] * (size - 1)]):
                if y < len(self._cells) and x + offset < len(self._cells[y]):
                    self._cells[y][x + offset] = Shown(shown, style)
            x += size
        return x
