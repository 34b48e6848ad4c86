"""Plain words for what the service says: states, reasons, channels, statuses. State is a word and a mark; a tone only adds colour."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from daemon.wire.messages import SmsSize
from daemon.wire.orders import Order
from daemon.wire.reasons import Reasons
from daemon.wire.service import Channel
from daemon.wire.steps import Caution
from tui.i18n import Texts, text
from tui.terminal.glyphs import RICH, Glyphs
from tui.wording.stages import STATUS_WORDS

GOOD, BAD, WARN, DIM, PLAIN, ACCENT, STRONG = "good", "bad", "warn", "dim", "", "accent", "strong"

STATE_WORDS: Mapping[str, tuple[str, str, str]] = {
    "queued": (text("waiting"), "waiting", DIM),
    "sending": (text("sending"), "going", DIM),
    "sent": (text("sent"), "done", PLAIN),
    "delivered": (text("told"), "done", GOOD),
    "failed": (text("failed"), "bad", BAD),
    "expired": (text("too late"), "bad", WARN),
    "superseded": (text("replaced"), "waiting", DIM),
    "suppressed": (text("not wanted"), "bad", WARN),
    "cancelled": (text("stopped"), "bad", DIM),
    "held": (text("on hold"), "held", WARN),
    "unknown": (text("not sure"), "unsure", WARN),
}
"""State -> word, name of its mark, tone."""

CHANNEL_STATES: Mapping[str, tuple[str, str, str]] = {
    "ready": (text("works"), "done", GOOD),
    "open": (text("in trouble"), "bad", BAD),
    "paused": (text("paused"), "held", WARN),
    "misconfigured": (text("not set up"), "unsure", WARN),
}

SOURCE_STATES: Mapping[str, tuple[str, str, str]] = {
    "ready": (text("answers"), "done", GOOD),
    "failing": (text("does not answer"), "bad", BAD),
    "waiting": (text("not asked yet"), "unsure", WARN),
    "misconfigured": (text("not set up"), "unsure", WARN),
}

OUTCOMES = {
    "accepted": text("taken"),
    "deferred": text("not now"),
    "rejected": text("refused"),
    "unknown": text("no sure answer"),
    "sent": text("passed on"),
    "delivered": text("delivered"),
    "read": text("read"),
    "undelivered": text("could not be delivered"),
}

MEDIA = {
    "sms": text("text"),
    "email": text("e-mail"),
    "chat": text("chat"),
    "push": text("app"),
    "crm": text("CRM"),
}

BY_A_PERSON = frozenset({"phoned", "told_in_person"})
"""Reasons of what staff told the customer themselves."""
UNTOLD = frozenset({"failed", "expired", "suppressed"})
"""States of a message that nobody got."""
WAYS = {
    "sms": text("text"),
    "email": text("e-mail"),
    "chat": text("letter to the team"),
    "push": text("app"),
    "crm": text("CRM"),
}
"""How something reaches somebody, as people call it. The name of whoever carries it is for the Line page."""

AUDIENCES = {"customer": text("customer"), "team": text("team"), "owner": text("owner")}


class Reasoned(Protocol):
    """What the service gives a reason for."""

    @property
    def reason(self) -> str: ...

    @property
    def reason_code(self) -> str: ...

    @property
    def reason_args(self) -> Mapping[str, Any]: ...


CAUTIONS = {
    "not_sent": text("It will not be sent: {detail}"),
    "opted_out": text("The customer asked not to get this by {medium}."),
    "no_address": text("We know no way to reach them by {medium}."),
    "quiet_hours": text("Quiet hours: it will wait until {until}."),
    "line_down": text("The line is down: it will wait, or go by the modem."),
    "held": text("The order is on hold: release it first."),
    "limit_used": text("Today's limit is used up: it will wait or go another way."),
    "no_channel": text("No way of sending is set up that reaches them."),
    "template_broken": text("The text can't be made: {detail}"),
}


class Say(NamedTuple):
    """A few words and their tone."""

    words: str
    tone: str = PLAIN


class Words:
    """The service's vocabulary in the screen's language."""

    def __init__(self, texts: Texts, glyphs: Glyphs = RICH, moment: Callable[[int], str] = str) -> None:
        self.t = texts
        self.glyphs = glyphs
        self._moment = moment
        self.titles: dict[str, str] = {}
        self._known: set[str] = set()
        self._media: dict[str, str] = {}
        self._moment = moment
        self.speak()

    def speak(self) -> None:
        """Take up the language that the texts have now."""
        self._reasons = Reasons(self.t.language, channel=self.channel, moment=self._moment)

    def learn_titles(self, channels: Mapping[str, Channel]) -> bool:
        """What the service calls its channels, and what they carry. Whether that is another than was known."""
        before = self._media.copy(), self._known.copy(), self.titles.copy()
        self._media |= {name: channel.medium for name, channel in channels.items()}
        self._known |= {name for name, channel in channels.items() if channel.known_to_customers}
        self.titles |= {name: channel.title for name, channel in channels.items() if channel.title}
        return before != (self._media, self._known, self.titles)

    def state(self, state: str) -> Say:
        """A message's state: "✓ told"."""
        return self._say(STATE_WORDS, state)

    def channel_state(self, state: str) -> Say:
        return self._say(CHANNEL_STATES, state)

    def source_state(self, state: str) -> Say:
        return self._say(SOURCE_STATES, state)

    def channel(self, name: str) -> str:
        return self.t("modem") if name == "modem" else self.titles.get(name, name)

    def way(self, channel: str) -> str:
        """What a channel is to people: "text", "e-mail", "WhatsApp"."""
        medium = self._media.get(channel, "sms" if channel == "modem" else "")
        return self.channel(channel) if channel in self._known or not medium else self.way_of(medium)

    def way_and_name(self, channel: str) -> str:
        """For a choice between several that are one way to people: "text (Twilio)"."""
        way, name = self.way(channel), self.channel(channel)
        return name if way == name else f"{way} ({name})"

    def ways(self, channels: Iterable[str]) -> list[str]:
        """What they are to people, each way once."""
        return list(dict.fromkeys(self.way(channel) for channel in channels))

    def way_of(self, medium: str) -> str:
        return self.t(WAYS.get(medium, medium))

    def is_backstage(self, channel: str) -> bool:
        """Whether it carries to systems and apps, which staff seldom ask about."""
        return self._media.get(channel, "") in {"crm", "push"}

    def medium(self, medium: str | None) -> str:
        return self.t(MEDIA.get(medium, medium)) if medium else "?"

    def audience(self, audience: str) -> str:
        return self.t(AUDIENCES.get(audience, audience))

    def status(self, kind: str) -> str:
        """An event type as staff call it."""
        return self.t(STATUS_WORDS[kind]) if kind in STATUS_WORDS else kind or self.t("new")

    def outcome(self, outcome: str | None) -> str:
        return self.t(OUTCOMES.get(outcome, outcome)) if outcome else self.t("under way")

    def reason(self, about: Reasoned) -> str:
        """Why it is so, as a sentence."""
        return self._reasons.sentence(about.reason_code, about.reason_args, about.reason)

    def short_reason(self, about: Reasoned) -> str:
        """In three words or so."""
        return self._reasons.short(about.reason_code, about.reason_args, about.reason)

    def told(self, order: Order) -> Say:
        """Whether the customer knows where the order stands: by one mark and word, or why not."""
        told, g = order.told, self.glyphs
        if told is None or told.state in {"superseded", ""}:
            return Say("")
        if told.state == "delivered" and told.reason_code in BY_A_PERSON:
            when = f" {self._moment(told.at)}" if told.at else ""
            return Say(f"{g.done} {self.short_reason(told)}{when}", GOOD)
        if told.state == "delivered":
            return Say(f"{self.t('told')} {g.done}", GOOD)
        if told.state in UNTOLD:
            why = self.short_reason(told) if told.reason else self.state(told.state).words
            return Say(f"{self.t('NOT TOLD')}: {why}", BAD)
        word, _, tone = STATE_WORDS.get(told.state, (told.state, "", PLAIN))
        if told.state == "unknown":
            return Say(f"{self.t(word)} {g.unsure}", tone)
        waits = told.state == "queued" and told.reason
        return Say(f"{self.t(word)}: {self.short_reason(told)}" if waits else self.t(word), tone)

    def caution(self, caution: Caution, until: str) -> str:
        if caution.reason_code:
            return self.reason(caution)
        known = CAUTIONS.get(caution.code)
        if known is None:
            return caution.detail or caution.code
        return self.t(known, medium=self.medium(caution.medium), until=until, detail=caution.detail)

    def sms_size(self, size: SmsSize | None) -> Say:
        """ "1 SMS", and from two on what it costs."""
        if size is None or not size.parts:
            return Say("")
        if size.parts == 1:
            return Say(self.t("1 SMS, {units} characters", units=size.units), DIM)
        odd = size.encoding.lower() not in {"gsm7", "gsm-7", "gsm"}
        because = self.t("special signs make it long") if odd else self.t("{units} characters", units=size.units)
        return Say(self.t("{parts} SMS, paid {parts} times: {why}", parts=size.parts, why=because), WARN)

    def _say(self, table: Mapping[str, tuple[str, str, str]], key: str) -> Say:
        if key not in table:
            return Say(key)
        word, mark, tone = table[key]
        return Say(f"{getattr(self.glyphs, mark)} {self.t(word)}", tone)
