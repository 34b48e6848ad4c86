"""Now: what needs a person, worst first, down to nothing. Each thing has its few keys."""

from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import ClassVar, Literal

from textual import on
from textual.binding import Binding, BindingType

from daemon.wire.customers import Reply
from daemon.wire.orders import Order
from tui.i18n import text
from tui.screens.listing import ListPage
from tui.shop.queue import Thing
from tui.shop.revisions import Part
from tui.widgets.foot import Key, KeyBar
from tui.widgets.paint import Line, Span, justify, wrap
from tui.widgets.rows import Rows
from tui.wording.stages import stage_of
from tui.wording.words import ACCENT, BAD, DIM, STRONG, WARN

OPEN = Key("o", text("open"), "screen.open")
KEYS: Mapping[str, tuple[Key, ...]] = {
    "untold": (
        Key("f", text("reach them"), "screen.fix"),
        Key("c", text("phoned"), "screen.phoned"),
        Key("d", text("told in person"), "screen.in_person"),
        OPEN,
    ),
    "reply": (Key("m", text("answer"), "screen.write"), Key("r", text("read"), "screen.read"), OPEN),
    "late": (Key("n", text("next step"), "screen.next_step"), Key("w", text("say it is late"), "screen.late"), OPEN),
    "unsure": (Key("s", text("send again"), "screen.again"), Key("c", text("phoned"), "screen.phoned"), OPEN),
    "kept": (Key("s", text("read again"), "screen.again"), Key("x", text("it means nothing"), "screen.drop")),
    "channel": (Key("s", text("resume"), "screen.again"), Key("o", text("open"), "screen.open")),
    "trouble": (Key("o", text("open"), "screen.open"),),
}
"""Kind -> what can be decided about it."""


class NowPage(ListPage[Thing]):
    """The cursor is on the worst; a decision takes it away and the next one stands there."""

    name_ = "now"
    wants: ClassVar[Set[Part]] = frozenset(
        {Part.ORDERS, Part.MESSAGES, Part.REPLIES, Part.CHANNELS, Part.GLANCE, Part.CALLS}
    )
    needs = frozenset({Part.ORDERS, Part.MESSAGES, Part.REPLIES})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "fix", show=False),
        Binding("c", "phoned", show=False),
        Binding("d", "in_person", show=False),
        Binding("m", "write", show=False),
        Binding("r", "read", show=False),
        Binding("n", "next_step", show=False),
        Binding("w", "late", show=False),
        Binding("s", "again", show=False),
        Binding("x", "drop", show=False),
        Binding("o", "open", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._telling: set[tuple[str, str]] = set()
        """The orders, and messages of theirs, whose customers are being noted as told."""

    def make_rows(self) -> Rows[Thing]:
        return Rows(
            self.session.queue(),
            key=lambda thing: thing.key,
            draw=self._lines,
            row_height=2,
            empty=self.t("nothing waits for you"),
            cursor_sign=self.signs[0],
        )

    def show(self, parts: Set[Part]) -> None:
        self.rows.source = self.session.queue()
        super().show(parts)

    def look(self) -> None:
        """An order may have become late by now."""
        if self.rows.source is not self.session.queue():
            self.show(self.wants)
        super().look()

    def shown_keys(self) -> Sequence[Key]:
        found = list(self.query(Rows))
        thing: Thing | None = found[0].current if found else None
        keys = KEYS[thing.kind] if thing is not None else ()
        is_the_owners = thing is not None and thing.kind == "channel" and not self.session.shop.glance.administers
        return [*((OPEN,) if is_the_owners else keys), self.tail]

    @on(Rows.Moved)
    def _other_keys(self) -> None:
        self.query_one(KeyBar).rewrite()

    # ------------------------------------------------------------ what it shows

    def head(self, width: int) -> list[Line]:
        count = len(self.session.queue())
        if not count and not self.is_read:
            return [[Span(self.t("reading"), STRONG)]]
        if not count:
            return [[Span(self.t("now: nothing waits for you"), STRONG)]]
        said = self.t("now: 1 thing") if count == 1 else self.t("now: {n} things", n=count)
        return [justify(width, [Span(said, STRONG)], [Span(self.t("all the rest is well"), DIM)])]

    def _lines(self, thing: Thing, width: int) -> list[Line]:
        first, second = self._words(thing)
        tone = {"untold": BAD, "late": WARN, "reply": ACCENT, "trouble": BAD}.get(thing.kind, WARN)
        since = self._since(thing)
        return [justify(width, [Span(first, STRONG)], [Span(since, DIM)]), [Span(f"  {second}", tone)]]

    def _words(self, thing: Thing) -> tuple[str, str]:
        """What it is about, and what is wrong."""
        t, words = self.t, self.words
        match thing.kind:
            case "untold" if thing.order is not None:
                return f"{self._whose(thing.order)} {words.status(thing.order.status).upper()}", words.told(
                    thing.order
                ).words
            case "late" if thing.order is not None:
                late = self.times.late(thing.order.promised_at, self.session.now())
                return f"{self._whose(thing.order)} {words.status(thing.order.status)}", late
            case "reply" if thing.reply is not None:
                who = f"{thing.reply.order_ref or '?'} {thing.reply.name or thing.reply.sender}"
                return who, f"“{thing.reply.text}”"
            case "unsure" if thing.message is not None:
                what = words.status(thing.message.template) if thing.message.template else t("own words")
                why = words.short_reason(thing.message)
                is_theirs = not self.session.shop.is_past(thing.message)
                whose = self._whose(thing.order) if thing.order and is_theirs else thing.message.order_ref
                return f"{whose} “{what}”", f"{words.state('unknown').words}: {why}" if why else words.state(
                    "unknown"
                ).words
            case "kept" if thing.kept is not None:
                return t("{source} told something nobody understood", source=thing.kept.source), thing.kept.reason
            case "channel" if thing.channel is not None:
                state = f"{words.channel_state(thing.channel.state).words}: {thing.channel.reason}"
                whose = "" if self.session.shop.glance.administers else f" · {t('tell the owner')}"
                return words.channel(thing.channel.name), state + whose
            case _:
                trouble = thing.trouble
                return (trouble.what, trouble.why) if trouble else ("", "")

    def _whose(self, order: Order) -> str:
        return f"{order.ref} {order.customer.name or ''}".strip()

    def _since(self, thing: Thing) -> str:
        return self.times.span((self.session.now() - thing.since) / 1000) if thing.since else ""

    def detail(self, width: int) -> list[Line]:
        thing = self.current
        if thing is None:
            return []
        first, second = self._words(thing)
        lines: list[Line] = [[Span(part, STRONG)] for part in wrap(first, width)]
        told = thing.order.told if thing.order is not None and thing.kind == "untold" else None
        why = self.words.reason(told) if told is not None and told.reason else second
        return [*lines, *([Span(part)] for part in wrap(why, width))]

    # ------------------------------------------------------------ deciding

    def _order_of(self, *kinds: str) -> Order | None:
        thing = self.current
        return thing.order if thing is not None and thing.kind in kinds else None

    def action_fix(self) -> None:
        if (order := self._order_of("untold")) is not None:
            self.counter.act(self.counter.fixes.fix(order))

    def action_phoned(self) -> None:
        thing = self.current
        if (order := self._order_of("untold", "unsure")) is not None and thing is not None:
            message_id = thing.message.id if thing.message else ""
            self.counter.act(self._told(order, "phone", message_id))

    def action_in_person(self) -> None:
        if (order := self._order_of("untold")) is not None:
            self.counter.act(self._told(order, "in_person"))

    async def _told(self, order: Order, how: Literal["phone", "in_person"], message_id: str = "") -> None:
        """Nothing is seen of it for a second: who presses again means the same."""
        about = (order.ref, message_id)
        if about in self._telling:
            return
        self._telling.add(about)
        try:
            await self.counter.when_meant(partial(self.counter.fixes.told, order, how, message_id))
        finally:
            self._telling.remove(about)

    def action_write(self) -> None:
        if self.current is not None and self.current.kind == "reply":
            self.counter.about(self.current.order, self.counter.flows.answer)

    def action_read(self) -> None:
        thing = self.current
        if thing is not None and thing.reply is not None:
            thread = thing.reply.order_ref or thing.reply.sender
            seen = [each for each in self.session.shop.replies.values() if (each.order_ref or each.sender) == thread]
            self.counter.act(self.counter.when_meant(partial(self._read, seen)))

    async def _read(self, replies: Sequence[Reply]) -> None:
        for reply in replies:
            await self.counter.flows.mark_read(reply)

    def action_next_step(self) -> None:
        if (order := self._order_of("late")) is not None:
            self.counter.act(self.counter.flows.next_step(order))

    def action_late(self) -> None:
        if (order := self._order_of("late")) is not None and stage_of(order) != "done":
            self.counter.act(self.counter.flows.step_to(order, "order.delayed"))

    def action_again(self) -> None:
        thing, flows = self.current, self.counter.flows
        if thing is None:
            return
        if thing.kind == "unsure" and thing.message is not None:
            self.counter.act(flows.retry([thing.message]))
        elif thing.kind == "channel" and thing.channel is not None:
            self.counter.act(flows.resume(thing.channel))
        elif thing.kept is not None:
            self.counter.act(self.counter.when_meant(partial(self.counter.fixes.read_again, thing.kept)))

    def action_drop(self) -> None:
        if self.current is not None and self.current.kept is not None:
            self.counter.act(self.counter.fixes.drop(self.current.kept))

    @on(Rows.Opened)
    async def action_open(self) -> None:
        thing = self.current
        if thing is None:
            return
        ref = thing.order.ref if thing.order else thing.reply.order_ref if thing.reply else None
        if ref:
            self.counter.open_order(ref)
        elif thing.kind == "reply":
            await self.counter.action_go("replies")
        elif thing.kind in {"channel", "trouble"}:
            await self.counter.action_go("line")
