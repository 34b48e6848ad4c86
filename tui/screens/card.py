"""How an order stands on the board: which, whose, what to make, when, and whether its customer knows."""

from daemon.wire.orders import Order
from tui.shop.session import Session
from tui.widgets.paint import Cell, Line, Span, columns, fit, justify, length, wrap
from tui.wording.heard import heard
from tui.wording.making import first_of
from tui.wording.stages import STAGE_WORDS, stage_of
from tui.wording.words import BAD, DIM, STRONG, WARN, Say

HEIGHT = 3
"""Lines of a card: two, and a gap. What must not be cut takes the gap."""
TINY = 14
"""Cells below which a card is a number alone."""
LEAST_ITEM = 6
"""Cells that what to make needs beside whether the customer knows."""


class Cards:
    """Draws them in the session's language."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def card(self, order: Order, width: int) -> list[Line]:
        if width < TINY:
            return [[Span(fit(order.ref, width), STRONG)]]
        now = self._session.now()
        late = self.late(order)
        time = self._session.times.brief_promise(order.promised_at, now) + ("!" if late else " ")
        left = [Span(order.ref.ljust(6), STRONG), Span(f" {order.customer.name or ''}")]
        return [justify(width, left, [Span(time, BAD if late else DIM)]), *self._below(order, late, width)]

    def _below(self, order: Order, late: str, width: int) -> list[Line]:
        """What to make, and whether the customer knows: side by side where both fit; who was NOT told is never cut for it."""
        told, item = self.told(order), first_of(order)
        state = [Span(told.words, told.tone)]
        room = width - length(state) - 1
        if length(state) > width:
            return [[Span(part, told.tone)] for part in wrap(told.words, width, 2)]
        if not told.words:
            tail = [Span(f"{late} ", BAD)] if late and width - len(item) > len(late) + 1 else []
            return [justify(width, [Span(item)], tail)]
        if room >= min(len(item), LEAST_ITEM) and item:
            return [justify(width, [Span(item)], [*state, Span(" ")])]
        if not item:
            return [justify(width, state, [Span(f"{late} ", BAD)] if late and room > len(late) + 1 else [])]
        return [state, [Span(fit(item, width), DIM)]]

    def line(self, order: Order, width: int) -> list[Line]:
        """One line of the list: more columns where there is more room; name, time and whether told on the smallest."""
        now, told, late = self._session.now(), self.told(order), self.late(order)
        time = self._session.times.brief_promise(order.promised_at, now)
        name = order.customer.name or ""
        if width < 70:
            cells = [
                Cell(order.ref, 7, STRONG),
                Cell(name, 8 if width < 50 else 14),
                Cell(time + ("!" if late else ""), 7, BAD if late else DIM),
                Cell(told.words or first_of(order), 0, told.tone),
            ]
            return [columns(width, *cells)]
        cells = [
            Cell(order.ref, 9, STRONG),
            Cell(name, 14 if width < 100 else 22),
            Cell(self._session.t(STAGE_WORDS[stage_of(order)]), 11),
            Cell(time, 7),
            Cell(late, 13, BAD),
            Cell(told.words, 0, told.tone),
        ]
        if width >= 100:
            cells.insert(3, Cell(first_of(order), 24))
            cells.insert(6, Cell(self._session.times.money(order.total, order.currency), 11, DIM, right=True))
        return [columns(width, *cells)]

    def told(self, order: Order) -> Say:
        """Whether the customer knows; on hold nobody will. What they said to it counts for more."""
        if order.held:
            return Say(f"{self._session.words.glyphs.held} {self._session.t('on hold')}", WARN)
        session = self._session
        said = heard(order, session.t, session.times, session.now())
        return session.words.told(order) if said is None else said

    def late(self, order: Order) -> str:
        """What is ready waits for its customer: that is not late."""
        if stage_of(order) in {"ready", "done"}:
            return ""
        return self._session.times.late(order.promised_at, self._session.now())
