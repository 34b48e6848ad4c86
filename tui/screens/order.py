"""One order: what staff ask first stands first; then its whole story, the newest at the end."""

from collections.abc import Set
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from daemon.wire.messages import Message
from daemon.wire.orders import Entry, Order, OrderDetail
from tui.i18n import text
from tui.screens.listing import ListPage
from tui.screens.moments import Moments
from tui.screens.summary import Summary
from tui.service.client import Refused, ServiceError
from tui.shop.queue import SILENT
from tui.shop.revisions import Part
from tui.shop.story import UNDONE, Folded, Row, condense, fold
from tui.terminal.tidy import forget_drawing
from tui.terminal.work import run_newest
from tui.widgets.paint import Line, Span
from tui.widgets.rows import Rows
from tui.wording.words import STRONG, WARN

RETRYABLE = frozenset({"failed", "expired", "suppressed", "cancelled", "unknown"})
STOPPABLE = frozenset({"queued", "held"})


class OrderPage(ListPage[Row]):
    """Read again whenever the stream tells of this order."""

    wants: ClassVar[Set[Part]] = frozenset({Part.ORDERS, Part.STORIES, Part.LINK})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "next_step", text("next step")),
        Binding("m", "write", text("message")),
        Binding("f", "fix", text("reach them")),
        Binding("r", "resend", text("send again")),
        Binding("h", "hold", text("hold")),
        Binding("x", "stop", text("stop what waits")),
        Binding("s", "status", text("other status")),
        Binding("c", "calls", text("call list")),
        Binding("escape", "back", text("back"), key_display="esc"),
    ]

    def __init__(self, ref: str) -> None:
        super().__init__()
        self.ref = ref
        self._rows: list[Row] = []
        self._shows_backstage = False
        self._story: OrderDetail | None = None
        self._trouble = ""
        self._seen: tuple[int, int] | None = None
        self._newest = 0
        """Which row the newest moment is in."""

    def make_rows(self) -> Rows[Row]:
        teller = Moments(self.session)
        return Rows(self._rows, key=_key, draw=teller.line, empty=self.t("reading"), cursor_sign=self.signs[0])

    # ------------------------------------------------------------ reading

    def show(self, parts: Set[Part]) -> None:
        told_of = self.session.shop.told_of(self.ref)
        if told_of != self._seen or Part.LINK in parts:
            self._seen = told_of
            run_newest(self, self._read, "read")
        super().show(parts)

    async def _read(self) -> None:
        try:
            story = await self.session.client.order(self.ref)
        except Refused as error:
            self._trouble = str(error)
            if error.status == 404:
                self._trouble = self.t("There is no order {ref}.", ref=self.ref)
                self._story, self._newest = None, 0
                self._rows.clear()
                self.rows.refill()
        except ServiceError as error:
            self._trouble = self.t("It can't be read now: {why}", why=self.t(str(error)))
        else:
            self._story, self._trouble = story, ""
            at_end = self.rows.index >= self._newest
            self._fill(story)
            if at_end:
                self.rows.action_step(self._newest - self.rows.index)
        self.rows.empty = self._trouble or self.t("nothing has happened yet")
        self.rows.refresh()
        self.look()

    def _fill(self, story: OrderDetail) -> None:
        told = {story.told.message_id} if story.told else set[str]()
        self._rows[:] = fold(condense(story.timeline), self.words.is_backstage, keep=told, opened=self._shows_backstage)
        self._newest = max(
            0, next((n for n, row in enumerate(self._rows) if isinstance(row, Folded)), len(self._rows)) - 1
        )
        self.rows.refill()

    @property
    def order(self) -> Order | None:
        """As known now: the shop's, which the stream keeps fresh, else as read alone."""
        return self.session.shop.orders.get(self.ref) or self._story

    def _messages(self, states: Set[str], *, last: bool = False) -> list[Message]:
        """This order's messages that stand so: the chosen one if it does, else all but those that staff chose not to send, and those of an order
        that had its number before. `last`: but for those whose news was tried another way since, or told by staff."""
        chosen = self.current.message_id if isinstance(self.current, Entry) else ""
        shop = self.session.shop
        found = [each for each in shop.messages_of(self.ref) if each.state in states and each.reason_code != UNDONE]
        if picked := [each for each in found if each.id == chosen]:
            return picked
        own = [each for each in found if each.reason_code != SILENT and not shop.is_past(each)]
        return [each for each in own if not (last and shop.tried_since(each))]

    # ------------------------------------------------------------ what it shows

    def head(self, width: int) -> list[Line]:
        if self.order is None:
            return [[Span(self.ref, STRONG), Span(f"  {self._trouble}", WARN)]]
        return Summary(self.session).lines(self.order, self._story, width)

    def detail(self, width: int) -> list[Line]:
        if self.current is None:
            return [[Span(self._trouble, WARN)]]
        return Moments(self.session).detail(self.current, width)

    # ------------------------------------------------------------ acting

    @on(Rows.Opened)
    def _open(self) -> None:
        if isinstance(self.current, Folded) and self._story is not None:
            self._shows_backstage = not self._shows_backstage
            self._fill(self._story)
            self.look()
        else:
            self.query_one("#detail").scroll_visible()

    def on_screen_suspend(self) -> None:
        forget_drawing()

    def action_back(self) -> None:
        _closing = self.dismiss()

    def action_next_step(self) -> None:
        self.counter.about(self.order, self.counter.flows.next_step)

    def action_status(self) -> None:
        self.counter.about(self.order, self.counter.flows.other_status)

    def action_write(self) -> None:
        self.counter.about(self.order, self.counter.flows.write_to)

    def action_hold(self) -> None:
        self.counter.about(self.order, self.counter.flows.hold)

    def action_fix(self) -> None:
        self.counter.about(self.order, self.counter.fixes.fix)

    def action_resend(self) -> None:
        messages = self._messages(RETRYABLE, last=True)
        if messages:
            self.counter.act(self.counter.flows.retry(messages))
        else:
            self.session.say(self.t("Nothing here failed. m writes a message."), WARN)

    def action_stop(self) -> None:
        messages = self._messages(STOPPABLE)
        if messages:
            self.counter.act(self.counter.flows.cancel(messages))
        else:
            self.session.say(self.t("Nothing waits here."), WARN)

    async def action_calls(self) -> None:
        await self.counter.action_go("calls")


def _key(row: Row) -> str:
    if isinstance(row, Folded):
        return "folded"
    return f"{row.at} {row.kind} {row.message_id} {row.text[:20]} {row.outcome}{row.receipt}"
