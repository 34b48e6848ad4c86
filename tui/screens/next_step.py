"""The box before a step: what will go out, to whom, by which way; and what stands against it."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from daemon.wire.orders import Order
from daemon.wire.requests.orders import WhatIf
from daemon.wire.steps import Planned, Preview
from tui.i18n import text
from tui.screens.box import Box
from tui.screens.planned import hears, planned_lines
from tui.service.client import ServiceError
from tui.shop.session import NOBODY, Hears
from tui.terminal.work import run_newest
from tui.widgets.foot import Key
from tui.widgets.lines import Lines
from tui.widgets.paint import Line, Span, wrap
from tui.wording.stages import STAGE_WORDS, moved_to, stage_of
from tui.wording.words import DIM, STRONG, WARN


class Step:
    """What was decided: do it, silently or not; or write other words first, from `words` on."""

    def __init__(
        self, *, silent: bool = False, words: str | None = None, tells: Hears = NOBODY, address_first: bool = False
    ) -> None:
        self.silent = silent
        self.address_first = address_first
        self.words = words
        self.tells = tells


class NextStepBox(Box[Step | None]):
    """Enter does it. It can be undone until the grace period is over."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "do_it", text("do it"), key_display="enter"),
        Binding("e", "edit", text("own words")),
        Binding("s", "silent", text("silently")),
        Binding("f", "address_first", text("another way to reach them"), show=False),
    ]

    def __init__(self, order: Order, status: str) -> None:
        super().__init__()
        self._order = order
        self._status = status
        self._silent = False
        self._preview: Preview | None = None
        self._trouble = ""
        self._moved = ""
        """The status that somebody else set while the box stood there."""

    def heading(self) -> str:
        return f"{self._order.ref}  {self._order.customer.name or ''}".strip()

    def body(self) -> Iterable[Widget]:
        yield Lines(self._lines)

    def on_mount(self) -> None:
        run_newest(self, self._ask, "ask")
        self.catch_up()

    def catch_up(self) -> None:
        """What stands here anew is to be seen before Enter does it."""
        order = self.session.shop.orders.get(self._order.ref)
        if order is None or not (moved := moved_to(self._order, order, self._status)):
            return
        self._order, self._moved, self._preview, self._trouble = order, moved, None, ""
        self.shown_at = float("inf")
        self.call_after_refresh(self._note_shown)
        run_newest(self, self._ask, "ask")
        self.look()

    async def _ask(self) -> None:
        try:
            self._preview = await self.session.client.preview(self._order.ref, WhatIf(status=self._status))
        except ServiceError as error:
            self._trouble = str(error)
        self.look()

    def _lines(self, width: int) -> list[Line]:
        t, g = self.t, self.words.glyphs
        before = t(STAGE_WORDS[stage_of(self._order)])
        lines: list[Line] = [
            [Span(f"{before} {g.going} ", DIM), Span(self.words.status(self._status).upper(), STRONG)],
            [],
        ]
        if self._moved:
            status = self.words.status(self._moved)
            lines.insert(0, [Span(t("{ref} is now: {status}.", ref=self._order.ref, status=status), WARN)])
        if self._silent:
            return [*lines, [Span(t("Silently: nobody will be told."), WARN)], []]
        if self._preview is None:
            said = (
                t("What will go out can't be shown: {why}", why=t(self._trouble))
                if self._trouble
                else t("asking what will go out")
            )
            return [*lines, *([Span(part, WARN if self._trouble else DIM)] for part in wrap(said, width)), []]
        return [*lines, *planned_lines(self._preview, self._order.customer.name, self.session, width), []]

    @property
    def _text(self) -> str:
        return next((each.text for each in self._mine), "")

    @property
    def _mine(self) -> list[Planned]:
        """What the customer themselves would get."""
        return [each for each in self._preview.messages if each.tells_customer] if self._preview else []

    def shown_keys(self) -> Sequence[Key]:
        keys = super().shown_keys()
        if self._mine and not any(each.reaches for each in self._mine):
            return [Key("f", text("reach them"), "screen.address_first"), *keys]
        return keys

    def action_do_it(self) -> None:
        tells = NOBODY if self._silent else hears(self._preview, self.session.name_of(self._order.ref))
        self.answer(Step(silent=self._silent, tells=tells))

    def action_address_first(self) -> None:
        """The customer can't be reached as things are: take an address down, then ask again."""
        self.answer(Step(address_first=True))

    def action_edit(self) -> None:
        self.answer(Step(words=self._text))

    def action_silent(self) -> None:
        self._silent = not self._silent
        self.look()
