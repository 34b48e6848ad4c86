"""Which message a status report is about.

The report names one octet that wraps, and a number that may have lost its "+". So what the network called each text (`Handle`,
which is also its provider id) is noted on the disk before its sender hears of it, and a report is looked for among the texts
that still wait for one: the same modem, reference and number, the newest first, within a window. That holds across restarts,
and it tells of a text that went out just before a crash.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from daemon.modem.errors import NotCommitted
from daemon.modem.pdu import Delivery, StatusReport
from daemon.modem.pin import Notes
from outbox.clock import Clock

WINDOW_MS = 7 * 86_400_000
"""A report later than this belongs to a newer text of the same reference."""
MOST_TEXTS = 128
_SAME_DIGITS = 8
_KEY = "modem.sent"


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
        device, _, rest = text.partition("-")
        stamp, _, references = rest.partition("-")
        try:
            return cls(device, int(stamp, 16), tuple(int(part) for part in references.split(".")))
        except ValueError:
            return None


@dataclass(frozen=True)
class Verdict:
    """What became of a whole text."""

    handle: Handle
    delivery: Delivery
    code: str
    detail: str


@dataclass(frozen=True)
class Matched:
    """The report is about a text of ours. `verdict`: None while other parts of it are open, or the network still tries."""

    verdict: Verdict | None


@dataclass
class _Text:
    handle: Handle
    mark: str
    told: dict[str, str] = field(default_factory=dict)
    """Part (from 1) -> what became of it."""
    over: bool = False


class Ledger:
    """The texts that the network took, until their end is known. No number stands in it, only a mark of sixteen bits."""

    def __init__(self, notes: Notes, clock: Clock) -> None:
        self._notes, self._clock = notes, clock
        self._texts: list[_Text] | None = None

    async def add(self, handle: Handle, number: str) -> None:
        """Note a text. What can't be written now is kept in memory and written with the next: it was sent all the same."""
        with contextlib.suppress(NotCommitted):
            (await self._load()).append(_Text(handle, _mark(number)))
            await self._save()

    async def judge(self, report: StatusReport, *, device: str) -> Matched | None:
        """Whom a report is about and what follows; None where no text waits for it. Raises NotCommitted.

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
            return Matched(Verdict(text.handle, Delivery.FAILED, code, where + detail))
        if len(text.told) < len(set(text.handle.references)):
            return Matched(None)
        sure = set(text.told.values()) == {Delivery.DELIVERED}
        delivery = Delivery.DELIVERED if sure else Delivery.FORWARDED
        return Matched(Verdict(text.handle, delivery, code, (f"all {count} parts: " if count > 1 else "") + detail))

    async def close(self, handle: Handle) -> None:
        """Its end is on record: no further report is about it."""
        for text in await self._load():
            text.over = text.over or text.handle == handle

    async def find(self, number: str, *, since: int, until: int) -> Handle | None:
        """The text to this number that went out between these moments (ms), where its sender never heard of it."""
        mark = _mark(number)
        fitting = (text.handle for text in await self._load() if text.mark == mark)
        return next((handle for handle in fitting if since <= handle.stamp <= until), None)

    def _match(self, report: StatusReport, device: str, texts: Iterable[_Text]) -> _Text | None:
        mark, now = _mark(report.recipient.value), self._clock.now()
        fitting = (
            text
            for text in texts
            if (text.handle.device, text.mark, text.over) == (device, mark, False)
            and report.reference in text.handle.references
            and now - text.handle.stamp <= WINDOW_MS
        )
        return max(fitting, key=lambda text: text.handle.stamp, default=None)

    async def _load(self) -> list[_Text]:
        if self._texts is None:
            noted = json.loads(await self._notes.get(_KEY) or "[]")
            read = [(Handle.parse(handle), mark, told) for handle, mark, told in noted]
            self._texts = [_Text(handle, mark, told) for handle, mark, told in read if handle]
        return self._texts

    async def _save(self) -> None:
        oldest = self._clock.now() - WINDOW_MS
        recent = [text for text in self._texts or () if text.handle.stamp > oldest][-MOST_TEXTS:]
        self._texts = recent
        rows = [[str(text.handle), text.mark, text.told] for text in recent]
        await self._notes.set(_KEY, json.dumps(rows, separators=(",", ":")))


def same_number(one: str, other: str) -> bool:
    """The same line, whether written with its country or without."""
    return _mark(one) == _mark(other)


def _mark(number: str) -> str:
    """The last eight digits decide, or all of a shorter number. Too short to be turned back into one."""
    return hashlib.sha256(number.lstrip("+")[-_SAME_DIGITS:].encode()).hexdigest()[:4]
