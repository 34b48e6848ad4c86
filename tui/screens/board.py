"""The start screen: the orders by stage, or as one list; and the find box that a scanner types into."""

from collections.abc import Iterable, Set
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Label

from tui.i18n import text
from tui.screens.card import HEIGHT, Cards
from tui.screens.page import Page
from tui.stages import STAGE_WORDS, STAGES
from tui.state import Part
from tui.widgets.aside import OrderAside
from tui.widgets.rows import Rows
from tui.wire import Order

WIDE = 110
"""Cells from which on what is done today has its own column."""
BESIDE = 160
"""Cells from which on the chosen order's page stands beside."""
NARROW = 72
"""Cells below which there is no room for columns, but for a list."""


class FindLine(Horizontal):
    """Typed here, the board shows only what matches; Enter opens."""

    def __init__(self, label: str) -> None:
        super().__init__(id="find-line")
        self._label = label

    def compose(self) -> ComposeResult:
        yield Label(self._label)
        yield Input(id="find", select_on_focus=False)


class BoardPage(Page):
    """Columns are stages; within one, what was promised first stands on top."""

    name_ = "board"
    wants: ClassVar[Set[Part]] = frozenset({Part.ORDERS, Part.STORIES})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", text("open"), key_display="enter"),
        Binding("n", "next_step", text("next step")),
        Binding("m", "write", text("message")),
        Binding("a", "take_in", text("new order")),
        Binding("f", "fix", text("reach them"), show=False),
        Binding("slash", "find", text("find"), key_display="/"),
        Binding("l", "list", text("list")),
        Binding("d", "done_today", text("done today")),
        Binding("s", "status", text("other status")),
        Binding("left", "column(-1)", show=False),
        Binding("right", "column(1)", show=False),
        Binding("escape", "clear", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._shows_done: bool | None = None
        """None: as the width allows."""
        self._as_list: bool | None = None
        """None: as the width asks for."""

    def body(self) -> Iterable[Widget]:
        shop, signs, cards = self.desk.shop, self.signs, Cards(self.desk)
        with Horizontal(id="board"):
            with Horizontal(id="columns"):
                for stage in STAGES:
                    yield Rows(
                        shop.stages[stage],
                        key=_ref,
                        draw=cards.card,
                        row_height=HEIGHT,
                        id=f"stage-{stage}",
                        cursor_sign=signs[0],
                    )
            yield Rows(shop.open_orders, key=_ref, draw=cards.line, id="all", cursor_sign=signs[0])
            yield OrderAside(self.desk)
        yield FindLine(self.t("find order or scan:"))

    def on_mount(self) -> None:
        self._arrange()
        lists = self._lists()
        (lists[1] if len(lists) > 1 else lists[0]).focus()

    # ------------------------------------------------------------ what it shows

    def show(self, parts: Set[Part]) -> None:
        if parts != {Part.STORIES}:
            self._show_lists()
        self._look_beside()

    def _show_lists(self) -> None:
        self._arrange()
        for rows in self._lists():
            rows.refill()
        if isinstance(self.focused, Rows) and not len(self.focused.source):
            self._focus_somewhere()

    @on(Rows.Moved)
    def _look_beside(self) -> None:
        """The order's page beside the board follows the cursor."""
        for aside in self.query(OrderAside):  # none while the page is being taken down
            aside.look_at(self.order)

    def tick(self) -> None:
        super().tick()
        for rows in self._lists():
            rows.refresh()
        for aside in self.query(OrderAside):
            aside.renew()

    def on_resize(self) -> None:
        self._arrange()
        if isinstance(self.focused, Rows) and not self.focused.display:
            self._focus_somewhere()
        self._look_beside()

    def _arrange(self) -> None:
        """Columns or a list; which columns, how wide, and under what title; whether an order's page stands beside."""
        as_list = self.size.width < NARROW if self._as_list is None else self._as_list
        self.query_one("#columns").display, self.query_one("#all").display = not as_list, as_list
        self.query_one(OrderAside).display = self.size.width >= BESIDE
        shows_done = self.size.width >= WIDE if self._shows_done is None else self._shows_done
        for stage, rows in zip(STAGES, self._columns(), strict=True):
            count = len(rows.source)
            rows.border_title = f"{self.t(STAGE_WORDS[stage])} {count}"
            rows.set_class(not count and self.size.width < WIDE, "-bare")
            rows.display = stage != "done" or shows_done

    def _is_list(self) -> bool:
        return any(rows.display for rows in self.query("#all"))  # none while the page is being taken down

    def _columns(self) -> list[Rows[Order]]:
        return list(self.query("#columns Rows").results(Rows))

    def _lists(self) -> list[Rows[Order]]:
        rows = self.query("#all").results(Rows) if self._is_list() else self._columns()
        return [each for each in rows if each.display]

    # ------------------------------------------------------------ moving and finding

    @property
    def order(self) -> Order | None:
        """The one that keys act on."""
        if isinstance(self.focused, Rows):
            return self.focused.current
        return self.desk.shop.look_up(self.query_one("#find", Input).value)

    def action_column(self, by: int) -> None:
        shown = self._lists()
        here = shown.index(self.focused) if self.focused in shown else 0
        step = 1 if by > 0 else -1
        beyond = shown[here + 1 :] if step > 0 else shown[:here][::-1]
        target = next((rows for rows in beyond if len(rows.source)), None)
        if target is not None:
            target.focus()

    def _focus_somewhere(self) -> None:
        """The first list that has something, the one being made before others."""
        shown = self._lists()
        by_wish = sorted(shown, key=lambda rows: (not len(rows.source), rows.id != "stage-making"))
        if by_wish:
            by_wish[0].focus()

    def action_list(self) -> None:
        self._as_list = not self._is_list()
        self.show(self.wants)
        self._focus_somewhere()

    def action_done_today(self) -> None:
        done = self.query_one("#stage-done")
        self._shows_done = not done.display
        self.show(self.wants)

    def action_find(self) -> None:
        self.query_one("#find", Input).focus()

    def take_scan(self, typed: str) -> None:
        """A scanner began to type: the rest goes into the box by itself."""
        box = self.query_one("#find", Input)
        box.value = typed
        box.cursor_position = len(typed)
        box.focus()

    def action_clear(self) -> None:
        self.query_one("#find", Input).value = ""
        self._focus_somewhere()

    def on_key(self, event: events.Key) -> None:
        """What means nothing here was meant for the find box."""
        if event.is_printable and event.character and not isinstance(self.focused, Input):
            if event.key not in self.active_bindings:
                event.stop()
                self.take_scan(event.character)
        elif event.key == "down" and isinstance(self.focused, Input):
            self._focus_somewhere()

    @on(Input.Changed, "#find")
    def _find(self, event: Input.Changed) -> None:
        self.desk.shop.find(event.value)
        self.show(self.wants)

    @on(Input.Submitted, "#find")
    def _open_found(self, event: Input.Submitted) -> None:
        typed = event.value.strip()
        if not typed:
            self._focus_somewhere()
            return
        found = self.desk.shop.look_up(typed)
        event.input.value = ""
        self._focus_somewhere()
        self.counter.open_order(found.ref if found else typed)

    # ------------------------------------------------------------ acting

    @on(Rows.Opened)
    def action_open(self) -> None:
        if self.order is not None:
            self.counter.open_order(self.order.ref)

    def action_next_step(self) -> None:
        self.counter.about(self.order, self.counter.flows.next_step)

    def action_status(self) -> None:
        self.counter.about(self.order, self.counter.flows.other_status)

    def action_write(self) -> None:
        self.counter.about(self.order, self.counter.flows.write_to)

    def action_fix(self) -> None:
        self.counter.about(self.order, self.counter.fixes.fix)

    def action_take_in(self) -> None:
        self.counter.act(self.counter.flows.take_in())


def _ref(order: Order) -> str:
    return order.ref
