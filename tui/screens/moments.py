"""How an order's story is told: one line for each thing that happened, and all of it when it is chosen."""

from tui.desk import Desk
from tui.i18n import text
from tui.widgets.paint import Cell, Line, Span, columns, wrap
from tui.wire import Moment
from tui.words import ACCENT, BAD, BY_A_PERSON, DIM, GOOD, STRONG, WARN, Say

ACTS = {
    "order.held": text("held"),
    "order.released": text("released"),
    "message.queued": text("sent again by hand"),
    "message.cancelled": text("stopped by hand"),
    "message.cancelling": text("stopped by hand"),
    "customer.called": text("phoned"),
    "staff.message": text("message by hand"),
    "staff.contact": text("another way to reach them"),
    "staff.told": text("told by staff"),
    "staff.untold": text("not told after all"),
}
"""What staff did, by the record's names; others are shown as they are."""

DEEDS = {"arrived": text("is outside"), "yes": text("answers YES"), "no": text("answers NO")}
"""What a reply's exact words did to the order, by the service's names."""

UNDONE = "undo-"
"""What the service's own ids of an event begin with that takes a step back."""

_OUTCOME_TONES = {"accepted": "", "delivered": GOOD, "read": GOOD, "rejected": BAD, "undelivered": BAD, "unknown": WARN}


class Moments:
    """Tells moments in the desk's language."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def line(self, moment: Moment, width: int) -> list[Line]:
        said = self._say(moment)
        at = self._desk.times.brief(moment.at, self._desk.now())
        inner = "" if moment.kind in {"event", "override", "reply"} else "  "
        return [columns(width, Cell(at, 7, DIM), Cell(inner + said.words, 0, said.tone))]

    def detail(self, moment: Moment, width: int) -> list[Line]:
        said, desk = self._say(moment), self._desk
        head = f"{desk.times.second(moment.at)}  {said.words}"
        lines: list[Line] = [[Span(part, said.tone or STRONG)] for part in wrap(head, width)]
        if moment.to:
            lines.append([Span(desk.t("to {to}", to=moment.to), DIM)])
        if moment.text and moment.kind != "reply":
            lines += [[Span(part, ACCENT)] for part in wrap(f"“{moment.text}”", width)]
        if moment.possible_duplicate:
            lines.append([Span(desk.t("It may have arrived twice."), WARN)])
        return lines

    def _say(self, moment: Moment) -> Say:
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

    def _event(self, moment: Moment) -> Say:
        t = self._desk.t
        what = t(ACTS[moment.type]) if moment.type in ACTS else self._desk.words.status(moment.type)
        if moment.event_id.startswith(UNDONE):
            what = t("taken back: {status}", status=what)
        who = f"{moment.source} ({moment.actor})" if moment.actor and moment.actor != moment.source else moment.source
        return Say(f"{what}   {who}", STRONG)

    def _message(self, moment: Moment) -> Say:
        words = self._desk.words
        about = words.status(moment.template) if moment.template else self._desk.t("own words")
        state = words.state(moment.state)
        channel = self._desk.shop.channels.get(moment.channel)
        is_system = channel is not None and channel.medium == "crm"
        to = ", ".join(
            part
            for part in ("" if is_system else words.audience(moment.audience), words.channel(moment.channel))
            if part
        )
        if moment.reason_code in BY_A_PERSON:
            return Say(f"{words.glyphs.done} {words.reason(moment)}", GOOD)
        why = f": {words.short_reason(moment)}" if moment.reason and moment.state not in {"sent", "delivered"} else ""
        return Say(f"{state.words}   {to}: “{about}”{why}", DIM if is_system and state.tone != BAD else state.tone)

    def _attempt(self, moment: Moment) -> Say:
        words, g = self._desk.words, self._desk.words.glyphs
        outcome = moment.receipt or moment.outcome
        code = f" ({moment.code})" if moment.code else ""
        detail = f": {moment.detail}{code}" if moment.detail else code
        return Say(
            f"{g.going} {words.channel(moment.channel)} {words.outcome(outcome)}{detail}",
            _OUTCOME_TONES.get(outcome, DIM),
        )

    def _reply(self, moment: Moment) -> Say:
        t = self._desk.t
        wish = {"stop": t("asked not to be written to"), "start": t("wants to be written to again")}.get(
            moment.consent, ""
        )
        wish = t(DEEDS[moment.action]) if moment.action in DEEDS else wish
        said = f"{moment.actor or t('the customer')}: “{moment.text}”"
        return Say(f"{said} {wish}".rstrip(), WARN if wish else ACCENT)

    def _act(self, moment: Moment) -> Say:
        t = self._desk.t
        what = t(ACTS.get(moment.type, moment.type))
        why = f": {self._desk.words.reason(moment)}" if moment.reason else ""
        by = f" {self._desk.words.channel(moment.channel)}" if moment.channel else ""
        return Say(f"{what}{by}{why}   {moment.actor}", WARN)
