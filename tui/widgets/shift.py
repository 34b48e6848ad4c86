"""The line of the first shift's missions: how far one is, and the next one with its keys."""

from typing import TYPE_CHECKING

from tui.shop.training import MISSIONS, Training
from tui.widgets.lines import Lines
from tui.widgets.paint import Line, Span, justify, length
from tui.wording.words import ACCENT, DIM, GOOD, STRONG

if TYPE_CHECKING:
    from tui.shop.session import Session

ALL = "app.first_shift"


class ShiftLine(Lines):
    def __init__(self, session: "Session", training: Training) -> None:
        super().__init__(lambda width: [self._line(width)])
        self._session = session
        self._training = training
        self.look()

    def look(self) -> None:
        """Something was ticked off, or the line was put away."""
        if self.display != self._training.shown:
            self.display = self._training.shown
        self.rewrite()

    def _line(self, width: int) -> Line:
        t, still = self._session.t, self._training.open
        count = f" {len(MISSIONS) - len(still)}/{len(MISSIONS)} "
        if not still:
            done = f"{self._session.words.glyphs.done} {t('That was your first shift: you know the counter.')}"
            return justify(width, [Span(count, GOOD, ALL), Span(done, GOOD, ALL)], [])
        head = [Span(count, ACCENT, ALL), Span(f"{t(still[0].does)}: ", STRONG, ALL), Span(t(still[0].how), "", ALL)]
        rest = [Span(f" {t('all: click, or ^p')} ", DIM, ALL)]
        return justify(width, head, rest if length(head) + length(rest) < width else [])
