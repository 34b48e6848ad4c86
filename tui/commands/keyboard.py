"""Every key passes here first: it is done, typed into the line, or left to what has the focus.

All of it happens in the order of the keys, before any widget hears of them: however long the screen was busy, no key overtakes another.
"""

from collections.abc import Awaitable, Callable, Coroutine
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any

from textual import events
from textual.app import App
from textual.widget import Widget
from textual.widgets import Button, Input, TextArea
from textual.worker import Worker

from tui.line.hand import Hand, Meaning, Where
from tui.line.omnibox import Omnibox
from tui.line.tempo import Tempo
from tui.line.text import one_line
from tui.screens.box import Box
from tui.screens.page import Page
from tui.wording.words import WARN

ENTERS = frozenset({"enter", "ctrl+j", "ctrl+m"})
"""What scanners and terminals send for CR and LF."""


class Keyboard:
    """`changed` is called when the line is another than before, `enter` does what it means, `go` goes to a page."""

    def __init__(
        self,
        app: App[Any],
        omnibox: Omnibox,
        tempo: Tempo,
        *,
        changed: Callable[[], None],
        enter: Callable[[], None],
        go: Callable[[str], Awaitable[None]],
    ) -> None:
        self._app = app
        self._omnibox = omnibox
        self._enter_line = enter
        self._go = go
        self._hand = Hand(tempo)
        self._tempo = tempo
        self._changed = changed
        self._started: list[tuple[Worker[Any], Coroutine[Any, Any, Any]]] = []
        self._mode = ""
        self._page: Page | None = None
        self._view: Any = None
        """The page that the chain began on, and what was seen of it."""
        self.commands = 0
        """How many there were: another one may show that those before it were the beginning of a name."""

    def started(self, worker: Worker[Any], doing: Coroutine[Any, Any, Any]) -> None:
        """A command began this: it is taken back if the command was text."""
        self._started = [each for each in self._started if not each[0].is_finished] + [(worker, doing)]

    @property
    def doubt(self) -> float:
        """Seconds until it is sure that a character alone was a command."""
        return self._tempo.join

    async def take(self, key: events.Key) -> bool:
        """False: the key is for what has the focus."""
        screen = self._app.screen
        if not isinstance(screen, Page | Box):
            return False
        where = self._where(key)
        if key.key in ENTERS or (key.key == "tab" and self._hand.ends_scan(key.time)):
            return await self._enter(self._hand.enter(key.time, where), key)
        if key.character is not None and key.is_printable:
            return await self._character(self._hand.character(key.character, key.time, where), key)
        self._hand.forget()
        return self._edit(key.key, where)

    async def paste(self, text: str) -> bool:
        """Text that came at once is text, wherever no field takes it: a box with a field does."""
        self._hand.forget()  # it is for what the key before it opened, which was a command then
        where = self._where(None)
        if where.in_field or not isinstance(self._app.screen, Page | Box):
            return False
        if where.has_field and (field := self._field()) is not None:
            self._into(field)
            return False
        await self._close_boxes()
        self._insert(one_line(text))
        return True

    # ------------------------------------------------------------ what is on top

    def _where(self, key: events.Key | None) -> Where:
        screen = self._app.screen
        focused = screen.focused
        active = screen.active_bindings.get(key.key) if key is not None else None
        box = isinstance(screen, Box)
        return Where(
            box=box,
            shown_at=screen.shown_at if isinstance(screen, Box) else float("-inf"),
            in_field=isinstance(focused, Input | TextArea),
            has_field=box and self._field() is not None,
            bound=active is not None and active.enabled,
            line_empty=not self._omnibox.text,
        )

    def _field(self) -> Widget | None:
        return next((each for each in self._app.screen.query("Input, TextArea").results(Widget) if each.display), None)

    def _into(self, field: Widget) -> None:
        """It has what comes now. At once, with nothing selected: `focus` would take effect after that."""
        self._app.screen.set_focus(field, from_app_focus=True)

    # ------------------------------------------------------------ what a key does

    async def _character(self, meaning: Meaning, key: events.Key) -> bool:
        match meaning:
            case Meaning.COMMAND:
                await self._command(key)
            case Meaning.LINE:
                self._insert(key.character or "")
            case Meaning.JOIN:
                await self._take_back(key.character or "")
            case Meaning.LEAVE:
                await self._close_boxes()
                self._insert(key.character or "")
            case Meaning.TO_FIELD:
                field = self._field()
                if field is not None and (self._app.focused is None or isinstance(self._app.focused, Button)):
                    self._into(field)
                return False
            case _:
                return False
        return True

    async def _command(self, key: events.Key) -> None:
        self.commands += 1
        if len(self._hand.chain) <= 1:
            self._started = []
            self._mode = self._app.current_mode
            self._page = self._app.screen if isinstance(self._app.screen, Page) else None
            self._view = self._page.view if self._page is not None else None
        active = self._app.screen.active_bindings[key.key]
        page = active.node
        if isinstance(page, Page) and key.time - page.slid_at < self._tempo.slide:
            page.session.say(page.t("What stood there has just gone: look, and press again."), WARN)
            return
        await self._app.run_action(active.binding.action, active.node)

    async def _take_back(self, character: str) -> None:
        """The commands before this character were text."""
        text = self._hand.chain + character
        self._hand.forget()
        for worker, doing in self._started:
            worker.cancel()
            if getcoroutinestate(doing) == CORO_CREATED:
                doing.close()
        self._started = []
        await self._close_boxes()
        if self._app.current_mode != self._mode:
            await self._go(self._mode)
        if self._page is not None and self._page in self._app.screen_stack:
            await self._go_back(self._page)
        self._insert(text)

    async def _go_back(self, page: Page) -> None:
        """To the page that is below, and to what was seen of it."""
        while (screen := self._app.screen) is not page and isinstance(screen, Page):
            await screen.put_together()
            await self._app.pop_screen()
        if page.view != self._view:
            page.view = self._view

    async def _close_boxes(self) -> None:
        while isinstance(box := self._app.screen, Box):
            await box.put_together()
            await self._app.pop_screen()

    async def _enter(self, meaning: Meaning, key: events.Key) -> bool:
        if meaning is Meaning.ENTER:
            self._enter_line()
        elif meaning is Meaning.PASS:
            return key.key == "tab"  # what a scanner ends with goes nowhere else
        return True

    def _edit(self, key: str, where: Where) -> bool:
        omnibox = self._omnibox
        if where.box or where.in_field or where.line_empty:
            return False
        if key in {"up", "down"}:
            omnibox.move(1 if key == "down" else -1)
        elif not omnibox.line.edit(key):
            return False
        self._changed()
        return True

    def _insert(self, text: str) -> None:
        self._omnibox.line.insert(text)
        self._changed()
