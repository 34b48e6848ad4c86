"""The missions of the first shift, those that are done ticked off."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui.i18n import text
from tui.screens.box import Box
from tui.shop.training import MISSIONS, Training
from tui.widgets.lines import Lines
from tui.widgets.paint import Cell, Line, columns, wrap
from tui.wording.words import DIM, GOOD, STRONG


class FirstShiftBox(Box[bool]):
    """Answered with whether the missions' line is to be shown."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "put_away", text("put the line away"))]
    title_ = text("your first shift")

    def __init__(self, training: Training) -> None:
        super().__init__()
        self._training = training

    def body(self) -> Iterable[Widget]:
        yield Lines(self._lines)

    def _lines(self, width: int) -> list[Line]:
        t, glyphs = self.t, self.words.glyphs
        lines: list[Line] = []
        for mission in MISSIONS:
            done = mission.name in self._training.done
            mark, tone = (glyphs.done, GOOD) if done else ("·", STRONG)
            lines.append(columns(width, Cell(f" {mark}", 3, tone), Cell(t(mission.does), 0, tone)))
            lines += [
                columns(width, Cell("", 3), Cell(part, 0, DIM)) for part in wrap(t(mission.how), max(20, width - 4))
            ]
        return lines

    def action_put_away(self) -> None:
        self.answer(False)
