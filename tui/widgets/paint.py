"""Lines of toned text: how the screen's own widgets draw. Laying out is pure; painting turns tones into the theme's colours."""

from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import cell_len, split_graphemes
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from tui.widgets.late import Late

TONES = ("good", "bad", "warn", "dim", "accent", "strong", "alarm", "here", "quiet-count")

TONE_CLASSES = frozenset(f"tone--{tone}" for tone in TONES)
"""The component classes of the page under all boxes, which knows the tones for what is painted over it too."""

TELLING = frozenset({"bad", "alarm"})
"""Tones that the cursor must not hide: on its ground they are a ground of their own."""


class Span(NamedTuple):
    """Some text, its tone, and the action that a click on it runs."""

    text: str
    tone: str = ""
    click: str = ""


class Cell(NamedTuple):
    """A column's text in one line. `width`: cells; 0: what is left. `right`: set to the right."""

    text: str
    width: int = 0
    tone: str = ""
    right: bool = False


Line = list[Span]


def flat(text: str) -> str:
    """On one line, with nothing that moves a terminal's cursor."""
    return text if text.isprintable() else text.replace("\n", " ").replace("\t", " ")


def fit(text: str, width: int, cut: str = "…") -> str:
    """Exactly so many cells: padded, or cut with a sign that says so."""
    text = flat(text)
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text + " " * (width - cell_len(text))
    head = _head(text, width - 1).rstrip() if width > 1 else ""
    return head + cut + " " * (width - 1 - cell_len(head))


def columns(width: int, *cells: Cell, gap: int = 1) -> Line:
    """A line of columns. The ones of width 0 share what the others leave."""
    taken = sum(cell.width for cell in cells) + gap * (len(cells) - 1)
    flexible = [index for index, cell in enumerate(cells) if not cell.width]
    share, odd = divmod(max(0, width - taken), max(1, len(flexible)))
    line: Line = []
    for index, cell in enumerate(cells):
        size = cell.width or share + (odd if index == flexible[-1] else 0)
        shown = fit(cell.text, size)
        if cell.right:
            shown = shown.rstrip().rjust(size)
        line.append(Span(shown + " " * (gap if index < len(cells) - 1 else 0), cell.tone))
    return line


def justify(width: int, left: Line, right: Line) -> Line:
    """Both ends of a line; the left one is cut where they meet."""
    room = width - length(right)
    if length(left) >= room > 0 and right:
        left = [*clip(left, room - 1), Span(" ")]
    return [*left, Span(" " * max(0, room - length(left))), *right]


def length(line: Iterable[Span]) -> int:
    return sum(cell_len(flat(span.text)) for span in line)


def clip(line: Line, width: int) -> Line:
    """As much of it as fits."""
    out: Line = []
    for span in line:
        text = flat(span.text)
        size = cell_len(text)
        if size > width:
            if width > 0:
                out.append(span._replace(text=fit(text, width)))
            break
        out.append(span if text is span.text else span._replace(text=text))
        width -= size
    return out


def wrap(text: str, width: int, most: int = 99) -> list[str]:
    """Words in lines of at most so many cells; what does not fit in `most` lines is cut with a sign."""
    lines: list[str] = []
    width = max(1, width)
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in flat(paragraph).split(" "):
            while cell_len(word) > width:
                head = _head(word, max(2, width))
                lines, line, word = [*lines, *([line] if line else []), head], "", word[len(head) :]
            joined = f"{line} {word}" if line else word
            if cell_len(joined) > width:
                lines.append(line)
                line = word
            else:
                line = joined
        lines.append(line)
    if len(lines) > most:
        lines = [*lines[: most - 1], fit(lines[most - 1] + " …", width).rstrip()] if most else []
    return lines


def _head(text: str, width: int) -> str:
    """As many of its first characters, as people count them, as fit into so many cells."""
    if text.isascii():
        return text[: max(0, width)]
    taken = 0
    for start, _, size in split_graphemes(text)[0]:
        taken += size
        if taken > width:
            return text[:start]
    return text


class Painted(Late):
    """A widget that draws lines of spans. Tones are component classes, so that themes decide what they look like: the screen's, not each
    widget's, since each component class is styled anew with each widget that has it."""

    _ground = Style.null()

    def render_lines(self, crop: Region) -> list[Strip]:
        self._ground = self.rich_style
        return super().render_lines(crop)

    def paint(self, line: Line, width: int, ground: Style | None = None, *, toned: bool = True) -> Strip:
        """One strip of exactly `width` cells, on `ground` (the widget's own where None)."""
        base = self._ground if ground is None else ground
        segments = [Segment(span.text, self._style(span, base, toned)) for span in clip(line, width)]
        return Strip(segments).adjust_cell_length(width, base)

    def _style(self, span: Span, base: Style, toned: bool) -> Style:
        style = base
        tone = span.tone if toned else "alarm" if span.tone in TELLING else ""
        if tone:
            style = base + self.app.screen_stack[0].get_component_rich_style(f"tone--{tone}", partial=True)
        return style + Style.from_meta({"@click": span.click}) if span.click else style
