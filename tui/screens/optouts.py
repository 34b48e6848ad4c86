"""Who does not want to be written to, by what, since when and by what words."""

from collections.abc import Awaitable, Callable, Iterable, Set
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from daemon.wire.customers import OptOut
from tui.i18n import text
from tui.screens.listing import ListPage
from tui.service.client import ServiceError
from tui.shop.revisions import Part
from tui.terminal.work import run_newest
from tui.widgets.field import Field
from tui.widgets.paint import Cell, Line, Span, columns, wrap
from tui.widgets.rows import Rows
from tui.wording.words import DIM, STRONG, WARN


class OptOutsPage(ListPage[OptOut]):
    """Read from the service whenever the page comes to the front, and when all is read anew."""

    name_ = "optouts"
    has_head = False
    wants: ClassVar[Set[Part]] = frozenset({Part.OPTOUTS, Part.STORIES})
    needs = frozenset({Part.OPTOUTS})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", text("add")),
        Binding("x", "allow", text("allow again")),
        Binding("slash", "find", text("find"), key_display="/"),
        Binding("escape", "clear", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[OptOut] = []
        self._needle = ""
        self._seen: tuple[int, int] | None = None

    def make_rows(self) -> Rows[OptOut]:
        return Rows(
            self._shown,
            key=_key,
            draw=self._line,
            empty=self.t("nobody has opted out"),
            cursor_sign=self.signs[0],
        )

    def below(self) -> Iterable[Widget]:
        yield Field(
            id="optout-find", placeholder=self.t("part of a number or address, or of what was said"), classes="hidden"
        )

    def show(self, parts: Set[Part]) -> None:
        told_of = self.session.shop.told_of("")
        if told_of != self._seen:
            self._seen = told_of
            self.reread()
        self._shown[:] = [each for each in self.session.shop.optouts if self._needle in _said_of(each)]
        super().show(parts)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.reread()

    def reread(self) -> None:
        run_newest(self, self._read, "read")

    async def _read(self) -> None:
        found: list[OptOut] = []
        try:
            async for page in self.session.client.pages("/v1/optouts", OptOut, most=5_000):
                found += page
        except ServiceError as error:
            self.session.say(self.t("The list can't be read: {why}", why=self.t(str(error))), WARN)
            return
        self.session.shop.optouts = found
        self.session.shop.note_loaded({Part.OPTOUTS})
        self.catch_up()

    def _line(self, entry: OptOut, width: int) -> list[Line]:
        unwanted = self.t("no {medium}", medium=self.words.medium(entry.medium))
        cells = [
            Cell(entry.address or self.t("forgotten"), 24, STRONG),
            Cell(self.t("nothing at all") if entry.medium == "all" else unwanted, 18),
            Cell(self.times.brief(entry.at, self.session.now()), 8, DIM),
            Cell(f"“{entry.reason}”" if entry.reason else "", 0),
        ]
        return [columns(width, *cells)]

    def detail(self, width: int) -> list[Line]:
        entry = self.current
        if entry is None:
            return []
        time = self.times.at(entry.at, self.session.now())
        if entry.store:
            said = self.t("Asked at {store}, {time}. It counts here too.", store=entry.store, time=time)
        else:
            said = self.t("Noted {time} by {actor}.", time=time, actor=entry.actor or "?")
        return [[Span(part)] for part in wrap(f"{said} {entry.reason}", width)]

    # ------------------------------------------------------------ finding

    def action_find(self) -> None:
        box = self.query_one("#optout-find", Input)
        box.remove_class("hidden")
        box.focus()

    def action_clear(self) -> None:
        box = self.query_one("#optout-find", Input)
        box.value = ""
        box.add_class("hidden")
        self.rows.focus()

    @on(Input.Changed, "#optout-find")
    def _find(self, event: Input.Changed) -> None:
        self._needle = event.value.strip().casefold()
        self.redraw()

    @on(Input.Submitted, "#optout-find")
    def _found(self) -> None:
        self.rows.focus()

    # ------------------------------------------------------------ acting

    def action_add(self) -> None:
        self.counter.act(self._then_reread(self.counter.fixes.silence))

    @on(Rows.Opened)
    def action_allow(self) -> None:
        if self.current is not None:
            self.counter.act(self._then_reread(partial(self.counter.flows.remove_optout, self.current)))

    async def _then_reread(self, do: Callable[[], Awaitable[None]]) -> None:
        await do()
        self.reread()


def _said_of(entry: OptOut) -> str:
    return f"{entry.address} {entry.reason} {entry.actor} {entry.medium}".casefold()


def _key(entry: OptOut) -> str:
    return entry.id or f"{entry.medium} {entry.address} {entry.at}"
