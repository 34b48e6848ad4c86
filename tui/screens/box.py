"""What all boxes share: a frame over the page, Esc closes, a last line of keys."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content as Plain
from textual.message import Message
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, TextArea

from tui.i18n import Texts, text
from tui.screens.steady import Steady
from tui.shop.session import Session
from tui.terminal.tidy import forget_drawing
from tui.widgets.backdrop import Backdrop
from tui.widgets.foot import Key, KeyBar
from tui.widgets.lines import Lines
from tui.widgets.paint import flat
from tui.wording.words import Words

if TYPE_CHECKING:
    from tui.app import CounterApp

Result = TypeVar("Result")


class Content(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Scrolls by itself to what has the focus, and by the wheel: the arrows are the box's."""


class Box(Steady[Result], ModalScreen[Result]):
    """A box that is answered or closed. Dismissed with None: nothing is to be done."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", text("back"), key_display="esc", show=False)]
    title_: ClassVar[str] = ""

    shown_at = float("inf")
    """When it was first drawn, by the clock that keys are stamped by."""

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self._note_shown)

    def _note_shown(self) -> None:
        self.shown_at = Message().time

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

    def compose(self) -> ComposeResult:
        with Vertical(classes="frame") as frame:
            frame.border_title = Plain(flat(self.heading()))  # a name may hold what Textual takes for markup
            with Content(classes="content"):
                yield from self.body()
            yield KeyBar(self.session, self.shown_keys)

    def heading(self) -> str:
        return self.t(self.title_)

    def body(self) -> Iterable[Widget]:
        return ()

    def look(self) -> None:
        """See whether what stands here is still so."""
        for lines in self.query(Lines):
            lines.rewrite()

    def catch_up(self) -> None:
        """The shop changed: what is asked about may stand otherwise now."""

    def on_descendant_focus(self) -> None:
        self.look()

    def shown_keys(self) -> Sequence[Key]:
        """The box's own shown bindings, then Esc. What is a letter goes into the field while one has the focus."""
        own = [each for each in type(self).BINDINGS if isinstance(each, Binding) and each.show]
        if isinstance(self.focused, Input | TextArea):
            own = [each for each in own if len(each.key) > 1]
        shown = [Key(each.key_display or each.key, each.description, f"screen.{each.action}") for each in own]
        return [*shown, Key("esc", text("back"), "screen.close")]

    def answer(self, result: Result | None) -> None:
        """Close with this, once: `dismiss` closes whatever is on top."""
        if self.app.screen is self:
            _closing = self.dismiss(result)

    def render(self) -> Any:
        whole = super().render()
        return Backdrop(whole) if isinstance(whole, BackgroundScreen) else whole

    def on_screen_suspend(self) -> None:
        forget_drawing()

    def action_close(self) -> None:
        self.answer(None)
