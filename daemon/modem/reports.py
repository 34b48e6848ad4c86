"""Which message a status report is about.

The report names one octet that wraps, a number that may have lost its "+", and when the service centre took the text. So each
text is noted on the disk before it is handed to the modem, and again with what the network called it (`Handle`, which is also
its provider id) before its sender hears of it. A report counts for a text only by all of it: the same modem, reference and
number, and a time that fits. That holds across restarts, and it tells of a text that went out just before a crash.
"""

import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import msgspec
import structlog

from daemon.modem.errors import NotCommitted
from daemon.modem.pdu import Delivery, StatusReport
from daemon.modem.pin import ModemNotes
from outbox.clock import Clock

log = structlog.get_logger("tether.modem")

WINDOW_MS = 7 * 86_400_000
"""A report later than this belongs to a newer text of the same reference."""
MOST_TEXTS = 256
"""As many as there are references."""
_SAME_DIGITS = 8
_SLACK_MS = 900_000
"""How far the service centre's clock and ours may differ, and a text may wait in between."""
_CLOSE_MS = 300_000
"""The same where no reference says which text it is."""
_KEY = "modem.sent"
_SENDS_KEY = "modem.sends"
"""The modem by which a text went out last: it can send, however long ago that was."""


@dataclass(frozen=True)
class Handle:
    """What the network calls a text of ours: a reference for each part. `device` tells modems apart, `stamp` (ms, when it was
    sent) makes it unique, since references wrap."""

    device: str
    stamp: int
    references: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.device}-{self.stamp:x}-{'.'.join(map(str, self.references))}"

    @classmethod
    def parse(cls, text: str) -> "Handle | None":
        """Read one back; None for what is none."""
        try:
            device, stamp, references = text.split("-")
            return cls(device, int(stamp, 16), tuple(int(part) for part in references.split(".") if part))
        except ValueError:
            return None


class Course(StrEnum):
    """How far a text got."""

    UNDER_WAY = "u"
    TAKEN = ""
    UNANSWERED = "x"
    """It was handed over, and its answer was given up or says nothing."""
    REPORTED = "r"
    """Its answer was given up and may still come; that the network took it is known from a report."""
    BROKEN = "b"
    """Some of its parts were taken, and no more will be."""


_OPEN = (Course.UNDER_WAY, Course.UNANSWERED)
_OWED = (*_OPEN, Course.REPORTED)


@dataclass(frozen=True)
class TextOutcome:
    """What became of a whole text."""

    handle: Handle
    delivery: Delivery
    code: str
    detail: str


@dataclass(frozen=True)
class Matched:
    """The report is about a text of ours. `verdict`: None while other parts of it are open, or the network still tries."""

    verdict: TextOutcome | None


@dataclass
class Text:
    """One try of one text. `attempt`: a mark of our own on that try; `message`: of what it was a try."""

    handle: Handle
    mark: str
    message: str
    attempt: str
    parts: int
    course: Course = Course.UNDER_WAY
    told: dict[str, str] = field(default_factory=dict)
    """Part (from 1) -> what became of it."""
    repeated: bool = False
    """A part that may have gone out was handed over once more: a report may come on a reference that nobody knows."""
    settled: bool = False
    """Its answer is awaited no more, whether it came or not."""
    begun: float | None = None
    ended: float | None = None
    """Monotonic: when it was noted, and when its answer was given up. None: before this service began."""

    @property
    def has_gone(self) -> bool:
        """Whether the network has all of it."""
        return self.course in (Course.TAKEN, Course.REPORTED)

    @property
    def is_open(self) -> bool:
        """Whether a report on a reference that nobody knows may be about it. Of one that was taken the first report shows that
        its reference is what the network calls it."""
        return self.course in _OPEN or self.repeated or (self.course is Course.TAKEN and not self.told)


class Ledger:
    """The texts that were handed to the modem, until their end is known. No number stands in it, only a mark of sixteen bits."""

    def __init__(self, notes: ModemNotes, clock: Clock) -> None:
        self._notes, self._clock = notes, clock
        self._texts: list[Text] | None = None

    # ---------------------------------------------------------------- out

    async def begin(self, *, device: str, number: str, reference: str, parts: int) -> Text:
        """Note a text before it is handed over. `reference`: "message.attempt". Raises NotCommitted: it must not be sent then."""
        message, attempt = _marks(reference)
        handle = Handle(device, self._clock.now(), ())
        text = Text(handle, _mark(number), message, attempt, parts, begun=self._clock.monotonic())
        texts = await self._load()
        texts.append(text)
        try:
            await self._save()
        except NotCommitted:
            self._texts = [other for other in self._texts or () if other is not text]
            raise
        return text

    async def end(
        self, text: Text, references: Sequence[int], course: Course | None, *, repeated: bool = False
    ) -> None:
        """Note how far it got; None: nothing of it left. What can't be written now is kept in memory and written with the next."""
        text.repeated = text.repeated or repeated
        text.handle = Handle(text.handle.device, text.handle.stamp, tuple(references))
        text.ended = self._clock.monotonic()
        if course is None:
            self._texts = [other for other in await self._load() if other is not text]
        else:
            text.course = course
        with contextlib.suppress(NotCommitted):
            await self._save()
            if references and not await self._is_known_to_send(text.handle.device):
                await self._notes.set(_SENDS_KEY, text.handle.device)

    async def last_unanswered(self) -> Text | None:
        """The newest text, where its answer is not known: it may still come."""
        texts = await self._load()
        return texts[-1] if texts and texts[-1].course in _OWED else None

    async def owes(self) -> bool:
        """Whether that answer is still awaited, as after a crash: no other text may be handed over then."""
        text = await self.last_unanswered()
        return text is not None and not text.settled

    async def settle(self) -> None:
        """Note that it is awaited no more: else each start would wait for it once more, for days."""
        with contextlib.suppress(NotCommitted):
            text = await self.last_unanswered()
            if text is None or text.settled or text.course is Course.UNDER_WAY:
                return
            text.settled = True
            try:
                await self._save()
            except NotCommitted:
                text.settled = False  # it is said again

    async def attempt(self, reference: str) -> Text | None:
        """What is known of that try."""
        mark = _marks(reference)[1]
        return next((text for text in reversed(await self._load()) if text.attempt == mark), None)

    async def has_sent(self, device: str) -> bool:
        """Whether the network ever took a text from that modem."""
        is_lately = any(text.handle.device == device and text.handle.references for text in await self._load())
        return is_lately or await self._is_known_to_send(device)

    async def _is_known_to_send(self, device: str) -> bool:
        return await self._notes.get(_SENDS_KEY) == device

    async def remembers(self, at: int) -> bool:
        """Whether a text that was handed over at that moment (ms) or later would be known here."""
        texts = await self._load()
        if any(not text.attempt for text in texts):  # an earlier release left much out; some was spoilt
            return False
        oldest = texts[0].handle.stamp if len(texts) >= MOST_TEXTS else self._clock.now() - WINDOW_MS
        return at > oldest

    # ---------------------------------------------------------------- reports

    async def judge(self, report: StatusReport, *, device: str) -> Matched | None:
        """Whom a report is about and what follows; None where no text of ours fits. Raises NotCommitted.

        One part that failed fails its text; to be delivered, all must be. Judging the same report again says the same.
        """
        text = self._match(report, device, await self._load())
        if text is None:
            return None
        if report.delivery in (Delivery.TRYING, Delivery.RESERVED):
            return Matched(None)
        count = len(text.handle.references)
        part = text.handle.references.index(report.reference) + 1
        text.told[str(part)] = report.delivery
        if count > 1:
            await self._save()
        code, detail = f"ST {report.status:#04x}", report.meaning
        if report.delivery is Delivery.FAILED:
            where = f"part {part} of {count}: " if count > 1 else ""
            return Matched(TextOutcome(text.handle, Delivery.FAILED, code, where + detail))
        told_apart = len(set(text.handle.references))
        if not text.has_gone or len(text.told) < told_apart:
            return Matched(None)
        sure = set(text.told.values()) == {Delivery.DELIVERED} and told_apart == count
        delivery = Delivery.DELIVERED if sure else Delivery.FORWARDED
        where = f"all {count} parts: " if count > 1 else ""
        if told_apart < count:
            where = f"some of {count} parts, to which the modem gave one reference: "
        return Matched(TextOutcome(text.handle, delivery, code, where + detail))

    async def answers(self, text: Text, report: StatusReport) -> bool:
        """Whether a report that fits no text of a known reference can only be about this one, which was never answered."""
        if text.course is not Course.UNANSWERED or text.parts > 1 or text.handle.references:
            return False
        rivals = [
            other
            for other in await self._load()
            if (other.is_open or other.handle.device != text.handle.device)
            and self._could_be(other, report)
            and other.message != text.message
        ]
        if rivals or report.sent_at is None or not self._could_be(text, report):
            return False
        return self._apart(text, _ms(report.sent_at)) <= _CLOSE_MS

    def _match(self, report: StatusReport, device: str, texts: Iterable[Text]) -> Text | None:
        """The text of that modem, reference, number and time, if no other comes close."""
        fitting = [
            text
            for text in texts
            if text.handle.device == device
            and report.reference in text.handle.references
            and self._age(text) <= WINDOW_MS
            and self._could_be(text, report)
        ]
        if report.sent_at is None:
            return fitting[0] if len(fitting) == 1 else None
        taken_at = _ms(report.sent_at)
        if len(fitting) > 1:  # a clock may be behind: only one that is near counts, and only alone
            fitting = [text for text in fitting if self._apart(text, taken_at) <= _SLACK_MS]
        return fitting[0] if len(fitting) == 1 else None

    def _could_be(self, text: Text, report: StatusReport) -> bool:
        """The same number, and the service centre took it about when we sent it. While our clock is behind the service centre's
        only spans count: it can't have been on its way for longer than it is gone."""
        if text.mark != _mark(report.recipient.value):
            return False
        if report.sent_at is None:
            return True
        taken_at = _ms(report.sent_at)
        if text.begun is None and abs(text.handle.stamp - taken_at) <= _SLACK_MS:
            return True  # whatever was done to the clock since, as by a start without a battery
        travelled = _ms(report.done_at) - taken_at if report.done_at else 0
        if travelled > self._age(text) + _SLACK_MS:
            return False
        return taken_at > self._clock.now() + _SLACK_MS or self._apart(text, taken_at) <= _SLACK_MS

    def _age(self, text: Text) -> int:
        """How long ago it was sent (ms), whatever was done to the wall clock since this service began."""
        if text.begun is None:
            return self._clock.now() - text.handle.stamp
        return round((self._clock.monotonic() - text.begun) * 1000)

    def _apart(self, text: Text, taken_at: int) -> int:
        """How far that moment is from when it was sent: by the clock of then, or by that of now, where it was set since."""
        return min(abs(sent_at - taken_at) for sent_at in (text.handle.stamp, self._clock.now() - self._age(text)))

    # ---------------------------------------------------------------- on the disk

    async def _load(self) -> list[Text]:
        if self._texts is None:
            self._texts = self._read(await self._notes.get(_KEY) or "[]")
        return self._texts

    def _read(self, noted: str) -> list[Text]:
        """What a failing card has spoilt stands for some text that left, nobody knows which."""
        try:
            rows = msgspec.json.decode(noted, type=list[msgspec.Raw])
        except msgspec.MsgspecError:
            rows = [msgspec.Raw(noted.encode())]
        texts = [_text(row) for row in rows]
        if None in texts:
            log.warning("some of what is noted of the modem's last texts can't be read any more")
        return [text or self._some_text() for text in texts]

    def _some_text(self) -> Text:
        return Text(Handle("", self._clock.now(), ()), "", "", "", 0, Course.UNANSWERED)

    async def _save(self) -> None:
        recent = [text for text in self._texts or () if self._age(text) < WINDOW_MS][-MOST_TEXTS:]
        self._texts = recent
        await self._notes.set(_KEY, msgspec.json.encode([_row(text) for text in recent]).decode())


class _Row(msgspec.Struct, array_like=True):
    """A text as it is noted; earlier releases noted only the first three."""

    handle: str
    mark: str
    told: dict[str, str]
    message: str = ""
    attempt: str = ""
    parts: int = 0
    course: Course = Course.TAKEN
    repeated: int = 0
    settled: int = 0


def _row(text: Text) -> _Row:
    return _Row(
        str(text.handle),
        text.mark,
        text.told,
        text.message,
        text.attempt,
        text.parts,
        text.course,
        int(text.repeated),
        int(text.settled),
    )


def _text(noted: msgspec.Raw) -> Text | None:
    """None where it can't be read."""
    try:
        row = msgspec.json.decode(noted, type=_Row)
    except msgspec.MsgspecError:
        return None
    known = Handle.parse(row.handle)
    if known is None:
        return None
    course = Course.UNANSWERED if row.course is Course.UNDER_WAY else row.course  # cut off
    parts = row.parts or len(known.references)
    return Text(
        known, row.mark, row.message, row.attempt, parts, course, row.told, bool(row.repeated), bool(row.settled)
    )


def same_number(one: str, other: str) -> bool:
    """The same line, whether written with its country or without."""
    return _mark(one) == _mark(other)


def _marks(reference: str) -> tuple[str, str]:
    message = reference.rpartition(".")[0]
    return _digest(message), _digest(reference)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _mark(number: str) -> str:
    """The last eight digits decide, or all of a shorter number. Too short to be turned back into one."""
    return hashlib.sha256(number.lstrip("+")[-_SAME_DIGITS:].encode()).hexdigest()[:4]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
