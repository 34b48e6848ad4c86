"""What all pages share: the glance on top, the notice and the keys below, and how they hear of changes."""

from collections.abc import Iterable, Sequence, Set
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widget import Widget

from tui.i18n import Texts
from tui.shop.session import Session
from tui.shop.state import Part
from tui.widgets.foot import Key, KeyBar, NoticeLine
from tui.widgets.glance import GlanceBar
from tui.widgets.line import Found, LineBar
from tui.widgets.paint import TONE_CLASSES
from tui.widgets.shift import ShiftLine
from tui.wording.times import Times
from tui.wording.words import Words

if TYPE_CHECKING:
    from tui.app import CounterApp


HEADED = frozenset(Part) - {Part.OPTOUTS, Part.STORIES}
"""What the header tells of: it counts all that waits for somebody."""


class Page(Screen[None]):
    """One page. A subclass says its `name_` (of the tabs), its body, and what to do about changed parts."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*TONE_CLASSES}
    name_: ClassVar[str] = ""
    wants: ClassVar[Set[Part]] = frozenset(Part)
    """The parts it shows."""
    tail: ClassVar[Key] = Key("?", "help", "app.help")

    def __init__(self) -> None:
        super().__init__()
        self._stale: set[Part] = set(Part)

    @property
    def counter(self) -> "CounterApp":
        return cast("CounterApp", self.app)

    @property
    def session(self) -> Session:
        return self.counter.session

    @property
    def t(self) -> Texts:
        return self.session.t

    @property
    def words(self) -> Words:
        return self.session.words

    @property
    def times(self) -> Times:
        return self.session.times

    @property
    def signs(self) -> tuple[str, str]:
        """What marks the cursor's row, and marked ones."""
        return self.words.glyphs.cursor, self.words.glyphs.marked

    def compose(self) -> ComposeResult:
        yield GlanceBar(self.session, self.name_)
        if self.session.training is not None:
            yield ShiftLine(self.session, self.session.training)
        yield from self.body()
        yield Found(self.session, self.counter.omnibox)
        yield LineBar(self.session, self.counter.omnibox)
        yield NoticeLine(self.session)
        yield KeyBar(self.session, self.shown_keys)

    def body(self) -> Iterable[Widget]:
        """What stands between glance and notice."""
        return ()

    def show(self, parts: Set[Part]) -> None:
        """Show what changed; called with everything when the page comes to the front."""

    def shown_keys(self) -> Sequence[Key]:
        """What the key bar shows: the page's own shown bindings, then help."""
        return [*(_key(each) for each in self.BINDINGS if isinstance(each, Binding) and each.show), self.tail]

    # ------------------------------------------------------------ called by the app

    def changed(self, parts: Set[Part]) -> None:
        """Parts of the shop changed. Kept for later while the page is not on top."""
        self._stale |= parts & self.wants
        if self._stale and self.is_mounted and self.counter.page is self:
            stale, self._stale = self._stale, set()
            self.show(stale)
        if parts & HEADED and self.is_mounted:
            self.query_one(GlanceBar).refresh()
            self.query_one(NoticeLine).refresh()

    def tick(self) -> None:
        """A second went by, perhaps before the page is put together."""
        self.query(GlanceBar).refresh()
        self.query(NoticeLine).refresh()

    def minute(self) -> None:
        """A minute of the clock on the wall went by."""

    def line_changed(self) -> None:
        """Something was typed into the line, or what it means changed."""
        if self.is_mounted:
            self.query_one(LineBar).refresh()
            self.query_one(Found).look()

    def noticed(self) -> None:
        if self.is_mounted:
            self.query_one(NoticeLine).refresh()
            for line in self.query(ShiftLine):
                line.look()

    def on_screen_resume(self) -> None:
        self.noticed()
        self.changed(self._stale or self.wants)
        self.line_changed()
        self.tick()
        self.minute()


def _key(binding: Binding) -> Key:
    return Key(binding.key_display or binding.key, binding.description, f"screen.{binding.action}")
