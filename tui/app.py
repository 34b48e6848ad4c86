"""The counter's application: which page is on top, the keys that work everywhere, and the tasks that run beside the screen."""

import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Set
from functools import partial
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen
from textual.theme import Theme
from textual.timer import Timer, TimerCallback

from daemon.wire.orders import Order
from tui.commands.ahead import PagesAhead
from tui.commands.enter import Asking
from tui.commands.fixes import Fixes
from tui.commands.flows import Flows
from tui.commands.keyboard import Keyboard
from tui.commands.looks import LooksOf, Remember
from tui.i18n import text
from tui.line.omnibox import Omnibox
from tui.line.tempo import Tempo
from tui.screens.audit import AuditPage
from tui.screens.board import BoardPage
from tui.screens.box import Box
from tui.screens.calls import CallsPage
from tui.screens.first_shift import FirstShiftBox
from tui.screens.help import HelpBox
from tui.screens.line import LinePage
from tui.screens.now import NowPage
from tui.screens.optouts import OptOutsPage
from tui.screens.order import OrderPage
from tui.screens.outbox import OutboxPage
from tui.screens.page import Page
from tui.screens.replies import RepliesPage
from tui.service.client import Client
from tui.shop.revisions import Part
from tui.shop.session import Session
from tui.shop.training import Training
from tui.terminal.clock import Clock
from tui.terminal.driver import TerminalDriver
from tui.terminal.glyphs import RICH, Glyphs
from tui.terminal.themes import THEMES
from tui.terminal.timers import however_late
from tui.terminal.work import run_newest
from tui.widgets.glance import TABS
from tui.wording.words import WARN

SMALL = 70
"""Cells below which the screen begins with what needs a person: the board has no room."""
FLUSH = 1 / 30
"""Seconds that changes gather before they are drawn."""
LEAST_LEFT = 1.0
"""Seconds that an undo has to reach the service in."""


class CounterApp(App[int]):
    """`client` is open for as long as the app runs. `training`: with the missions of a first shift. `settled` is called whenever the whole shop has been read, `tidy` when
    there is time for it: a page that came to the front was drawn, or nobody touches the keys; `remember` keeps a language or theme that staff chose for the next time."""

    CSS_PATH = "app.tcss"
    TITLE = "Tether"
    MODES: ClassVar[dict[str, Any]] = {
        "now": NowPage,
        "board": BoardPage,
        "outbox": OutboxPage,
        "line": LinePage,
        "replies": RepliesPage,
        "calls": CallsPage,
        "optouts": OptOutsPage,
        "audit": AuditPage,
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("0", "go('now')", show=False),
        *(Binding(str(number), f"go('{page}')", show=False) for number, (page, _) in enumerate(TABS, 1)),
        Binding("u", "undo", text("undo"), show=False),
        Binding("question_mark,f1", "help", text("help"), show=False),
        Binding("ctrl+c,ctrl+q", "leave", text("quit"), show=False, priority=True),
    ]

    def __init__(
        self,
        client: Client,
        clock: Clock,
        rng: random.Random,
        *,
        language: str = "en",
        theme: str = "dark",
        glyphs: Glyphs = RICH,
        read_only: bool = False,
        training: bool = False,
        tempo: Tempo | None = None,
        settled: Callable[[], None] = lambda: None,
        tidy: Callable[[], None] = lambda: None,
        remember: Remember = lambda **changed: None,
    ) -> None:
        super().__init__()
        self.session = Session(
            client,
            clock,
            rng,
            language=language,
            glyphs=glyphs,
            read_only=read_only,
            training=Training() if training else None,
            tell=self._tell,
            noticed=self._noticed,
            settled=settled,
        )
        self.fixes = Fixes(self, self.session, self.action_go)
        self.flows = Flows(self, self.session, self.fixes, rng)
        self._looks = LooksOf(self, self.session, self.action_go, remember)
        self.omnibox = Omnibox(self.session)
        self.keyboard = Keyboard(
            self,
            self.omnibox,
            Tempo() if tempo is None else tempo,
            changed=self._line_changed,
            enter=self.enter_line,
            go=self.action_go,
        )
        self._meant_for: WeakKeyDictionary[events.Key, Screen[Any]] = WeakKeyDictionary()
        """The screen that stood there when a key was given to its widgets."""
        self._ahead = PagesAhead(self, self.MODES, clock)
        self._asking = Asking(self, self.session, self.flows, self.fixes, act=self.act, open_order=self.open_order)
        self._changed: set[Part] = set()
        self._asked_to_leave = float("-inf")
        self.tidy = tidy
        for each in THEMES:
            self.register_theme(each)
        self.theme = theme

    def get_driver_class(self) -> type[Driver]:
        chosen = super().get_driver_class()
        return TerminalDriver if chosen is LinuxDriver else chosen

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(THEMES[0].variables)

    def get_theme(self, theme_name: str) -> Theme | None:
        """Looked for at each line that is drawn, where Textual copies the dictionary of all themes at each look."""
        return self._registered_themes.get(theme_name) or super().get_theme(theme_name)

    async def on_mount(self) -> None:
        await self.switch_mode("now" if self.size.width < SMALL else "board")
        self.set_interval(1, self.tick)
        run_newest(self, self.session.feed.run, "feed")

    # ------------------------------------------------------------ showing what changed

    @property
    def page(self) -> Page | None:
        """The page on top, under whatever box is open."""
        return next((screen for screen in reversed(self.screen_stack) if isinstance(screen, Page)), None)

    def _tell(self, parts: Set[Part]) -> None:
        if parts and not self._changed:
            self.set_timer(FLUSH, self._draw)
        self._changed |= parts

    def _draw(self) -> None:
        parts, self._changed = self._changed, set()
        self.session.learn_store()
        for message in self.session.shop.alarms:
            self.session.say_untold(message)
            self.bell()
        self.session.shop.alarms.clear()
        for reply in self.session.shop.arrivals:
            name = reply.name or self.session.t("the customer")
            self.session.say(self.session.t("{ref}: {name} is outside.", ref=reply.order_ref or "?", name=name), WARN)
            self.bell()
        self.session.shop.arrivals.clear()
        if Part.ORDERS in parts and self.omnibox.text:
            self.omnibox.forget()
            self._line_changed()
        if self.page is not None:
            self.page.catch_up()
        for box in self.screen_stack[-1:]:
            if isinstance(box, Box):
                box.catch_up()

    def _noticed(self) -> None:
        if self.page is not None:
            self.page.noticed()

    def tick(self) -> None:
        """A second went by."""
        self.session.learn_store()
        if self.page is not None:
            self.page.tick()
        if self._ahead.rests:
            self.tidy()
        if self.is_running and Part.MESSAGES in self.session.shop.loaded:
            self._ahead.tick()

    def set_timer(
        self, delay: float, callback: TimerCallback | None = None, *, name: str | None = None, pause: bool = False
    ) -> Timer:
        return however_late(super().set_timer(delay, callback, name=name, pause=True), pause=pause)

    # ------------------------------------------------------------ keys and the line

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            self._ahead.disturbed()
        if isinstance(event, events.Key) and not event.is_forwarded:
            self.app_focus = True
            if self._changed:
                self._draw()  # lists have at once what comes: the cursor is to be where its thing is before a key is looked at
            if await self.keyboard.take(event):
                return
            self._meant_for[event] = self.screen
        elif isinstance(event, events.Key) and self._meant_for.get(event) is not self.screen:
            return  # back from the widgets, to be looked up on what stands there by now: it was not meant for that
        elif isinstance(event, events.Paste) and not event.is_forwarded and await self.keyboard.paste(event.text):
            return
        await super().on_event(event)

    def _line_changed(self) -> None:
        if self.page is not None:
            self.page.line_changed()

    def enter_line(self) -> None:
        """Open what the line means, or the box that asks."""
        said, chosen = self.omnibox.said, self.omnibox.chosen
        if said.does != "none":
            self.omnibox.clear()
        self._asking.enter(said, chosen)
        self._line_changed()

    def action_choose_found(self, number: int) -> None:
        """A click on one of the orders found."""
        self.omnibox.choose(number)
        self.enter_line()

    # ------------------------------------------------------------ going about

    async def action_go(self, page: str) -> None:
        """To a page, closing what is open over the one here."""
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        if page != self.current_mode:
            with self.batch_update():
                await self.switch_mode(page)
                if self.page is not None:
                    await self.page.put_together()
            self.screen.refresh()

    def delay_update(self, delay: float = 0.0) -> None:
        """Textual shows nothing for 50 ms after another page was asked for, lest it be seen half made: here it is drawn once it is whole."""

    def open_order(self, ref: str) -> None:
        """Instead of the order that is open: whoever scans all day stands on one."""
        if isinstance(self.page, OrderPage) and self.page.ref == ref:
            return
        replaces = isinstance(self.screen, OrderPage) and self.screen.is_mounted
        _mounting = self.switch_screen(OrderPage(ref)) if replaces else self.push_screen(OrderPage(ref))

    def action_undo(self) -> None:
        undoable = self.session.undoable
        left = (undoable.until - self.session.now()) / 1000 if undoable else 0
        self.act(self.when_meant(partial(self.session.undo, undoable), at_most=left - LEAST_LEFT))

    def action_hush(self) -> None:
        self.session.hush()

    def action_help(self) -> None:
        if self.page is not None:
            _mounting = self.push_screen(HelpBox(self.page))

    def action_first_shift(self) -> None:
        """The missions, all of them."""
        if self.session.training is not None:
            self.act(self._first_shift(self.session.training))

    async def _first_shift(self, training: Training) -> None:
        training.shown = await self.push_screen_wait(FirstShiftBox(training)) is not False
        self._noticed()

    async def action_leave(self) -> None:
        """Once asks, twice leaves."""
        now = self.session.clock.monotonic()
        if now - self._asked_to_leave < 3:
            self.exit(0)
            return
        self._asked_to_leave = now
        self.session.say(self._leaving(), WARN)

    def _leaving(self) -> str:
        """What leaving now means."""
        session = self.session
        if session.under_way:
            names = ", ".join(session.under_way)
            return session.t("No answer yet: {name}. Press ^c again to leave all the same.", name=names)
        return session.t("Press ^c again to leave. Messages go out all the same.")

    # ------------------------------------------------------------ acting

    def act(self, doing: Coroutine[Any, Any, object]) -> None:
        """Run it beside the screen."""
        self.keyboard.started(self.run_worker(doing, group="acts"), doing)

    async def when_meant(self, do: Callable[[], Awaitable[object]], at_most: float = float("inf")) -> None:
        """Do what no box asks about, once it is sure that its key was no beginning of a name: none goes on with it any more."""
        left, seen = at_most, -1
        while seen != self.keyboard.commands and (doubt := min(self.keyboard.doubt, left)) > 0:
            seen, left = self.keyboard.commands, left - doubt
            await self.session.clock.sleep(doubt)
        await do()

    def about(self, order: Order | None, flow: Callable[[Order], Coroutine[Any, Any, object]]) -> None:
        """Have something done about an order, if there is one."""
        if order is None:
            self.session.say(self.session.t("No order is chosen."), WARN)
        else:
            self.act(flow(order))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What the command palette offers: where to go, what this page can do, how it looks."""
        t = self.session.t
        for number, (page, word) in enumerate((("now", text("now")), *TABS)):
            yield SystemCommand(
                t(word), t("go there ({key})", key=number), lambda page=page: self.call_later(self.action_go, page)
            )
        if self.page is not None:
            for key in self.page.offered_keys():
                yield SystemCommand(
                    t(key.does),
                    t("key {key}", key=key.key),
                    lambda action=key.action: self.call_later(self.run_action, action),
                )
        yield SystemCommand(t("undo"), t("key {key}", key="u"), self.action_undo)
        if self.session.training is not None:
            yield SystemCommand(t("your first shift"), t("what to try out"), self.action_first_shift)
        yield from self._looks.commands()
        leave = partial(self.call_later, self.action_leave) if self.session.under_way else partial(self.exit, 0)
        yield SystemCommand(t("leave"), t("messages go out all the same"), leave)
