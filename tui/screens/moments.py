"""How an order's story is told: one line for each thing that happened, and all of it when it is chosen."""

from daemon.wire.orders import Entry
from tui.shop.session import Session
from tui.shop.story import Folded, Row
from tui.widgets.paint import Cell, Line, Span, columns, wrap
from tui.wording.deeds import deed_words
from tui.wording.heard import HEARD
from tui.wording.words import ACCENT, BAD, BY_A_PERSON, DIM, GOOD, STRONG, WARN, Say

OWN_SOURCE = "counter"
"""Where the events of staff come from: their name says more."""
UNDONE = "undo-"
"""What the service's own ids of an event begin with that takes a step back."""

_OUTCOME_TONES = {"accepted": "", "delivered": GOOD, "read": GOOD, "rejected": BAD, "undelivered": BAD, "unknown": WARN}


class Moments:
    """Tells moments in the session's language."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def line(self, row: Row, width: int) -> list[Line]:
        if isinstance(row, Folded):
            return [self._folded(row)]
        said = self._say(row)
        at = self._session.times.brief(row.at, self._session.now())
        inner = "" if row.kind in {"event", "override", "reply"} else "  "
        return [columns(width, Cell(at, 7, DIM), Cell(inner + said.words, 0, said.tone))]

    def detail(self, row: Row, width: int) -> list[Line]:
        session = self._session
        if isinstance(row, Folded):
            says = session.t("Enter hides them again.") if row.is_open else session.t("Enter shows them.")
            return [self._folded(row), [Span(says, DIM)]]
        said = self._say(row)
        head = f"{session.times.second(row.at)}  {said.words}"
        lines: list[Line] = [[Span(part, said.tone or STRONG)] for part in wrap(head, width)]
        if row.to:
            lines.append([Span(session.t("to {to}", to=row.to), DIM)])
        lines += [[Span(part, DIM)] for part in wrap(self._in_their_words(row), width) if part]
        if row.text and row.kind != "reply":
            lines += [[Span(part, ACCENT)] for part in wrap(f"“{row.text}”", width)]
        if row.possible_duplicate:
            lines.append([Span(session.t("It may have arrived twice."), WARN)])
        return lines

    def _folded(self, row: Folded) -> Line:
        t = self._session.t
        line = [Span(t("+ {n} to CRM and app", n=row.messages), DIM)]
        if row.troubled:
            line.append(Span(f"  {t('{n} in trouble', n=row.troubled)}", WARN))
        return line

    def _in_their_words(self, moment: Entry) -> str:
        """What a provider itself said of a try, for whoever looks closer."""
        if moment.kind not in {"attempt", "receipt"} or not (moment.detail or moment.code):
            return ""
        code = f" ({moment.code})" if moment.code else ""
        return self._session.t(
            "{name} says: {words}",
            name=self._session.words.channel(moment.channel),
            words=f"{moment.detail}{code}".strip(),
        )

    def _say(self, moment: Entry) -> Say:
        match moment.kind:
            case "event":
                return self._event(moment)
            case "message":
                return self._message(moment)
            case "attempt" | "receipt":
                return self._attempt(moment)
            case "reply":
                return self._reply(moment)
            case _:
                return self._act(moment)

    def _event(self, moment: Entry) -> Say:
        t = self._session.t
        what = deed_words(t, moment.type) or self._session.words.status(moment.type)
        if moment.event_id.startswith(UNDONE):
            what = t("taken back: {status}", status=what)
        return Say(f"{what}   {self._who(moment)}", STRONG)

    def _who(self, moment: Entry) -> str:
        """Who did it: a person by name; a shop or till, and who worked there if it says so."""
        if not moment.actor or moment.actor == moment.source:
            return moment.source
        return moment.actor if moment.source == OWN_SOURCE else f"{moment.source} ({moment.actor})"

    def _message(self, moment: Entry) -> Say:
        words = self._session.words
        about = words.status(moment.template) if moment.template else self._session.t("own words")
        state = words.state(moment.state)
        if moment.reason_code in BY_A_PERSON:
            return Say(f"{words.glyphs.done} {words.reason(moment)}", GOOD)
        is_backstage = words.is_backstage(moment.channel)
        apart = {"customer", "team"} if moment.channel else set()
        who = "" if is_backstage or moment.audience in apart else words.audience(moment.audience)
        to = ", ".join(part for part in (who, words.way(moment.channel) if moment.channel else "") if part)
        if is_backstage:
            to = f"{to} ({words.channel(moment.channel)})"
        why = f": {words.short_reason(moment)}" if moment.reason and moment.state not in {"sent", "delivered"} else ""
        return Say(f"{state.words}   {to}: “{about}”{why}", DIM if is_backstage and state.tone != BAD else state.tone)

    def _attempt(self, moment: Entry) -> Say:
        """By its way alone: what the provider said of it is in the detail."""
        words, g = self._session.words, self._session.words.glyphs
        outcome = moment.receipt or moment.outcome
        return Say(f"{g.going} {words.way(moment.channel)} {words.outcome(outcome)}", _OUTCOME_TONES.get(outcome, DIM))

    def _reply(self, moment: Entry) -> Say:
        t = self._session.t
        wish = {"stop": t("asked not to be written to"), "start": t("wants to be written to again")}.get(
            moment.consent, ""
        )
        wish = t(HEARD[moment.action]) if moment.action in HEARD else wish
        said = f"{moment.actor or t('the customer')}: “{moment.text}”"
        return Say(f"{said} {wish}".rstrip(), WARN if wish else ACCENT)

    def _act(self, moment: Entry) -> Say:
        t = self._session.t
        what = deed_words(t, moment.type) or t("noted in the record")
        why = f": {self._session.words.reason(moment)}" if moment.reason else ""
        by = f" {self._session.words.way(moment.channel)}" if moment.channel else ""
        return Say(f"{what}{by}{why}   {moment.actor}", WARN)
