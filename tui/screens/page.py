"""What all pages share: the glance on top, the notice and the keys below, and how they hear of changes."""

from collections.abc import Iterable, Sequence, Set
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.widget import Widget

from tui.i18n import Texts
from tui.screens.steady import Steady
from tui.shop.revisions import Part
from tui.shop.session import Session
from tui.widgets.foot import Key, KeyBar, NoticeLine
from tui.widgets.glance import GlanceBar
from tui.widgets.line import Found, LineBar
from tui.widgets.lines import Lines
from tui.widgets.paint import TONE_CLASSES
from tui.widgets.shift import ShiftLine
from tui.wording.times import Times
from tui.wording.words import Words

if TYPE_CHECKING:
    from tui.app import CounterApp


class Page(Steady[None]):
    """One page. A subclass says its `name_` (of the tabs), its body, and what to do about changed parts."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*TONE_CLASSES}
    name_: ClassVar[str] = ""
    wants: ClassVar[Set[Part]] = frozenset(Part)
    """The parts it shows."""
    tail: ClassVar[Key] = Key("?", "help", "app.help")
    slid_at = float("-inf")
    """When another thing came under the cursor by itself, by the clock that keys are stamped by."""

    def __init__(self) -> None:
        super().__init__()
        self._drawn: dict[Part, int] | None = None
        """The revision of each part that it shows, as it was last drawn."""
        self._minute = -1

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
        """Show what changed since it was last called, at first everything."""

    @property
    def view(self) -> Any:
        """What staff chose to see of it; given back, it is seen so again."""
        return None

    @view.setter
    def view(self, view: Any) -> None:
        pass

    def shown_keys(self) -> Sequence[Key]:
        """What the key bar shows: the page's own shown bindings, then help."""
        return [*(_key(each) for each in self.BINDINGS if isinstance(each, Binding) and each.show), self.tail]

    def offered_keys(self) -> Sequence[Key]:
        """What help and the commands tell of: the key bar's, and what it has no place for."""
        *shown, tail = self.shown_keys()
        hidden = (each for each in self.BINDINGS if isinstance(each, Binding) and each.description and not each.show)
        return [*shown, *map(_key, hidden), tail]

    # ------------------------------------------------------------ called by the app

    @property
    def _stands(self) -> bool:
        """Not while it is being put together or taken down."""
        return self.is_mounted and not self._pruning

    def catch_up(self) -> None:
        """Draw what changed since this page last drew it, wherever that came from: however long it stood behind another, or under a box."""
        if not self._stands or self.counter.page is not self:
            return
        stands = {part: self.session.shop.revisions[part] for part in self.wants}
        moved = self.wants if self._drawn is None else {part for part in stands if stands[part] != self._drawn[part]}
        if moved or self._drawn is None:
            self._drawn = stands
            self.show(moved)
        self.look()

    def redraw(self) -> None:
        """Show all of it anew: what staff want to see of the shop is another than before."""
        self.show(self.wants)
        self.look()

    def look(self) -> None:
        """See whether what stands here is still so: much of it tells of the time."""
        for lines in self.query(Lines):
            lines.rewrite()

    def tick(self) -> None:
        """A second went by."""
        self.catch_up()
        minute = self.session.now() // 60_000
        if minute != self._minute and self._stands:
            self._minute = minute
            self.minute()

    def minute(self) -> None:
        """The clock on the wall shows another minute than when this was last called."""

    def line_changed(self) -> None:
        """Something was typed into the line, or what it means changed."""
        if self._stands:
            self.query_one(LineBar).rewrite()
            self.query_one(Found).rewrite()

    def noticed(self) -> None:
        if self._stands:
            self.query_one(NoticeLine).rewrite()
            for line in self.query(ShiftLine):
                line.look()

    def on_screen_resume(self) -> None:
        self.noticed()
        self.line_changed()
        self.tick()
        self.call_after_refresh(self.counter.tidy)


def _key(binding: Binding) -> Key:
    return Key(binding.key_display or binding.key, binding.description, f"screen.{binding.action}")
