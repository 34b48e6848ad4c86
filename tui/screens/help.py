"""What the keys do here, and what the words mean."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui.i18n import text
from tui.screens.box import Box, Content
from tui.screens.page import Page
from tui.widgets.lines import Lines
from tui.widgets.paint import Cell, Line, Span, columns, wrap
from tui.wording.words import DIM, STRONG

KEYS = 16
"""Cells that keys, and words, stand in."""
EVERYWHERE = (
    ("0 … 7", text("the pages")),
    ("u", text("take the last step back, while its time runs")),
    ("^p", text("all commands, by name")),
    ("esc", text("back")),
    ("^c ^c", text("leave")),
)

MEANINGS: Mapping[str, str] = {
    "queued": text("It goes out when its time comes, or when its way is free."),
    "sent": text("The provider has it; whether it arrived is not known yet."),
    "delivered": text("The provider says that it arrived."),
    "failed": text("Every way refused it. Phone, or send it another way."),
    "unknown": text("It may have gone out: it is being looked up."),
    "suppressed": text("The customer does not want it, or has no address for it."),
    "expired": text("It would have come too late, so it was not sent."),
    "superseded": text("Newer news of the same order took its place."),
    "held": text("Its order is on hold."),
    "cancelled": text("Somebody stopped it."),
}


class HelpBox(Box[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1,enter", "close", show=False),
        Binding("down", "scroll(1)", text("more"), key_display="↓"),
        Binding("up", "scroll(-1)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
    ]
    title_ = text("help")

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page

    def body(self) -> Iterable[Widget]:
        yield Lines(self._lines)

    def _lines(self, width: int) -> list[Line]:
        t = self.t
        lines: list[Line] = [[Span(t("here"), STRONG)]]
        for key in self._page.offered_keys():
            lines += self._pair(Cell(f"  {key.key}", KEYS, "accent"), t(key.does), width, DIM)
        lines += [[], [Span(t("everywhere"), STRONG)]]
        for pressed, does in EVERYWHERE:
            lines += self._pair(Cell(f"  {pressed}", KEYS, "accent"), t(does), width, DIM)
        lines += [[], [Span(t("what the words mean"), STRONG)]]
        for state, meaning in MEANINGS.items():
            say = self.words.state(state)
            lines += self._pair(Cell(f"  {say.words}", KEYS, say.tone), t(meaning), width)
        return [*lines, []]

    def _pair(self, head: Cell, told: str, width: int, tone: str = "") -> list[Line]:
        """What a key or a word is, in as many lines as it takes."""
        first, *rest = wrap(told, max(20, width - head.width - 1))
        below = Cell("", head.width)
        return [
            columns(width, head, Cell(first, 0, tone)),
            *(columns(width, below, Cell(part, 0, tone)) for part in rest),
        ]

    def action_scroll(self, by: int) -> None:
        self.query_one(Content).scroll_relative(y=by, animate=False)
