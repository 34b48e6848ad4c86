"""One of a few, in one line: left and right change it, a click picks."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from tui.widgets.paint import Painted, Span

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
        line = [Span(self._label.ljust(LABEL), "accent" if self.has_focus else "dim")]
        for index, (_, word) in enumerate(self._options):
            chosen = index == self._index
            shown = f"[{word}]" if chosen else f" {word} "
            line.append(
                Span(shown, "accent" if chosen and self.has_focus else "strong" if chosen else "dim", f"pick({index})")
            )
            line.append(Span(" "))
        return self.paint(line, self.size.width)
