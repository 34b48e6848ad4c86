"""What customers wrote back, by order; the unread stand on top."""

from collections.abc import Set
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from tui.i18n import text
from tui.screens.listing import ListPage
from tui.state import Part
from tui.widgets.paint import Cell, Line, Span, columns, wrap
from tui.widgets.rows import Rows
from tui.wire import Reply
from tui.words import ACCENT, DIM, STRONG, WARN


class RepliesPage(ListPage[Reply]):
    """One row a thread: an order's newest reply, or the newest of a sender no order is known of. The thread stands beside it."""

    name_ = "replies"
    has_head = False
    wants: ClassVar[Set[Part]] = frozenset({Part.REPLIES, Part.ORDERS})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", text("open"), key_display="enter"),
        Binding("m", "write", text("answer")),
        Binding("r", "read", text("read")),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._threads: list[Reply] = []

    def make_rows(self) -> Rows[Reply]:
        return Rows(
            self._threads,
            key=_thread,
            draw=self._line,
            empty=self.t("nobody has written back"),
            cursor_sign=self.signs[0],
        )

    def show(self, parts: Set[Part]) -> None:
        newest: dict[str, Reply] = {}
        unread: set[str] = set()
        for reply in sorted(self.desk.shop.replies.values(), key=lambda reply: reply.at):
            newest[_thread(reply)] = reply
            if not reply.read:
                unread.add(_thread(reply))
        self._threads[:] = sorted(newest.values(), key=lambda reply: (_thread(reply) not in unread, -reply.at))
        super().show(parts)

    def _of_thread(self, reply: Reply) -> list[Reply]:
        return sorted(
            (each for each in self.desk.shop.replies.values() if _thread(each) == _thread(reply)),
            key=lambda each: each.at,
        )

    def _unread(self, reply: Reply) -> list[Reply]:
        return [each for each in self._of_thread(reply) if not each.read]

    # ------------------------------------------------------------ what it shows

    def _line(self, reply: Reply, width: int) -> list[Line]:
        waiting = len(self._unread(reply))
        cells = [
            Cell(f"{self.words.glyphs.unread} {waiting}" if waiting else "", 4, ACCENT),
            Cell(reply.order_ref or "?", 9, STRONG),
            Cell(reply.name or reply.sender, 14),
            Cell(self.times.brief(reply.at, self.desk.now()), 7, DIM),
            Cell(self._says(reply), 0, WARN if reply.consent else ""),
        ]
        return [columns(width, *cells)]

    def _says(self, reply: Reply) -> str:
        means = self._means(reply)
        if reply.consent == "unclear":
            return f"{means}: {reply.text}"
        return means or reply.text

    def _means(self, reply: Reply) -> str:
        """What it says about consent; "" for nothing."""
        match reply.consent:
            case "stop":
                return self.t("asked not to be written to")
            case "start":
                return self.t("wants to be written to again")
            case "unclear":
                return self.t("may want no more messages")
            case _:
                return ""

    def detail(self, width: int) -> list[Line]:
        if self.current is None:
            return []
        lines: list[Line] = []
        for reply in self._of_thread(self.current)[-8:]:
            head = f"{self.times.at(reply.at, self.desk.now())} {reply.name or reply.sender} ({self.words.channel(reply.channel)}): "
            said = f"“{reply.text}”" + (f" {self.words.glyphs.going} {means}" if (means := self._means(reply)) else "")
            lines += [[Span(part, "" if reply.read else ACCENT)] for part in wrap(head + said, width)]
        return lines

    # ------------------------------------------------------------ acting

    def action_read(self) -> None:
        if self.current is not None:
            for reply in self._unread(self.current):
                self.counter.act(self.counter.flows.mark_read(reply))

    @on(Rows.Opened)
    def action_open(self) -> None:
        if self.current is not None:
            if not self.desk.read_only:
                self.action_read()
            if self.current.order_ref:
                self.counter.open_order(self.current.order_ref)

    def action_write(self) -> None:
        ref = self.current.order_ref if self.current is not None else None
        self.counter.about(self.desk.shop.orders.get(ref or ""), self.counter.flows.write_to)


def _thread(reply: Reply) -> str:
    return reply.order_ref or f"?{reply.sender}"
