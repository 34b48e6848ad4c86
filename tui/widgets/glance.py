"""The two lines on top of every screen: whose shop, what time, whether all is well, and where one can go."""

from typing import TYPE_CHECKING

from tui.i18n import text
from tui.shop.revisions import Part
from tui.widgets.lines import Lines
from tui.widgets.paint import Line, Span, justify, length
from tui.wording.words import BAD, DIM, GOOD, STRONG, WARN

if TYPE_CHECKING:
    from tui.shop.session import Session

TABS = (
    ("board", text("board")),
    ("outbox", text("outbox")),
    ("line", text("line")),
    ("replies", text("replies")),
    ("calls", text("calls")),
    ("optouts", text("opt-outs")),
    ("audit", text("record")),
)
"""The pages, by the digit that goes there."""


class GlanceBar(Lines):
    """Written anew each second and when anything changes."""

    def __init__(self, session: "Session", page: str) -> None:
        super().__init__(self._both)
        self._session = session
        self._page = page

    def _both(self, width: int) -> list[Line]:
        return [justify(width, self._shop(), self._line()), self._tabs(width)]

    def _shop(self) -> Line:
        session = self._session
        name = session.shop.glance.store.name or "Tether"
        well = (
            [Span(f"  {session.words.glyphs.done} {session.t('all is well')}", GOOD, "app.go('now')")]
            if self._all_is_well()
            else []
        )
        if waiting := len(session.queue()):
            well = [Span(f"  0 {session.t('now')} {waiting}", "here" if self._page == "now" else WARN, "app.go('now')")]
        if session.shop.glance.restored is not None:
            well = [Span(f"  {session.words.glyphs.bad} {session.t('TEXTS WAIT')}", BAD, "app.go('line')")]
        return [Span(f" {name}", "strong"), Span(f"  {session.times.clock(session.now())}"), *well]

    def _line(self) -> Line:
        session, t, g = self._session, self._session.t, self._session.words.glyphs
        link, uplink, modem = session.shop.link, session.shop.glance.uplink, session.shop.glance.radio
        if link.state == "starting":
            return [Span(t("connecting") + " ", DIM)]
        if link.state != "up":
            word = t("NO ACCESS") if link.state == "refused" else t("SERVICE AWAY")
            return [Span(f"{g.bad} {word} {t('since {time}', time=session.times.at(link.since, session.now()))} ", BAD)]
        spans: Line = []
        lasts = session.times.span((session.now() - uplink.since) / 1000) if uplink.since else ""
        if uplink.state == "up":
            spans.append(Span(f"{g.up} {t('line up')} {lasts}", GOOD))
        elif uplink.state == "down":
            spans.append(Span(f"{g.down} {t('LINE DOWN')} {lasts}", "alarm"))
        if modem is not None:
            known = modem.bars is not None
            spans += [
                Span(f"  {t('modem')} "),
                Span(self._bars(modem.bars or 0) if known else "?", GOOD if modem.bars else WARN),
            ]
            spans.append(Span(f" {modem.operator}"))
        return [*spans, Span(" ")]

    def _bars(self, signal: int) -> str:
        bars = self._session.words.glyphs.bars
        return bars[: max(0, min(signal, len(bars)))].ljust(len(bars), "_")

    def _all_is_well(self) -> bool:
        shop, glance = self._session.shop, self._session.shop.glance
        connected = shop.link.state == "up" and glance.uplink.state == "up"
        return (
            connected
            and Part.MESSAGES in shop.loaded
            and not (glance.failed or glance.unknown or glance.calls or glance.trouble)
        )

    def _counts(self, page: str) -> list[Span]:
        """What waits for somebody on a page."""
        glance, t, g = self._session.shop.glance, self._session.t, self._session.words.glyphs
        shown = {
            "outbox": (
                (glance.failed, t("{n} failed!", n=glance.failed), BAD),
                (glance.unknown, t("{n} not sure", n=glance.unknown), WARN),
                (glance.waiting, t("{n} waiting", n=glance.waiting), "quiet-count"),
            ),
            "line": ((len(glance.trouble), f"{g.bad} {len(glance.trouble)}", BAD),),
            "replies": ((glance.replies, f"{g.unread} {glance.replies}", STRONG),),
            "calls": ((glance.calls, f"{g.phone} {glance.calls}", BAD),),
        }.get(page, ())
        return [Span(f"{words} ", tone) for count, words, tone in shown if count]

    def _tabs(self, width: int) -> Line:
        """All pages with what waits there. Where there is little room, quiet pages become digits, the last ones first; then what is no
        trouble goes, then all other pages become digits."""
        others = [number for number, (page, _) in enumerate(TABS, 1) if page != self._page]
        quiet = [number for number in others if not self._counts(TABS[number - 1][0])]
        digits = [quiet[len(quiet) - n :] for n in range(len(quiet) + 1)]
        full = [self._line_of_tabs(bare) for bare in [*digits, quiet, others]]
        tries = [*full[:-2], *(_without_quiet(line) for line in full[-2:])]
        return next((line for line in tries if length(line) <= width), tries[-1])

    def _line_of_tabs(self, bare: list[int]) -> Line:
        return [span for number in range(1, len(TABS) + 1) for span in self._tab(number, bare)]

    def _tab(self, number: int, bare: list[int]) -> Line:
        page, word = TABS[number - 1]
        click = f"app.go('{page}')"
        label = f" {number} " if number in bare else f" {number} {self._session.t(word)} "
        spans = [Span(label, "here" if page == self._page else DIM, click)]
        return [*spans, *(span._replace(click=click) for span in self._counts(page))]


def _without_quiet(line: Line) -> Line:
    return [span for span in line if span.tone != "quiet-count"]
