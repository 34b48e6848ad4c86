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
        lines += [self._pair(key.key, t(key.does), width) for key in self._page.shown_keys()]
        lines += [[], [Span(t("everywhere"), STRONG)]]
        lines += [self._pair(key, t(does), width) for key, does in EVERYWHERE]
        lines += [[], [Span(t("what the words mean"), STRONG)]]
        for state, meaning in MEANINGS.items():
            say = self.words.state(state)
            first, *rest = wrap(t(meaning), max(20, width - 17))
            lines.append(columns(width, Cell(f"  {say.words}", 16, say.tone), Cell(first)))
            lines += [columns(width, Cell("", 16), Cell(part)) for part in rest]
        return [*lines, []]

    def _pair(self, key: str, does: str, width: int) -> Line:
        return columns(width, Cell(f"  {key}", 16, "accent"), Cell(does, 0, DIM))

    def action_scroll(self, by: int) -> None:
        self.query_one(Content).scroll_relative(y=by, animate=False)
