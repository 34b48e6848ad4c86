"""One order: whose, what, when; and its whole story, the newest at the end."""

from collections.abc import Set
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from tui.client import Refused, ServiceError
from tui.i18n import text
from tui.screens.listing import ListPage
from tui.screens.moments import Moments
from tui.stages import STAGE_WORDS, stage_of
from tui.state import Part
from tui.story import condense
from tui.tidy import forget_drawing
from tui.widgets.paint import Line, Span, justify, wrap
from tui.widgets.rows import Rows
from tui.wire import Message, Moment, Order, OrderStory
from tui.words import BAD, DIM, GOOD, STRONG, WARN
from tui.work import run_newest

RETRYABLE = frozenset({"failed", "expired", "suppressed", "cancelled", "unknown"})
STOPPABLE = frozenset({"queued", "held"})


class OrderPage(ListPage[Moment]):
    """Read again whenever the stream tells of this order."""

    wants: ClassVar[Set[Part]] = frozenset({Part.ORDERS, Part.STORIES, Part.LINK})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "next_step", text("next step")),
        Binding("m", "write", text("message")),
        Binding("f", "fix", text("reach them")),
        Binding("r", "resend", text("send again")),
        Binding("h", "hold", text("hold")),
        Binding("x", "stop", text("stop waiting")),
        Binding("s", "status", text("other status")),
        Binding("c", "calls", text("call list")),
        Binding("escape", "back", text("back"), key_display="esc"),
    ]

    def __init__(self, ref: str) -> None:
        super().__init__()
        self.ref = ref
        self._moments: list[Moment] = []
        self._story: OrderStory | None = None
        self._trouble = ""
        self._seen = -1

    def make_rows(self) -> Rows[Moment]:
        teller = Moments(self.desk)
        return Rows(
            self._moments,
            key=lambda moment: (
                f"{moment.at} {moment.kind} {moment.message_id} {moment.text[:20]} {moment.outcome}{moment.receipt}"
            ),
            draw=teller.line,
            empty=self.t("reading"),
            cursor_sign=self.signs[0],
        )

    # ------------------------------------------------------------ reading

    def show(self, parts: Set[Part]) -> None:
        touches = self.desk.shop.touches.get(self.ref, 0)
        if touches != self._seen or Part.LINK in parts:
            self._seen = touches
            run_newest(self, self._read, "read")
        super().show(parts)

    async def _read(self) -> None:
        try:
            story = await self.desk.client.order(self.ref)
        except Refused as error:
            self._trouble = self.t("There is no order {ref}.", ref=self.ref) if error.status == 404 else str(error)
        except ServiceError as error:
            self._trouble = self.t("It can't be read now: {why}", why=self.t(str(error)))
        else:
            at_end = self.rows.index >= len(self._moments) - 1
            self._story, self._trouble = story, ""
            self._moments[:] = condense(story.timeline)
            self.rows.refill()
            if at_end:
                self.rows.action_step(len(self._moments))
        self.rows.empty = self._trouble or self.t("nothing has happened yet")
        self.rows.refresh()
        self.rewrite()

    @property
    def order(self) -> Order | None:
        """As known now: the shop's, which the stream keeps fresh, else as read alone."""
        return self.desk.shop.orders.get(self.ref) or self._story

    def _messages(self, states: Set[str]) -> list[Message]:
        """This order's messages that stand so: the chosen one if it does, else all."""
        chosen = self.current.message_id if self.current else ""
        found = [
            each for each in self.desk.shop.messages.values() if each.order_ref == self.ref and each.state in states
        ]
        return [each for each in found if each.id == chosen] or found

    # ------------------------------------------------------------ what it shows

    def head(self, width: int) -> list[Line]:
        order, t = self.order, self.t
        if order is None:
            return [[Span(self.ref, STRONG), Span(f"  {self._trouble}", WARN)]]
        now = self.desk.now()
        stage = self.words.status(order.status).upper()
        late = "" if stage_of(order) in {"ready", "done"} else self.times.late(order.promised_at, now)
        left = [Span(f"{order.ref}  {order.customer.name or ''}  ", STRONG), Span(stage, "accent")]
        if order.held:
            left.append(Span(f"  {self.words.glyphs.held} {t('on hold')}", WARN))
        told = self.words.told(order)
        first = justify(width, left, [Span(told.words, told.tone)])
        facts = [
            self._fulfilment(order),
            self.times.money(order.total, order.currency),
            *(self.words.status(kind) for kind in (order.payment, order.after_sale) if kind),
            t(STAGE_WORDS[stage_of(order)]) if stage_of(order) != "done" else "",
        ]
        second = justify(width, [Span(" · ".join(fact for fact in facts if fact))], [Span(late, BAD)])
        return [first, second, self._reach(order), *self._contents(width)]

    def _fulfilment(self, order: Order) -> str:
        ways = {"pickup": text("pick-up"), "delivery": text("delivery")}
        way = self.t(ways.get(order.fulfilment or "", order.fulfilment or ""))
        return f"{way} {self.times.at(order.promised_at, self.desk.now())}".strip()

    def _reach(self, order: Order) -> Line:
        """By what the customer can be reached."""
        refused = self._story.opted_out if self._story else frozenset[str]()
        line: Line = []
        for medium, address in (("sms", order.customer.phone), ("email", order.customer.email)):
            name, g = self.words.medium(medium), self.words.glyphs
            if not address:
                line.append(Span(f"{name} {g.bad} {self.t('none')}   ", DIM))
            elif medium in refused or "all" in refused:
                line.append(Span(f"{name} {g.bad} {self.t('not wanted')}   ", WARN))
            else:
                line.append(Span(f"{name} {g.done} {address}   ", GOOD))
        return line

    def _contents(self, width: int) -> list[Line]:
        if self._story is None:
            return []
        items = ", ".join(
            item.name if item.quantity == 1 else f"{item.quantity} × {item.name}" for item in self._story.items
        )
        lines: list[Line] = [[Span(part, DIM)] for part in wrap(items, width, 2)] if items else []
        if self._story.note:
            lines += [[Span(part, WARN)] for part in wrap(f"{self.t('note')}: {self._story.note}", width, 2)]
        return lines

    def detail(self, width: int) -> list[Line]:
        if self.current is None:
            return [[Span(self._trouble, WARN)]]
        return Moments(self.desk).detail(self.current, width)

    # ------------------------------------------------------------ acting

    @on(Rows.Opened)
    def _shown_below(self) -> None:
        self.query_one("#detail").scroll_visible()

    def on_screen_suspend(self) -> None:
        forget_drawing(self)

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
        messages = self._messages(RETRYABLE)
        if messages:
            self.counter.act(self.counter.flows.retry(messages))
        else:
            self.desk.say(self.t("Nothing here failed. m writes a message."), WARN)

    def action_stop(self) -> None:
        messages = self._messages(STOPPABLE)
        if messages:
            self.counter.act(self.counter.flows.cancel(messages))
        else:
            self.desk.say(self.t("Nothing waits here."), WARN)

    async def action_calls(self) -> None:
        await self.counter.action_go("calls")
