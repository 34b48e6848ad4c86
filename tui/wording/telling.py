"""Whether a customer knows where their order stands, as one sentence of people's words. Pure."""

from collections.abc import Sequence

from daemon.wire.messages import Message
from daemon.wire.orders import Entry, Order, Told
from tui.i18n import Texts, text
from tui.wording.times import Times
from tui.wording.words import BAD, BY_A_PERSON, DIM, GOOD, PLAIN, WARN, Say, Words

_PLAIN_STATES = {
    "sending": text("Being told by {way} now"),
    "held": text("Nobody is told while it is on hold"),
    "cancelled": text("NOT told: it was stopped"),
}


class Telling:
    """Tells it in one language. `now`: ms."""

    def __init__(self, t: Texts, words: Words, times: Times, now: int) -> None:
        self._t = t
        self._words = words
        self._times = times
        self._now = now

    def sentence(self, order: Order, timeline: Sequence[Entry] = (), message: Message | None = None) -> Say:
        """ "Told by text 10:02, delivered ✓". `message`: the one that tells, where it is known."""
        told, t = order.told, self._t
        if told is None or told.state in {"", "superseded"}:
            return Say(t("Nothing was sent about this step"), DIM)
        if told.reason_code in BY_A_PERSON:
            return self._words.told(order)
        way = self._words.way(told.channel)
        match told.state:
            case "delivered" | "sent":
                return self._gone(told, way, timeline)
            case "failed" | "expired" | "suppressed":
                why = self._words.reason(told) if told.reason else self._words.state(told.state).words
                return Say(f"{t('NOT TOLD')}: {why}", BAD)
            case "queued":
                return self._waiting(told, way, message)
            case "unknown":
                when = self._times.at(told.at, self._now)
                return Say(t("Not sure whether the {way} of {time} arrived", way=way, time=when), WARN)
            case state if state in _PLAIN_STATES:
                return Say(t(_PLAIN_STATES[state], way=way), WARN if state == "held" else PLAIN)
            case _:
                return self._words.told(order)

    def _gone(self, told: Told, way: str, timeline: Sequence[Entry]) -> Say:
        t, mark = self._t, self._words.glyphs.done
        own = [each for each in timeline if each.message_id == told.message_id]
        sent = next((each.at for each in reversed(own) if each.kind == "attempt"), told.at)
        time = self._times.at(sent, self._now)
        if told.state == "sent":
            return Say(t("Sent by {way} {time}, not confirmed yet", way=way, time=time), PLAIN)
        receipt = next((each for each in reversed(own) if each.receipt in {"read", "delivered"}), None)
        later = self._times.at(receipt.at, self._now) if receipt else time
        if receipt is not None and receipt.receipt == "read":
            return Say(t("Told by {way} {time}, read {later} {mark}", way=way, time=time, later=later, mark=mark), GOOD)
        if later != time:
            return Say(
                t("Told by {way} {time}, delivered {later} {mark}", way=way, time=time, later=later, mark=mark), GOOD
            )
        return Say(t("Told by {way} {time}, delivered {mark}", way=way, time=time, mark=mark), GOOD)

    def _waiting(self, told: Told, way: str, message: Message | None) -> Say:
        if told.reason:
            return Say(self._t("Not told yet: {why}", why=self._words.reason(told)), WARN)
        due = message.due_at if message else None
        when = self._times.until(due, self._now) if due else self._t("soon")
        return Say(self._t("Will be told by {way} {when}", way=way, when=when), PLAIN)
