"""A list that draws only the rows one sees, of any number of things that change all the time."""

from collections.abc import Callable, Collection, Sequence
from typing import ClassVar, Generic, NamedTuple, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.widgets.paint import Line, Painted, Span, fit

T = TypeVar("T")


class Look(NamedTuple):
    """How one row looks."""

    lines: Sequence[Line]
    is_marked: bool
    has_cursor: bool


class Rows(ScrollView, Painted, Generic[T], can_focus=True):
    """`source` is looked at, never copied: call `refill` after it changed. The cursor stays on its thing, wherever that moves to."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor", "rows--empty"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1)", show=False),
        Binding("down", "step(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "step(-1000000)", show=False),
        Binding("end", "step(1000000)", show=False),
        Binding("enter", "open", show=False),
    ]

    index: reactive[int] = reactive(0, repaint=False, init=False)

    class Moved(Message):
        """The cursor is on another thing."""

        def __init__(self, rows: "Rows[T]") -> None:
            self.rows = rows
            super().__init__()

    class Opened(Message):
        """Enter, or a double click."""

        def __init__(self, rows: "Rows[T]") -> None:
            self.rows = rows
            super().__init__()

    def __init__(
        self,
        source: Sequence[T],
        *,
        key: Callable[[T], str],
        draw: Callable[[T, int], Sequence[Line]],
        row_height: int = 1,
        empty: str = "",
        cursor_sign: str = "▌",
        marked_sign: str = "◆",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.source = source
        self.marked: set[str] = set()
        self.empty = empty
        self._key = key
        self._draw = draw
        self._row_height = row_height
        self._signs = (cursor_sign, marked_sign)
        self._cursor_key: str | None = None
        self._title = ""
        self._looks: dict[int, Look | None] = {}
        """How each row looked when it was last drawn; None: a row below the last thing."""
        self._looks_width = -1

    # ------------------------------------------------------------ what it shows

    @property
    def current(self) -> T | None:
        """The thing that the cursor is on."""
        return self.source[self.index] if self.index < len(self.source) else None

    @property
    def chosen(self) -> list[T]:
        """The marked things, or the current one where none is."""
        if self.marked:
            return [thing for thing in self.source if self._key(thing) in self.marked]
        return [] if self.current is None else [self.current]

    def renew(self) -> None:
        """The things are the same, but what they tell may not be (the time went on): the rows that look different are drawn."""
        width, seen = self._width, self._seen
        before = self._looks if width == self._looks_width else {}
        self._looks, self._looks_width = {index: self._look_of(index, width) for index in seen}, width
        for index in seen:
            if index not in before or before[index] != self._looks[index]:
                self._draw_row(index)

    def refill(self) -> bool:
        """Look at the source again; whether what the cursor was on has gone, and it is on another thing. What has gone is not marked any
        more."""
        if self.marked:
            self.marked &= set(map(self._key, self.source))
        count = len(self.source)
        self.virtual_size = Size(self.size.width or self.virtual_size.width, count * self._row_height)
        index, was_on = self._find(self._cursor_key), self._cursor_key
        slid = index is None and was_on is not None
        if index is None:
            index = max(0, min(self.index, count - 1))
        self.set_reactive(Rows.index, index)
        self._note_cursor()
        self._keep_in_sight()
        self.renew()
        return slid

    def say_when_empty(self, words: str) -> None:
        if words != self.empty:
            self.empty = words
            self.refresh()

    def entitle(self, title: str) -> None:
        """Have that title in the border: the same one again is no cause to draw the whole list."""
        if title != self._title:
            self.border_title = self._title = title

    def go_to(self, key: str) -> bool:
        """Put the cursor on the thing of that key, if it is here."""
        index = self._find(key)
        if index is not None:
            self.index = index
        return index is not None

    def toggle_mark(self) -> None:
        if self.current is not None:
            self.marked ^= {self._key(self.current)}
            self._refresh_row(self.index)

    def _find(self, key: str | None) -> int | None:
        source = self.source
        if key is None:
            return None
        if self.index < len(source) and self._key(source[self.index]) == key:
            return self.index
        return next((index for index, thing in enumerate(source) if self._key(thing) == key), None)

    # ------------------------------------------------------------ moving

    def action_step(self, by: int) -> None:
        self.index = max(0, min(self.index + by, len(self.source) - 1))

    def action_page(self, by: int) -> None:
        self.action_step(by * max(1, self.size.height // self._row_height - 1))

    def action_open(self) -> None:
        if self.current is not None:
            self.post_message(self.Opened(self))

    def watch_index(self, old: int, new: int) -> None:
        self._note_cursor()
        self._refresh_row(old)
        self._refresh_row(new)
        self._keep_in_sight()
        self.post_message(self.Moved(self))

    def on_click(self, event: events.Click) -> None:
        index = (self.scroll_offset.y + event.y - self.gutter.top) // self._row_height
        if not 0 <= index < len(self.source):
            return
        self.index = index
        if event.chain == 2:
            self.action_open()

    def on_resize(self) -> None:
        self.refill()

    def on_focus(self) -> None:
        self._refresh_row(self.index)
        self.post_message(self.Moved(self))

    def on_blur(self) -> None:
        self._refresh_row(self.index)

    def _note_cursor(self) -> None:
        current = self.current
        self._cursor_key = None if current is None else self._key(current)

    def _refresh_row(self, index: int) -> None:
        self._looks.pop(index, None)
        self._draw_row(index)

    def _draw_row(self, index: int) -> None:
        self.refresh_lines(index * self._row_height, self._row_height)

    def _keep_in_sight(self) -> None:
        top, height = self.index * self._row_height, self.size.height
        if height <= 0:
            return
        if top < self.scroll_offset.y:
            self._scroll(top)
        elif top + self._row_height > self.scroll_offset.y + height:
            self._scroll(top + self._row_height - height)

    def _scroll(self, y: int) -> None:
        """A list that has just become longer than its room has no scrollbar yet, and is scrolled all the same."""
        self.scroll_to(y=y, animate=False, force=True)

    # ------------------------------------------------------------ drawing

    @property
    def _width(self) -> int:
        """A scrollbar stands beside the rows, never over them. Hidden, the list has the width that it was last drawn for."""
        return self.scrollable_content_region.width if self.size else self._looks_width

    @property
    def _seen(self) -> Collection[int]:
        """The rows in sight; of a hidden list those that stood there, which it keeps drawn for when it is shown again."""
        if not self.size:
            return tuple(self._looks)
        top, bottom = self.scroll_offset.y, self.scroll_offset.y + self.size.height
        return range(top // self._row_height, -(-bottom // self._row_height))

    def _look_of(self, index: int, width: int) -> Look | None:
        if index >= len(self.source):
            return None
        thing = self.source[index]
        is_marked = bool(self.marked) and self._key(thing) in self.marked
        return Look(self._draw(thing, width - 1), is_marked, index == self.index and self.has_focus)

    def _look_at(self, index: int, width: int) -> Look | None:
        if width != self._looks_width:
            self._looks, self._looks_width = {}, width
        if index not in self._looks:
            self._looks[index] = self._look_of(index, width)
        return self._looks[index]

    def render_line(self, y: int) -> Strip:
        width = self._width
        index, part = divmod(self.scroll_offset.y + y, self._row_height)
        if not self.source and y == 0 and self.empty:
            ground = self.get_component_rich_style("rows--empty")
            return self.paint([Span(fit(f" {self.empty}", width))], width, ground)
        look = self._look_at(index, width)
        if look is None or part >= max(1, len(look.lines)):
            return self.paint([], width)  # below the last one, or a gap between cards
        line = look.lines[part] if look.lines else []
        sign = Span(self._sign(look, part), "accent")
        if not look.has_cursor:
            return self.paint([sign, *line], width)
        return self.paint([sign, *line], width, self.get_component_rich_style("rows--cursor"), toned=False)

    def _sign(self, look: Look, part: int) -> str:
        cursor, marked = self._signs
        if look.is_marked and part == 0:
            return marked
        return cursor if look.has_cursor else " "
