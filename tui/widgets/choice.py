"""One of some, in one line: left and right change it, a click picks. Of a few all are shown, of many the chosen one."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from tui.widgets.paint import Line, Painted, Span

LABEL = 15
"""Cells for the label, so that choices stand below each other."""


class Choice(Painted, can_focus=True):
    """`options` are (value, word)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", show=False),
        Binding("right,space", "turn(1)", show=False),
    ]

    class Changed(Message):
        """Another one was chosen."""

        def __init__(self, choice: "Choice") -> None:
            self.choice = choice
            super().__init__()

        @property
        def control(self) -> "Choice":
            return self.choice

    def __init__(
        self, label: str, options: Sequence[tuple[str, str]], *, chosen: int = 0, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._label = label
        self._options = options
        self._index = chosen

    @property
    def value(self) -> str:
        return self._options[self._index][0]

    def show(self, value: str) -> None:
        """Have that one chosen, as if it had always been: nobody is told."""
        self._index = next(index for index, (each, _) in enumerate(self._options) if each == value)
        self.refresh()

    def action_turn(self, by: int) -> None:
        self.action_pick((self._index + by) % len(self._options))

    def action_pick(self, index: int) -> None:
        self._index = index
        self.refresh()
        self.post_message(self.Changed(self))

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        line = [Span(self._label.ljust(LABEL), "accent" if self.has_focus else "dim"), *self._shown()]
        return self.paint(line, self.size.width)

    def _shown(self) -> Line:
        line: Line = []
        for index, (_, word) in enumerate(self._options):
            chosen = index == self._index
            shown = f"[{word}]" if chosen else f" {word} "
            line.append(
                Span(shown, "accent" if chosen and self.has_focus else "strong" if chosen else "dim", f"pick({index})")
            )
            line.append(Span(" "))
        return line


class LongChoice(Choice):
    """One of many, whose options may become known later."""

    def offer(self, options: Sequence[tuple[str, str]]) -> None:
        """Have these to choose from; what is chosen is among them."""
        chosen, self._options = self.value, options
        self.show(chosen)

    def _shown(self) -> Line:
        back, on = "turn(-1)", "turn(1)"
        word = self._options[self._index][1]
        tone = "accent" if self.has_focus else "strong"
        count = f" {self._index + 1}/{len(self._options)}"
        return [Span(" ‹ ", "accent", back), Span(f"[{word}]", tone, on), Span(" ›", "accent", on), Span(count, "dim")]
