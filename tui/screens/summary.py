"""What staff ask first of an order: does the customer know, what is it, when, what does it cost, what is to be minded."""

from rich.cells import cell_len

from daemon.wire.orders import Order, OrderDetail
from tui.i18n import text
from tui.shop.session import Session
from tui.widgets.paint import Line, Span, fit, justify, length, wrap
from tui.wording.heard import heard
from tui.wording.making import all_items, first_of
from tui.wording.stages import stage_of
from tui.wording.telling import Telling
from tui.wording.words import ACCENT, BAD, DIM, GOOD, STRONG, WARN

SHORT_NAME = 12
"""Cells of a name that is not cut, with the space before it."""
FULFILMENTS = {"pickup": text("pick-up"), "delivery": text("delivery")}


class Summary:
    """Its lines, for the order's page and beside the board."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def lines(self, order: Order, story: OrderDetail | None, width: int) -> list[Line]:
        """The first says which order, the second whether its customer knows."""
        return [
            self._name(order, width),
            *self._told(order, story, width),
            *self._heard(order),
            *self._items(order, story, width),
            *self._facts(order, width),
            *self._note(story, width),
            self._reach(order, story),
        ]

    def _name(self, order: Order, width: int) -> Line:
        session, t, now = self._session, self._session.t, self._session.now()
        name = f"{order.ref}  {order.customer.name or ''}"
        state = [Span("  "), Span(session.words.status(order.status).upper(), ACCENT)]
        if order.status_at:
            state.append(Span(f" {t('since {time}', time=session.times.at(order.status_at, now))}", DIM))
        if order.held:
            state.append(Span(f"  {session.words.glyphs.held} {t('on hold')}", WARN))
        waits = stage_of(order) in {"ready", "done"}
        late = [Span("" if waits else session.times.late(order.promised_at, now), BAD)]
        room = max(len(order.ref) + SHORT_NAME, width - length([*state, *late]) - 1)
        return justify(width, [Span(name if cell_len(name) <= room else fit(name, room), STRONG), *state], late)

    def _told(self, order: Order, story: OrderDetail | None, width: int) -> list[Line]:
        session = self._session
        message = session.shop.messages.get(order.told.message_id) if order.told else None
        telling = Telling(session.t, session.words, session.times, session.now())
        said = telling.sentence(order, story.timeline if story else (), message)
        return [[Span(part, said.tone)] for part in wrap(said.words, width, 2)]

    def _heard(self, order: Order) -> list[Line]:
        session = self._session
        said = heard(order, session.t, session.times, session.now())
        return [] if said is None else [[Span(said.words, said.tone)]]

    def _items(self, order: Order, story: OrderDetail | None, width: int) -> list[Line]:
        items = all_items(story.items) if story else first_of(order)
        return [[Span(part, STRONG)] for part in wrap(items, width, 3)] if items else []

    def _facts(self, order: Order, width: int) -> list[Line]:
        """When it was promised and what it costs."""
        session, now = self._session, self._session.now()
        way = session.t(FULFILMENTS.get(order.fulfilment or "", order.fulfilment or ""))
        waits = (now - order.status_at) / 1000 if order.status_at and stage_of(order) == "ready" else 0
        paid = session.words.status(order.payment) if order.payment else ""
        facts = [
            f"{way} {session.times.promise(order.promised_at, now)}".strip(),
            session.t("waiting for {span}", span=session.times.span(waits)) if waits >= 60 else "",
            f"{session.times.money(order.total, order.currency)} {paid}".strip(),
            session.words.status(order.after_sale) if order.after_sale else "",
        ]
        return [[Span(part)] for part in wrap(" · ".join(fact for fact in facts if fact), width, 2)]

    def _note(self, story: OrderDetail | None, width: int) -> list[Line]:
        if story is None or not story.note:
            return []
        return [[Span(part, WARN)] for part in wrap(f"{self._session.t('note')}: {story.note}", width, 3)]

    def _reach(self, order: Order, story: OrderDetail | None) -> Line:
        """By what the customer can be reached."""
        session, g = self._session, self._session.words.glyphs
        refused = story.optouts if story else {}
        line: Line = []
        unusable = story.unusable if story else ()
        given = (("sms", "phone", order.customer.phone), ("email", "email", order.customer.email))
        for medium, kind, address in given:
            name = session.words.way_of(medium)
            if not address:
                line.append(Span(f"{name} {g.bad} {session.t('none')}   ", DIM))
            elif kind in unusable:
                line.append(Span(f"{name} {g.bad} {session.t('unusable')} {address}   ", WARN))
            elif medium in refused or "all" in refused:
                line.append(Span(f"{name} {g.bad} {session.t('not wanted')}   ", WARN))
            else:
                line.append(Span(f"{name} {g.done} {address}   ", GOOD))
        for medium in ("chat", "push", "crm"):
            if medium in refused:
                line.append(Span(f"{session.words.medium(medium)} {g.bad} {session.t('not wanted')}   ", WARN))
        return line
