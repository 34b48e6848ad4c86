"""The page that shows through around a box, tinted: what Textual's own does, with each style worked out once instead of each time.

Around a box stand thousands of pieces in a few dozen styles: this is half of what it takes to open one.
"""

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.color import Color
from textual.css.styles import RulesMap
from textual.geometry import Size
from textual.renderables.background_screen import BackgroundScreen
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

STYLES = 1024


class Backdrop(Visual):
    def __init__(self, whole: BackgroundScreen) -> None:
        self._screen = whole.screen
        self._color = whole.color

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        strips = self._screen._compositor.render_strips(Size(width, height or self._screen.size.height))
        return [Strip(map(self._tinted, strip), strip.cell_length) for strip in strips]

    def _tinted(self, segment: Segment) -> Segment:
        return segment if segment.control else Segment(segment.text, _tint(segment.style, self._color))

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        return self._screen.size.height


@lru_cache(STYLES)
def _tint(style: RichStyle | None, color: Color) -> RichStyle | None:
    """Without clicks and links, behind so much of that colour."""
    return next(iter(BackgroundScreen.process_segments([Segment("", style)], color))).style
