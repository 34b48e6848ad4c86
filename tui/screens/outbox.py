"""The outbox: what waits, goes out, failed, and why; one or many are sent again, another way, or stopped."""

from collections.abc import Awaitable, Callable, Iterable, Sequence, Set
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from daemon.wire.messages import Attempt, Message, MessageDetail
from tui.i18n import text
from tui.screens.listing import ListPage
from tui.screens.order import RETRYABLE, STOPPABLE
from tui.service.client import ServiceError
from tui.shop.revisions import Part
from tui.shop.story import UNDONE
from tui.terminal.work import run_newest
from tui.widgets.field import Field
from tui.widgets.paint import Cell, Line, Span, columns, wrap
from tui.widgets.rows import Rows
from tui.wording.folding import fold
from tui.wording.words import BY_A_PERSON, DIM, STRONG, WARN

FILTERS = {
    "waiting": text("waiting"),
    "failed": text("failed"),
    "unknown": text("not sure"),
    "today": text("today"),
    "all": text("all"),
}
NOT_AGAIN = frozenset({"sending", "sent", "delivered", "superseded"})
NOT_YET_GONE = STOPPABLE | {"sending", "unknown"}
NARROW = 70
"""Cells below which a row says who, by what, how it stands and why, no more."""
REST = 0.15
"""Seconds the cursor rests on a message before its attempts are read."""


class OutboxPage(ListPage[Message]):
    name_ = "outbox"
    wants: ClassVar[Set[Part]] = frozenset({Part.MESSAGES, Part.CHANNELS, Part.ORDERS})
    needs = frozenset({Part.MESSAGES})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", text("open"), key_display="enter"),
        Binding("r", "retry", text("send again")),
        Binding("p", "fix", text("reach them")),
        Binding("v", "other_channel", text("another way")),
        Binding("x", "cancel", text("stop")),
        Binding("space", "mark", text("mark"), key_display="space"),
        Binding("slash", "find", text("find"), key_display="/"),
        Binding("w", "filter('waiting')", text("waiting"), show=False),
        Binding("f", "filter('failed')", text("failed"), show=False),
        Binding("s", "filter('unknown')", text("not sure"), show=False),
        Binding("t", "filter('today')", text("today"), show=False),
        Binding("a", "filter('all')", text("all"), show=False),
        Binding("escape", "clear", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._filter = "all"
        self._needle = ""
        self._story: MessageDetail | None = None
        self._story_of: Message | None = None
        """The message whose story was asked for, as it stood then."""

    def make_rows(self) -> Rows[Message]:
        cursor, marked = self.signs
        return Rows(
            self.session.shop.outbox,
            key=lambda message: message.id,
            draw=self._line,
            empty=self.t("nothing here"),
            cursor_sign=cursor,
            marked_sign=marked,
        )

    def below(self) -> Iterable[Widget]:
        yield Field(id="outbox-find", placeholder=self.t("order, name, address, way, reason"), classes="hidden")

    def on_mount(self) -> None:
        self._sift()

    def _sift(self) -> None:
        self.session.shop.sift_outbox(self._filter, self._needle, self._finder())

    def _finder(self) -> Callable[[Message], str]:
        """What a row can be found by: whose it is, where it goes, what else stands there, in the words that it is shown in, and which
        channel has it."""
        told: dict[tuple[str, ...], str] = {}

        def said_of(message: Message) -> str:
            """Of 20,000 messages, few are not like another."""
            alike = (message.template, message.channel, message.state, message.reason)
            if alike not in told:
                way = self.words.way_and_name(message.channel)
                words = (self._what(message), way, self.words.state(message.state).words)
                told[alike] = fold(" ".join((*words, self.words.short_reason(message), self.words.reason(message))))
            return f"{fold(f'{message.order_ref} {self._whom(message)} {message.to}')} {told[alike]}"

        return said_of

    # ------------------------------------------------------------ what it shows

    def show(self, parts: Set[Part]) -> None:
        super().show(parts)
        self._read_story()

    def minute(self) -> None:
        """Another day may have begun."""
        self._sift()
        self.redraw()

    def head(self, width: int) -> list[Line]:
        line: Line = []
        for name, word in FILTERS.items():
            chosen = name == self._filter
            key = "s" if name == "unknown" else name[0]
            label = f"[{key} {self.t(word)}]" if chosen else f" {key} {self.t(word)} "
            line += [Span(label, "accent" if chosen else DIM, f"screen.filter('{name}')"), Span(" ")]
        count = self.t("{n} shown", n=len(self.session.shop.outbox))
        marked = self.t("{n} marked", n=len(self.rows.marked)) if self.rows.marked else ""
        return [[*line, Span(f" {count} ", DIM), Span(marked, WARN)]]

    def _line(self, message: Message, width: int) -> list[Line]:
        state, now = self.words.state(message.state), self.session.now()
        if width < NARROW:
            cells = [
                Cell(message.order_ref, 7, STRONG),
                Cell(self._whom(message), 8),
                Cell(self.words.way(message.channel), 8),
                Cell(state.words, 13, state.tone),
                Cell(self._next(message, now) or self.times.brief(message.created_at, now), 0, DIM),
            ]
            return [columns(width, *cells)]
        cells = [
            Cell(message.order_ref, 8, STRONG),
            Cell(self._whom(message), 10 if width < 100 else 18),
            Cell(self._what(message), 14 if width < 100 else 20),
            Cell(self.words.way(message.channel), 9),
            Cell(state.words, 12, state.tone),
            Cell(self.times.brief(message.created_at, now), 7, DIM),
            Cell(self._next(message, now), 0, DIM),
        ]
        return [columns(width, *cells)]

    def _whom(self, message: Message) -> str:
        shop = self.session.shop
        order = None if shop.is_past(message) else shop.orders.get(message.order_ref)
        name = (
            order.customer.name if order and message.audience == "customer" else self.words.audience(message.audience)
        )
        return name or message.to

    def _what(self, message: Message) -> str:
        return self.words.status(message.template) if message.template else self.t("own words")

    def _next(self, message: Message, now: int) -> str:
        """When it is tried next; else what was done since, or why it stands as it does, in short."""
        if message.state == "queued" and message.due_at and message.due_at > now:
            return self.times.until(message.due_at, now)
        since = self._tried_since(message)
        return self._how(since) if since is not None else self.words.short_reason(message)

    def _tried_since(self, message: Message) -> Message | None:
        """By what the news of one that did not arrive was tried, or told by staff, since."""
        return self.session.shop.tried_since(message) if message.state in RETRYABLE else None

    def _how(self, since: Message) -> str:
        """ "✓ phoned by Kim 10:15", "· waiting 10:15"."""
        told = f"{self.words.glyphs.done} {self.words.short_reason(since)}"
        how = told if since.reason_code in BY_A_PERSON else self.words.state(since.state).words
        return f"{how} {self.times.brief(since.created_at, self.session.now())}"

    def detail(self, width: int) -> list[Line]:
        message = self.current
        if message is None:
            return []
        lines = [[Span(part, self.words.state(message.state).tone)] for part in wrap(self._why(message), width)]
        to = self.t("to {to}", to=message.to) if message.to else ""
        ways = f" {self.words.glyphs.going} ".join(self.words.ways(message.via))
        lines.append([Span(f"{to}  {self.t('ways')}: {ways}", DIM)])
        if self.session.shop.is_past(message):
            said = self.t("It is of the order that had this number before.")
            lines += [[Span(part, WARN)] for part in wrap(said, width)]
        if message.possible_duplicate:
            lines.append([Span(self.t("It may have arrived twice."), WARN)])
        story = self._story if self._story and self._story.id == message.id else None
        for attempt in story.attempts if story else ():
            lines += self._attempt(attempt, width)
        return lines

    def _why(self, message: Message) -> str:
        state = self.words.state(message.state).words
        parts = [self.words.reason(message)] if message.reason else []
        now = self.session.now()
        if message.state == "queued" and message.due_at:
            parts.append(self.t("Next try {when}.", when=self.times.until(message.due_at, now)))
        if message.state == "queued" and message.expires_at:
            parts.append(self.t("Of use until {time}.", time=self.times.at(message.expires_at, now)))
        if (since := self._tried_since(message)) is not None:
            parts.append(self.t("Since then: {how}.", how=self._how(since)))
        return f"{state}: {' '.join(parts)}" if parts else state

    def _attempt(self, attempt: Attempt, width: int) -> list[Line]:
        at = self.times.at(attempt.started_at, self.session.now())
        outcome = self.words.outcome(attempt.receipt or attempt.outcome)
        code = f" ({attempt.code})" if attempt.code else ""
        said = f"{at} {self.words.channel(attempt.channel)}: {outcome}. {attempt.detail}{code}".rstrip()
        lines = [[Span(part)] for part in wrap(said, width)]
        if attempt.sent:
            lines += [[Span(f"  {part}", "accent")] for part in wrap(f"“{attempt.sent.text}”", width - 2, 8)]
        return lines

    @on(Rows.Moved)
    def _read_story(self) -> None:
        """Of another message than before, or of one that has moved on since."""
        message = self.current
        if message is not None and message != self._story_of:
            self._story_of = message
            run_newest(self, partial(self._learn, message.id), "story")

    async def _learn(self, message_id: str) -> None:
        await self.session.clock.sleep(REST)
        try:
            self._story = await self.session.client.message(message_id)
        except ServiceError:
            self._story = self._story_of = None
        self.look()

    # ------------------------------------------------------------ filtering

    @property
    def view(self) -> Any:
        return self._filter

    @view.setter
    def view(self, view: Any) -> None:
        self.action_filter(view)

    def action_filter(self, name: str) -> None:
        self._filter = name
        self._refilter()

    def _refilter(self) -> None:
        self._sift()
        self.rows.marked.clear()
        self.redraw()

    def action_find(self) -> None:
        box = self.query_one("#outbox-find", Input)
        box.remove_class("hidden")
        box.focus()

    def action_clear(self) -> None:
        self.rows.marked.clear()
        box = self.query_one("#outbox-find", Input)
        box.value = ""
        box.add_class("hidden")
        self.rows.focus()
        self.redraw()

    @on(Input.Changed, "#outbox-find")
    def _find(self, event: Input.Changed) -> None:
        self._needle = fold(event.value.strip())
        self._refilter()

    @on(Input.Submitted, "#outbox-find")
    def _found(self) -> None:
        self.rows.focus()

    # ------------------------------------------------------------ acting

    @property
    def _chosen(self) -> Sequence[Message]:
        return self.rows.chosen

    @on(Rows.Opened)
    def action_open(self) -> None:
        if self.current is not None:
            self.counter.open_order(self.current.order_ref)

    def action_mark(self) -> None:
        self.rows.toggle_mark()
        self.rows.action_step(1)
        self.look()

    def action_fix(self) -> None:
        if self.current is not None:
            self.counter.act(self.counter.fixes.fix_message(self.current))

    def action_retry(self) -> None:
        self.counter.act(self._then_unmark(partial(self._but_told, self.counter.flows.retry)))

    def action_other_channel(self) -> None:
        self.counter.act(self._then_unmark(partial(self._but_told, self.counter.flows.other_channel)))

    def action_cancel(self) -> None:
        self.counter.act(self._then_unmark(self._but_gone))

    async def _but_told(self, flow: Callable[[Sequence[Message]], Awaitable[bool]], chosen: Sequence[Message]) -> bool:
        """Do it but for what has left or was replaced, what its customer would hear twice, and news of a step that was taken back."""
        unsent = [each for each in chosen if each.state not in NOT_AGAIN]
        wanted = [each for each in unsent if each.reason_code != UNDONE and self._tried_since(each) is None]
        if chosen and not unsent:
            self.session.say(self.t("Only what waits or did not arrive is sent again."), WARN)
        elif chosen and not wanted:
            self.session.say(self.t("Told or tried again since, or taken back: nothing is sent again."), WARN)
        return await flow(wanted)

    async def _but_gone(self, chosen: Sequence[Message]) -> bool:
        """Stop what can still be stopped."""
        wanted = [each for each in chosen if each.state in NOT_YET_GONE]
        if chosen and not wanted:
            self.session.say(self.t("Nothing waits here."), WARN)
        return await self.counter.flows.cancel(wanted)

    async def _then_unmark(self, flow: Callable[[Sequence[Message]], Awaitable[bool]]) -> None:
        """What is done with them, and no key meant for another has them again."""
        chosen = self._chosen
        if await flow(chosen):
            self.rows.marked -= {each.id for each in chosen}
            self.redraw()
