"""The two lines below every screen: what was just said or can be undone, and the keys."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

from tui.widgets.lines import Lines
from tui.widgets.paint import Line, Span, justify, length
from tui.wording.words import DIM, WARN

if TYPE_CHECKING:
    from tui.shop.session import Session


class Key(NamedTuple):
    """A key as the bar shows it: its name, what it does (English), the action that a click runs."""

    key: str
    does: str
    action: str


class NoticeLine(Lines):
    """The undo and its countdown for as long as there is one; the newest sentence, which leaves the undo its key."""

    def __init__(self, session: "Session") -> None:
        super().__init__(lambda width: [self._line(width)])
        self._session = session

    def _line(self, width: int) -> Line:
        session, t = self._session, self._session.t
        undoable, notice = session.undoable, session.notice
        undo = [Span(f" u {t('undo')} ", "accent", "app.undo")]
        if notice is not None:
            said = [Span(f" {notice.text} ", notice.tone, "app.hush")]
            if undoable is None:
                return said
            of = [Span(f" {undoable.ref} ", DIM)]
            return justify(width, said, [*of, *undo] if length([*said, *of, *undo]) <= width else undo)
        if undoable is not None:
            who, at = undoable.tells.name, max(undoable.until, undoable.tells.at)
            told = (
                t("{name} will be told {when}.", name=who, when=session.times.until(at, session.now())) if who else ""
            )
            done = [Span(f" {undoable.done} {told} ")]
            return [*done, *undo] if length([*done, *undo]) <= width else justify(width, done, undo)
        link = session.shop.link
        if link.state == "away":
            return [Span(f" {self._away(t(link.reason))}", WARN)]
        return [Span(f" {t(link.reason)}", WARN if link.reason else DIM)]

    def _away(self, why: str) -> str:
        t = self._session.t
        whole = t("The service is away ({why}): this is what was known. It is tried again.", why=why)
        return whole if cell_len(whole) < self.size.width else t("Away: {why}. It is tried again.", why=why)


class KeyBar(Lines):
    """What the keys do here; each can be clicked."""

    def __init__(self, session: "Session", keys: Callable[[], Sequence[Key]]) -> None:
        super().__init__(lambda width: [self._line(width)])
        self._session = session
        self._keys = keys

    def _line(self, width: int) -> Line:
        line = [Span(" ")]
        *keys, last = self._keys()
        tail = self._spans(last)
        for key in keys:
            spans = self._spans(key)
            if length(line) + length(spans) + length(tail) <= width:
                line += spans
        return [*line, *tail]

    def _spans(self, key: Key) -> Line:
        return [Span(key.key, "accent", key.action), Span(f" {self._session.t(key.does)}  ", DIM, key.action)]
