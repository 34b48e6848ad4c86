"""Small boxes: a question that Enter answers, with a reason where one is wanted; and a list to pick one from."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from tui.i18n import text
from tui.screens.box import Box
from tui.widgets.field import Field
from tui.widgets.lines import Lines
from tui.widgets.paint import Line, Span, wrap
from tui.widgets.rows import Rows
from tui.wording.words import DIM


class AskBox(Box[str | None]):
    """Answers with what was typed (perhaps nothing); None when it was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "yes", text("do it"), key_display="enter")]

    def __init__(self, heading: str, question: str, *, label: str = "", value: str = "") -> None:
        super().__init__()
        self._heading = heading
        self._question = question
        self._label = label
        self._value = value

    def heading(self) -> str:
        return self._heading

    def body(self) -> Iterable[Widget]:
        yield Lines(lambda width: [[Span(part)] for part in wrap(self._question, width)])
        if self._label:
            yield Lines(lambda width: [[], [Span(self._label, DIM)]])
            yield Field(value=self._value)
        yield Lines(lambda width: [[]])

    @on(Input.Submitted)
    def action_yes(self) -> None:
        boxes = self.query(Input)
        self.answer(boxes.first().value.strip() if boxes else "")


class PickBox(Box[str | None]):
    """Answers with the value that was picked."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "pick", text("choose"), key_display="enter")]

    def __init__(self, heading: str, options: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._heading = heading
        self._options = options

    def heading(self) -> str:
        return self._heading

    def body(self) -> Iterable[Widget]:
        rows: Rows[tuple[str, str]] = Rows(
            self._options, key=lambda option: option[0], draw=_option, cursor_sign=self.words.glyphs.cursor
        )
        rows.styles.height = min(len(self._options), 14)
        yield rows

    @on(Rows.Opened)
    def action_pick(self) -> None:
        current = self.query_one(Rows).current
        if current is not None:
            self.answer(current[0])


def _option(option: tuple[str, str], width: int) -> list[Line]:
    return [[Span(option[1])]]
