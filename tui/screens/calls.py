"""Who is to be phoned since nothing else gets through: name, number, what to say; to print, or to tick off."""

from collections.abc import Set
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from daemon.wire.customers import Call
from tui.i18n import text
from tui.screens.listing import ListPage
from tui.shop.revisions import Part
from tui.terminal.printing import print_out
from tui.widgets.paint import Cell, Line, Span, columns, wrap
from tui.widgets.rows import Rows
from tui.wording.words import BAD, DIM, GOOD, STRONG


class CallsPage(ListPage[Call]):
    name_ = "calls"
    has_head = False
    wants: ClassVar[Set[Part]] = frozenset({Part.CALLS})
    needs = frozenset({Part.CALLS})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "tick_off", text("phoned"), key_display="space"),
        Binding("f", "fix", text("reach them")),
        Binding("enter", "open", text("open"), key_display="enter"),
        Binding("p", "print", text("print")),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[Call] = []

    def make_rows(self) -> Rows[Call]:
        return Rows(
            self._calls,
            key=lambda call: call.message_id,
            draw=self._line,
            empty=self.t("nobody needs to be phoned"),
            cursor_sign=self.signs[0],
        )

    def show(self, parts: Set[Part]) -> None:
        self._calls[:] = sorted(
            self.session.shop.calls.values(), key=lambda call: (call.done_at is not None, call.since or 0)
        )
        super().show(parts)

    def _line(self, call: Call, width: int) -> list[Line]:
        g = self.words.glyphs
        cells = [
            Cell(g.ticked if call.done_at else g.box, 2, GOOD if call.done_at else ""),
            Cell(call.order_ref, 9, STRONG),
            Cell(call.name or "", 14),
            Cell(call.phone or self.t("no number"), 16, "" if call.phone else BAD),
            Cell(call.say, 0, DIM),
        ]
        return [columns(width, *cells)]

    def detail(self, width: int) -> list[Line]:
        call = self.current
        if call is None:
            return []
        lines: list[Line] = [
            [Span(part, STRONG)] for part in wrap(f"{call.name or ''}  {call.phone or ''}".strip(), width)
        ]
        lines += [[Span(part, "accent")] for part in wrap(f"“{call.say}”", width)]
        since = self.t("since {time}", time=self.times.at(call.since, self.session.now())) if call.since else ""
        why = f"{self.words.reason(call)} {since}"
        return [*lines, *([Span(part, DIM)] for part in wrap(why, width))]

    # ------------------------------------------------------------ acting

    def action_tick_off(self) -> None:
        if self.current is not None and not self.current.done_at:
            self.counter.act(self.counter.when_meant(partial(self.counter.flows.called, self.current)))

    def action_fix(self) -> None:
        if self.current is not None:
            self.counter.about(self.session.shop.orders.get(self.current.order_ref), self.counter.fixes.fix)

    @on(Rows.Opened)
    def action_open(self) -> None:
        if self.current is not None:
            self.counter.open_order(self.current.order_ref)

    def action_print(self) -> None:
        if self.session.may_act():
            self.counter.act(self.counter.when_meant(self._print))

    async def _print(self) -> None:
        calls = [call for call in self._calls if not call.done_at]
        if not calls:
            self.session.say(self.t("nobody needs to be phoned"))
            return
        heading = f"{self.session.shop.glance.store.name}  {self.t('to phone')}  {self.times.clock(self.session.now())}"
        sheet = call_sheet(heading, calls)
        try:
            where = await print_out(sheet, "call-list.txt")
        except OSError as error:
            why = error.strerror or str(error)
            self.session.say(self.t("The list could not be printed, nor written to a file: {why}", why=why), BAD)
            return
        said = (
            self.t("The list is at the printer.")
            if where is None
            else self.t("There is no printer: the list is in {file}.", file=where)
        )
        self.session.say(said, GOOD)


def call_sheet(heading: str, calls: list[Call]) -> str:
    """The list on paper: a box to tick, whom to phone, what to say."""
    lines = [heading, "=" * len(heading), ""]
    for call in calls:
        lines += [
            f"[ ] {call.order_ref}  {call.name or ''}  {call.phone or '-'}",
            *(f"    {part}" for part in wrap(call.say, 70)),
            "",
        ]
    return "\n".join(lines)
