"""The chosen order's page beside the board, where the terminal is wide: its summary, and the newest of its story."""

from textual.timer import Timer

from daemon.wire.orders import Order, OrderDetail
from tui.i18n import text
from tui.screens.moments import Moments
from tui.screens.summary import Summary
from tui.service.client import ServiceError
from tui.shop.session import Session
from tui.shop.story import condense, fold
from tui.terminal.timers import however_late
from tui.terminal.work import run_newest
from tui.widgets.lines import Lines
from tui.widgets.paint import Line, Span, clip
from tui.wording.words import DIM

REST = 0.15
"""Seconds that the cursor rests on an order before its story is asked for."""
STORY = text("story")


class OrderAside(Lines):
    """`look_at` says which order; its story is read once the cursor rests, and again when the stream tells of it."""

    def __init__(self, session: Session) -> None:
        super().__init__(self._lines_of, id="aside")
        self._session = session
        self._order: Order | None = None
        self._story: OrderDetail | None = None
        self._seen: tuple[str, tuple[int, int] | None] = ("", None)
        self._resting: Timer | None = None

    def look_at(self, order: Order | None) -> None:
        if not self.display:
            return
        if order is None or self._order is None or order.ref != self._order.ref:
            self._story = None
        self._order = order
        seen = (order.ref, self._session.shop.told_of(order.ref)) if order else ("", None)
        if seen != self._seen:
            self._seen = seen
            if self._resting is not None:
                self._resting.stop()
            self._resting = however_late(self.set_timer(REST, self._read, pause=True)) if order else None
        self.renew()

    def renew(self) -> None:
        """What it shows, or the time, has changed."""
        self.rewrite()

    def _read(self) -> None:
        run_newest(self, self._ask, "read")

    async def _ask(self) -> None:
        ref = self._seen[0]
        try:
            story = await self._session.client.order(ref)
        except ServiceError:  # the glance says that the service is away; the summary stays
            return
        if ref == self._seen[0]:
            self._story = story
            self.renew()

    def _lines_of(self, width: int) -> list[Line]:
        if self._order is None:
            return []
        head = Summary(self._session).lines(self._order, self._story, width)
        if self._story is None:
            return head
        told = {self._story.told.message_id} if self._story.told else set[str]()
        teller, words = Moments(self._session), self._session.words
        rows = fold(condense(self._story.timeline), words.is_backstage, keep=told)
        room = max(0, self.size.height - len(head) - 1)
        title: Line = clip([Span(f"─ {self._session.t(STORY)} " + "─" * width, DIM)], width)
        return [*head, title, *(line for row in rows[-room:] for line in teller.line(row, width))] if room else head
