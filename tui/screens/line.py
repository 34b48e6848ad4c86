"""The line and the channels: what works, what doesn't and why, how much went out today; pause, resume, test."""

from collections.abc import Sequence, Set
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from daemon.wire.modem import Modem
from daemon.wire.service import Channel, Glance
from daemon.wire.sources import Source
from tui.i18n import text
from tui.screens.listing import ListPage
from tui.shop.revisions import Part
from tui.widgets.foot import Key
from tui.widgets.paint import Cell, Line, Span, columns, wrap
from tui.widgets.rows import Rows
from tui.wording.words import BAD, DIM, GOOD, STRONG, WARN, Say

NARROW = 70
"""Cells below which it is not said what a channel carries."""


class LinePage(ListPage[Channel]):
    name_ = "line"
    wants: ClassVar[Set[Part]] = frozenset({Part.CHANNELS, Part.GLANCE, Part.LINK})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", text("pause")),
        Binding("s", "resume", text("resume")),
        Binding("t", "test", text("test")),
        Binding("k", "known", text("known"), show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._channels: list[Channel] = []

    def make_rows(self) -> Rows[Channel]:
        return Rows(
            self._channels,
            key=lambda channel: channel.name,
            draw=self._line,
            empty=self.t("no channel is enabled"),
            cursor_sign=self.signs[0],
        )

    def show(self, parts: Set[Part]) -> None:
        self._channels[:] = self.session.shop.channels.values()
        super().show(parts)

    # ------------------------------------------------------------ what it shows

    def head(self, width: int) -> list[Line]:
        glance, now = self.session.shop.glance, self.session.now()
        lines = self._uplink(glance, now)
        if (modem := glance.radio) is not None:
            lines.append(self._modem(modem))
        if glance.quiet_until:
            lines.append([Span(self.t("Quiet hours until {time}.", time=self.times.at(glance.quiet_until, now)), WARN)])
        lines += [line for source in glance.sources for line in self._source(source, width, now)]
        lines += self._trouble(glance, width)
        titles = columns(
            width,
            Cell(f" {self.t('channel')}", 15),
            *([Cell(self.t("carries"), 8)] if width >= NARROW else []),
            Cell(self.t("state"), 14),
            Cell(self.t("waiting"), 7, right=True),
            Cell(self.t("sent today"), 12, right=True),
            Cell(f" {self.t('last went')}", 0),
        )
        return [*lines, [], [Span(span.text, DIM) for span in titles]]

    def _source(self, source: Source, width: int, now: int) -> list[Line]:
        """Whether it answers, when it was asked, how far behind it is, and why."""
        state, t = self.words.source_state(source.state), self.t
        facts = [
            state.words,
            t("last asked {time}", time=self.times.at(source.last_asked, now)) if source.last_asked else "",
            t("behind by {age}", age=self.times.span(source.behind or 0.0)) if (source.behind or 0.0) >= 300 else "",
            source.problem,
        ]
        said = f"{source.name}: {' · '.join(fact for fact in facts if fact)}"
        return [[Span(part, state.tone)] for part in wrap(said, width)]

    def _trouble(self, glance: Glance, width: int) -> list[Line]:
        """What needs a person beside the channels, which say so themselves below."""
        others = [each.why for each in glance.trouble if not each.what.startswith(("channel ", "source "))]
        sign = self.words.glyphs.bad
        return [[Span(part, BAD)] for why in others for part in wrap(f"{sign} {why}", width)]

    def _uplink(self, glance: Glance, now: int) -> list[Line]:
        """The line now, and its day."""
        t, g, uplink = self.t, self.words.glyphs, glance.uplink
        word, tone = {
            "up": (f"{g.up} {t('The line is up')}", GOOD),
            "down": (f"{g.down} {t('The line is DOWN')}", BAD),
        }.get(uplink.state, (f"{g.unsure} {t('The line is not known yet')}", WARN))
        since = t("since {time}", time=self.times.at(uplink.since, now)) if uplink.since else ""
        by_hand = [Span(f"· {t('set by hand')} ", WARN)] if uplink.forced else []
        lines: list[Line] = [[Span(f"{word} ", tone), Span(f"{since} ", DIM), *by_hand]]
        if glance.history:
            day = "  ".join(
                f"{self.times.at(change.at, now)} {t('up') if change.state == 'up' else t('down')}"
                for change in sorted(glance.history, key=lambda each: each.at or 0)[-6:]
            )
            lines.append([Span(f"{t('today')}: {day}", DIM)])
        return lines

    def _modem(self, modem: Modem) -> Line:
        known = [
            self.words.channel_state(modem.state).words if modem.state else "",
            modem.operator,
            self.t("signal {bars} of 4", bars=modem.bars) if modem.bars is not None else self.t("no signal known"),
            f"SIM {modem.sim}" if modem.sim else "",
            self.t("credit {credit}", credit=modem.credit) if modem.credit else "",
        ]
        facts = " · ".join(part for part in known if part)
        return [Span(f"{self.t('modem')}: "), Span(facts, GOOD if modem.bars else WARN)]

    def _state(self, channel: Channel) -> Say:
        """A channel that needs the line does not work while the line is down."""
        waits = channel.state == "ready" and channel.name != "modem" and self.session.shop.glance.uplink.state == "down"
        return (
            Say(f"{self.words.glyphs.waiting} {self.t('no line')}", WARN)
            if waits
            else (self.words.channel_state(channel.state))
        )

    def _line(self, channel: Channel, width: int) -> list[Line]:
        state, now = self._state(channel), self.session.now()
        limit = f" / {channel.daily_limit}" if channel.daily_limit else ""
        used = channel.daily_limit and channel.sent_today >= channel.daily_limit
        cells = [
            Cell(self.words.channel(channel.name), 14, STRONG),
            *([Cell(self.words.medium(channel.medium), 8)] if width + 1 >= NARROW else []),
            Cell(state.words, 14, state.tone),
            Cell(str(channel.queued or ""), 7, WARN if channel.queued else DIM, right=True),
            Cell(f"{channel.sent_today}{limit}", 12, WARN if used else "", right=True),
            Cell(f" {self.times.at(channel.last_success, now)}", 0, DIM),
        ]
        return [columns(width, *cells)]

    def detail(self, width: int) -> list[Line]:
        channel, t, now = self.current, self.t, self.session.now()
        if channel is None:
            return []
        state = self._state(channel)
        said = f"{self.words.channel(channel.name)} {state.words}" + (f": {channel.reason}" if channel.reason else ".")
        lines: list[Line] = [[Span(part, state.tone)] for part in wrap(said, width)]
        if channel.last_failure:
            trouble = t("Last trouble {time}.", time=self.times.at(channel.last_failure, now))
            lines += [[Span(part, DIM)] for part in wrap(f"{trouble} {channel.last_trouble}", width)]
        if channel.daily_limit:
            lines.append([Span(t("{n} of {limit} used today.", n=channel.sent_today, limit=channel.daily_limit), DIM)])
        return lines

    def _was_recovered(self) -> bool:
        return any(each.what == "database" for each in self.session.shop.glance.trouble)

    def shown_keys(self) -> Sequence[Key]:
        keys = super().shown_keys() if self.session.shop.glance.administers else [self.tail]
        return [Key("k", text("known"), "screen.known"), *keys] if self._was_recovered() else keys

    def offered_keys(self) -> Sequence[Key]:
        return self.shown_keys()

    # ------------------------------------------------------------ acting

    def action_pause(self) -> None:
        if self.current is not None:
            self.counter.act(self.counter.flows.pause(self.current))

    def action_resume(self) -> None:
        if self.current is not None:
            self.counter.act(self.counter.flows.resume(self.current))

    @on(Rows.Opened)
    def action_test(self) -> None:
        if self.current is not None:
            self.counter.act(self.counter.flows.try_channel(self.current))

    def action_known(self) -> None:
        """What was saved of a damaged database is known: it is told of no more."""
        if self._was_recovered():
            self.counter.act(self.counter.flows.know_of_recovery())
