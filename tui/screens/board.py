"""The start screen: the orders by stage, or as one list."""

from collections.abc import Callable, Coroutine, Iterable, Set
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from daemon.wire.orders import Order
from daemon.wire.stages import STAGES
from tui.i18n import text
from tui.screens.aside import OrderAside
from tui.screens.card import HEIGHT, Cards
from tui.screens.page import Page
from tui.shop.revisions import Part
from tui.widgets.rows import Rows
from tui.wording.stages import STAGE_WORDS

WIDE = 110
"""Cells from which on what is done today has its own column."""
BESIDE = 160
"""Cells from which on the chosen order's page stands beside."""
NARROW = 72
"""Cells below which there is no room for columns, but for a list."""


class BoardPage(Page):
    """Columns are stages; within one, what was promised first stands on top."""

    name_ = "board"
    wants: ClassVar[Set[Part]] = frozenset({Part.ORDERS, Part.STORIES})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", text("open"), key_display="enter"),
        Binding("n", "next_step", text("next step")),
        Binding("m", "write", text("message")),
        Binding("a", "take_in", text("new order")),
        Binding("l", "list", text("list")),
        Binding("d", "done_today", text("done today")),
        Binding("s", "status", text("other status")),
        Binding("f", "fix", text("reach them")),
        Binding("left", "column(-1)", show=False),
        Binding("right", "column(1)", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._shows_done: bool | None = None
        """None: as the width allows."""
        self._as_list: bool | None = None
        """None: as the width asks for."""
        self._chosen = ""
        """The order that staff are on: the cursor stays with it, whichever column a step or an undo moves it to."""
        self._placed: Rows[Order] | None = None
        """The list that the focus went to by itself."""

    def body(self) -> Iterable[Widget]:
        shop, signs, cards = self.session.shop, self.signs, Cards(self.session)
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
            yield OrderAside(self.session)

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
        self._follow()
        if isinstance(self.focused, Rows) and not len(self.focused.source):
            self._focus_somewhere()

    @on(Rows.Moved)
    def _look_beside(self) -> None:
        """The order's page beside the board follows the cursor."""
        for aside in self.query(OrderAside):  # none while the page is being taken down
            aside.look_at(self.order)

    def _follow(self) -> None:
        """Go where the chosen order went."""
        focused = self.focused
        here = isinstance(focused, Rows) and focused.current is not None and focused.current.ref == self._chosen
        if not self._chosen or here:
            return
        target = next((rows for rows in self._lists() if rows.go_to(self._chosen)), None)
        if target is not None:
            target.focus()

    @on(Rows.Moved)
    def _choose(self, event: Rows.Moved) -> None:
        """Staff moved the cursor elsewhere."""
        placed, self._placed = self._placed, None
        if event.rows is not placed and event.rows is self.focused:
            self._chosen = self.order.ref if self.order else ""

    def minute(self) -> None:
        """Orders become late, and what is left of their time is said in minutes."""
        for rows in self._lists():
            rows.renew()
        for aside in self.query(OrderAside):
            aside.renew()

    def on_resize(self) -> None:
        self._arrange()
        self.call_after_refresh(self._focus_what_is_seen)
        self._look_beside()

    def _focus_what_is_seen(self) -> None:
        """A list that went out of sight took the focus with it."""
        if self.focused not in self._lists():
            self._focus_somewhere()

    def _arrange(self) -> None:
        """Columns or a list; which columns, how wide, and under what title; whether an order's page stands beside."""
        as_list = self.size.width < NARROW if self._as_list is None else self._as_list
        self.query_one("#columns").display, self.query_one("#all").display = not as_list, as_list
        self.query_one(OrderAside).display = self.size.width >= BESIDE
        shows_done = self.size.width >= WIDE if self._shows_done is None else self._shows_done
        for stage, rows in zip(STAGES, self._columns(), strict=False):  # fewer while the page is put together
            count = len(rows.source)
            rows.entitle(f"{self.t(STAGE_WORDS[stage])} {count}")
            rows.set_class(not count and self.size.width < WIDE, "-bare")
            rows.display = stage != "done" or shows_done

    def _is_list(self) -> bool:
        return any(rows.display for rows in self.query("#all"))  # none while the page is being taken down

    def _columns(self) -> list[Rows[Order]]:
        return list(self.query("#columns Rows").results(Rows))

    def _lists(self) -> list[Rows[Order]]:
        rows = self.query("#all").results(Rows) if self._is_list() else self._columns()
        return [each for each in rows if each.display]

    # ------------------------------------------------------------ moving

    @property
    def order(self) -> Order | None:
        """The one that keys act on."""
        return self.focused.current if isinstance(self.focused, Rows) else None

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
        if by_wish and by_wish[0] is not self.focused:
            self._placed = by_wish[0]
            by_wish[0].focus()

    def action_list(self) -> None:
        self._as_list = not self._is_list()
        self.redraw()
        self._focus_somewhere()

    def action_done_today(self) -> None:
        done = self.query_one("#stage-done")
        self._shows_done = not done.display
        self.redraw()

    @property
    def view(self) -> Any:
        return self._shows_done, self._as_list, self.focused

    @view.setter
    def view(self, view: Any) -> None:
        self._shows_done, self._as_list, focused = view
        self.redraw()
        self.set_focus(focused)

    # ------------------------------------------------------------ acting

    @on(Rows.Opened)
    def action_open(self) -> None:
        if self.order is not None:
            self.counter.open_order(self.order.ref)

    def _about(self, flow: Callable[[Order], Coroutine[Any, Any, object]]) -> None:
        self._chosen = self.order.ref if self.order else ""
        self.counter.about(self.order, flow)

    def action_next_step(self) -> None:
        self._about(self.counter.flows.next_step)

    def action_status(self) -> None:
        self._about(self.counter.flows.other_status)

    def action_write(self) -> None:
        self._about(self.counter.flows.write_to)

    def action_fix(self) -> None:
        self.counter.about(self.order, self.counter.fixes.fix)

    def action_take_in(self) -> None:
        self.counter.act(self.counter.flows.take_in())


def _ref(order: Order) -> str:
    return order.ref
