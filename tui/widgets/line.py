"""The line at the foot of every page, and above it what it found and what Enter will do."""

from typing import TYPE_CHECKING

from daemon.wire.orders import Order
from tui.i18n import text
from tui.widgets.lines import Lines
from tui.widgets.paint import Cell, Line, Span, columns, fit, justify, length
from tui.wording.stages import STAGE_WORDS, stage_of
from tui.wording.words import ACCENT, BAD, DIM, STRONG, WARN

if TYPE_CHECKING:
    from tui.line.omnibox import Omnibox
    from tui.shop.session import Session

MOST_SHOWN = 8
"""Orders that stand above the line at most."""
ENTER_WORDS = {
    "open": text("enter opens it"),
    "ask": text("enter looks it up"),
    "step": text("enter asks once more"),
    "none": text("nothing here fits"),
}
HINT = text("type or scan: a number, a name, “sam ready”")


class LineBar(Lines):
    """What is typed."""

    def __init__(self, session: "Session", omnibox: "Omnibox") -> None:
        super().__init__(lambda width: [self._line(width)])
        self._session = session
        self._omnibox = omnibox

    def _line(self, width: int) -> Line:
        t, line = self._session.t, self._omnibox.line
        if not line.text:
            return [Span(" > ", ACCENT), Span(t(HINT), DIM)]
        said = self._omnibox.said
        does = ENTER_WORDS.get(said.does, ENTER_WORDS["step"])
        if said.does == "open" and len(said.orders) > 1:
            does = text("↑↓ choose  enter opens")
        hint = [Span(f" {t(does)}  {t('esc clears')} ", WARN if said.does == "none" else DIM)]
        typed = self._typed(width - 3 - length(hint))
        if length(typed) + length(hint) + 3 > width:
            hint, typed = [], self._typed(width - 3)
        return justify(width, [Span(" > ", ACCENT), *typed], hint)

    def _typed(self, width: int) -> Line:
        """The text with its cursor; of a long one what stands around the cursor."""
        line = self._omnibox.line
        start = max(0, line.cursor - max(1, width - 2)) if length([Span(line.text)]) >= width else 0
        before, under, after = (
            line.text[start : line.cursor],
            line.text[line.cursor :][:1],
            line.text[line.cursor + 1 :],
        )
        return [Span(before, STRONG), Span(under or " ", "here"), Span(after, STRONG)]


class Found(Lines):
    """The orders that the line means, over the page; gone while there is nothing to choose."""

    def __init__(self, session: "Session", omnibox: "Omnibox") -> None:
        super().__init__(self._found)
        self._session = session
        self._omnibox = omnibox

    def rewrite(self) -> None:
        super().rewrite()
        shown = bool(self._omnibox.said.orders)
        if self.display != shown:
            self.display = shown

    def _found(self, width: int) -> list[Line]:
        found, index = self._omnibox.said.orders, self._omnibox.index
        first = max(0, min(index - MOST_SHOWN // 2, len(found) - MOST_SHOWN))
        shown = range(first, min(len(found), first + MOST_SHOWN))
        lines = [self._line(found[each], width, chosen=each == index, number=each) for each in shown]
        more = len(found) - len(lines)
        return [*lines, [Span(f"   {self._session.t('and {n} more', n=more)}", DIM)]] if more else lines

    def _line(self, order: Order, width: int, *, chosen: bool, number: int) -> Line:
        session, words = self._session, self._session.words
        now, told, said = session.now(), words.told(order), self._omnibox.said
        late = "" if stage_of(order) in {"ready", "done"} else session.times.late(order.promised_at, now)
        does = self._does(order) if said.does not in {"open", "ask"} else ""
        sign = words.glyphs.cursor if chosen else " "
        cells = [
            Cell(order.ref, 9, STRONG),
            Cell(order.customer.name or "", 14 if width < 100 else 22),
            Cell(does or words.status(order.status), 0, WARN if does else ""),
            Cell(late or session.times.brief_promise(order.promised_at, now), 13, BAD if late else DIM),
        ]
        if not does:
            cells.append(Cell(told.words, 20 if width < 100 else 30, told.tone))
        click = f"app.choose_found({number})"
        laid = [Span(fit(sign, 2), ACCENT), *columns(width - 3, *cells)]
        return [span._replace(click=click) for span in laid]

    def _does(self, order: Order) -> str:
        """What Enter would ask about it."""
        session, said = self._session, self._omnibox.said
        going = session.words.glyphs.going
        match said.does:
            case "step":
                return f"{session.t(STAGE_WORDS[stage_of(order)])} {going} {session.words.status(said.value).upper()}"
            case "promise":
                return f"{going} {session.times.promise(session.times.moment(said.value), session.now())}"
            case "contact":
                return f"{going} {said.value}"
            case "hold":
                return f"{going} {session.t('on hold')}"
            case "release":
                return f"{going} {session.t('messages go out again')}"
            case _:
                return f"{going} {session.t('message')}"
