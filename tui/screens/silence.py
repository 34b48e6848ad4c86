"""The box in which an opt-out is noted: by a number or address, or by the name of a customer whose orders are known."""

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from daemon.wire.orders import Order
from tui.i18n import text
from tui.screens.box import Box
from tui.shop.state import matches, newest_order
from tui.widgets.choice import Choice
from tui.widgets.field import Field
from tui.widgets.lines import Lines
from tui.widgets.paint import Cell, Line, Span, columns, wrap
from tui.widgets.rows import Rows
from tui.wording.folding import fold
from tui.wording.words import DIM, STRONG, WARN

MEDIA = ("sms", "email", "chat", "push", "all")
MOST_FOUND = 6
FEWEST_DIGITS = 6
OTHER_KIND = text("A text goes to a number, an e-mail to a mail address.")
BY_ORDER = text("App messages are stopped by an order: type the name on it, or its number.")
NO_ADDRESS = text("This can be no telephone number or e-mail address. Is a digit missing?")


class Silence(NamedTuple):
    """Who is to be left alone, and in what: an address, or the customer of an order."""

    medium: str
    address: str = ""
    ref: str = ""


class SilenceBox(Box[Silence | None]):
    """What is typed is an address, or else part of a name or order number: its orders stand below, and one is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "do_it", text("note it"), key_display="enter"),
        Binding("down", "down", text("more"), key_display="↓"),
        Binding("up", "up", show=False, priority=True),  # the list would keep it
        Binding("tab", "app.focus_next", text("next field"), key_display="tab"),
    ]
    title_ = text("asked not to be written to")

    def __init__(self, typed: str = "", medium: str = "", trouble: str = "") -> None:
        """`medium`: what was chosen before; "": what goes with what is typed."""
        super().__init__()
        self._typed = typed
        self._medium = medium
        self._trouble = trouble
        self._found: list[Order] = []

    def body(self) -> Iterable[Widget]:
        yield Lines(lambda width: [[Span(self.t("number, e-mail address, or the name on an order"), DIM)]])
        yield Field(value=self._typed, id="who", select_on_focus=False)
        yield Rows(self._found, key=lambda order: order.ref, draw=self._line, cursor_sign=self.words.glyphs.cursor)
        options = [(each, self.words.medium(each) if each != "all" else self.t("everything")) for each in MEDIA]
        yield Choice(self.t("no more"), options, chosen=MEDIA.index(self._medium or MEDIA[0]))
        yield Lines(self._said, id="said")

    def on_mount(self) -> None:
        self.query_one("#who", Input).focus()
        self._look()

    def _line(self, order: Order, width: int) -> list[Line]:
        address = order.customer.phone or order.customer.email or self.t("none")
        return [columns(width, Cell(order.ref, 9, STRONG), Cell(order.customer.name or "", 18), Cell(address, 0, DIM))]

    def _said(self, width: int) -> list[Line]:
        return [[], *([Span(part, WARN)] for part in wrap(self.t(self._trouble), width))] if self._trouble else [[]]

    @on(Choice.Changed)
    def _note_choice(self, changed: Choice.Changed) -> None:
        self._medium = changed.choice.value

    @on(Input.Changed)
    def _look(self) -> None:
        typed = self.query_one("#who", Input).value
        if not self._medium:
            self.query_one(Choice).show("email" if "@" in typed else "sms")
        needle = fold(typed.strip())
        orders = sorted(self.session.shop.orders.values(), key=newest_order) if needle else []
        self._found[:] = [order for order in orders if matches(order, needle)][:MOST_FOUND]
        rows = self.query_one(Rows)
        rows.styles.height = max(1, len(self._found))
        rows.refill()

    # ------------------------------------------------------------ answering

    @on(Input.Submitted)
    @on(Rows.Opened)
    def action_do_it(self) -> None:
        medium = self.query_one(Choice).value
        typed = self.query_one("#who", Input).value.strip()
        if self.query_one(Rows).has_focus and (order := self.query_one(Rows).current) is not None:
            self.answer(Silence(medium, ref=order.ref))
        elif self._found and (medium == "push" or not looks_like_address(typed)):
            self.action_down()
        elif amiss := _amiss(medium, typed):
            self._trouble = amiss
            self.look()
        else:
            self.answer(Silence(medium, address=typed))

    def action_down(self) -> None:
        rows = self.query_one(Rows)
        if not rows.has_focus:
            rows.focus()
        else:
            rows.action_step(1)

    def action_up(self) -> None:
        rows = self.query_one(Rows)
        if rows.has_focus and rows.index:
            rows.action_step(-1)
        else:
            self.query_one("#who", Input).focus()


def looks_like_address(typed: str) -> bool:
    """Whether the service should be asked: a mail address, or digits as of a telephone."""
    digits = sum(each.isdigit() for each in typed)
    return "@" in typed or (digits >= FEWEST_DIGITS and all(each in "+-()/. 0123456789" for each in typed))


def _amiss(medium: str, typed: str) -> str:
    """Why nothing of that medium goes there; "" where something may."""
    if not looks_like_address(typed):
        return NO_ADDRESS
    if medium == "push":
        return BY_ORDER
    return OTHER_KIND if medium == ("sms" if "@" in typed else "email") else ""
