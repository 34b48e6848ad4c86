"""What customers wrote back, by order; the unread stand on top, and beside them both sides of the conversation."""

from collections.abc import Set
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from daemon.wire.customers import Reply
from tui.i18n import text
from tui.screens.listing import BESIDE, ListPage
from tui.service.client import ServiceError
from tui.shop.revisions import Part
from tui.shop.talk import Turn, turns
from tui.terminal.work import run_newest
from tui.widgets.paint import Cell, Line, Span, columns, wrap
from tui.widgets.rows import Rows
from tui.wording.heard import HEARD
from tui.wording.words import ACCENT, DIM, STRONG, WARN


class RepliesPage(ListPage[Reply]):
    """One row a thread: an order's newest reply, or the newest of a sender no order is known of. The thread stands beside it."""

    name_ = "replies"
    has_head = False
    wants: ClassVar[Set[Part]] = frozenset({Part.REPLIES, Part.ORDERS, Part.STORIES})
    needs = frozenset({Part.REPLIES})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", text("open"), key_display="enter"),
        Binding("m", "write", text("answer")),
        Binding("r", "read", text("read")),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._threads: list[Reply] = []
        self._talk: list[Turn] = []
        self._talk_of = ""
        """The order whose conversation was read."""
        self._seen: tuple[int, int] | None = None

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
        for reply in sorted(self.session.shop.replies.values(), key=lambda reply: reply.at):
            newest[_thread(reply)] = reply
            if not reply.read:
                unread.add(_thread(reply))
        self._threads[:] = sorted(newest.values(), key=lambda reply: (_thread(reply) not in unread, -reply.at))
        super().show(parts)
        self._read_soon()

    # ------------------------------------------------------------ reading both sides

    @on(Rows.Moved)
    def _read_soon(self) -> None:
        ref = (self.current.order_ref if self.current is not None else None) or ""
        told_of = self.session.shop.told_of(ref)
        if (ref, told_of) != (self._talk_of, self._seen):
            if ref != self._talk_of:
                self._talk = []
            self._talk_of, self._seen = ref, told_of
            if ref:
                run_newest(self, self._read, "talk")

    async def _read(self) -> None:
        ref = self._talk_of
        try:
            story = await self.session.client.order(ref)
        except ServiceError:
            self._seen = None  # what they wrote is shown meanwhile; the next change reads again
            return
        if ref == self._talk_of:  # else another thread stands there by now
            self._talk = turns(story, self._is_system)
            self.look()

    def _is_system(self, channel: str) -> bool:
        known = self.session.shop.channels.get(channel)
        return known is not None and known.medium == "crm"

    def _of_thread(self, reply: Reply) -> list[Reply]:
        return sorted(
            (each for each in self.session.shop.replies.values() if _thread(each) == _thread(reply)),
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
            Cell(self.times.brief(reply.at, self.session.now()), 7, DIM),
            Cell(self._says(reply), 0, WARN if reply.consent else ""),
        ]
        return [columns(width, *cells)]

    def _says(self, reply: Reply) -> str:
        means = self._means(reply.consent, reply.action)
        if reply.consent == "unclear":
            return f"{means}: {reply.text}"
        return means or reply.text

    def _means(self, consent: str | None, action: str | None) -> str:
        """What it says about consent, or did to the order; "" for nothing."""
        if action is not None and action in HEARD:
            return self.t(HEARD[action])
        match consent:
            case "stop":
                return self.t("asked not to be written to")
            case "start":
                return self.t("wants to be written to again")
            case "unclear":
                return self.t("may want no more messages")
            case _:
                return ""

    def detail(self, width: int) -> list[Line]:
        """The newest at the end, as much of it as there is room for."""
        if self.current is None:
            return []
        lines = self._conversation(self.current, width)
        room = self.rows.size.height if self.size.width >= BESIDE else self.query_one("#detail").size.height
        return lines[-room:] if room > 0 else lines

    def _conversation(self, reply: Reply, width: int) -> list[Line]:
        name = reply.name or reply.sender
        unread = {(each.at, each.text) for each in self._unread(reply)}
        lines: list[Line] = []
        for turn in self._talk or [_turn(each) for each in self._of_thread(reply)]:
            if turn.is_ours:
                lines += [[Span(part, DIM)] for part in wrap(self._ours(turn), width)]
                continue
            way = self.words.way(turn.channel)
            said = f"{self.times.at(turn.at, self.session.now())} {name} ({way}): “{turn.text}”"
            if means := self._means(turn.consent, turn.action):
                said += f" {self.words.glyphs.going} {means}"
            tone = ACCENT if (turn.at, turn.text) in unread else ""
            lines += [[Span(part, tone)] for part in wrap(said, width)]
        return lines

    def _ours(self, turn: Turn) -> str:
        who = self.t("we ({who})", who=turn.by) if turn.by else self.t("we, automatically")
        words = f"“{turn.text}”" if turn.text else self.words.status(turn.about)
        return f"{self.times.at(turn.at, self.session.now())} {who}: {words} {self.words.state(turn.state).words}"

    # ------------------------------------------------------------ acting

    def action_read(self) -> None:
        if self.current is not None:
            for reply in self._unread(self.current):
                self.counter.act(self.counter.when_meant(partial(self.counter.flows.mark_read, reply)))

    @on(Rows.Opened)
    def action_open(self) -> None:
        if self.current is not None:
            if not self.session.read_only:
                self.action_read()
            if self.current.order_ref:
                self.counter.open_order(self.current.order_ref)

    def action_write(self) -> None:
        ref = self.current.order_ref if self.current is not None else None
        self.counter.about(self.session.shop.orders.get(ref or ""), self.counter.flows.answer)


def _thread(reply: Reply) -> str:
    return reply.order_ref or f"?{reply.sender}"


def _turn(reply: Reply) -> Turn:
    return Turn(reply.at, False, reply.text, reply.channel, consent=reply.consent or "", action=reply.action or "")
