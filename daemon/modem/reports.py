"""Which message a status report is about.

The report names one octet that wraps, and a number that may have lost its "+". So what a message was called by the network
(`Handle`) is kept with its attempt as the provider's id, and a report is looked for among the messages still waiting for one:
the same modem, reference and number, the newest first, within a window. That holds across restarts.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from daemon.modem.pdu import Delivery, StatusReport
from daemon.modem.pin import Notes

WINDOW_MS = 7 * 86_400_000
"""A report later than this belongs to a newer message of the same reference."""
_SAME_DIGITS = 8
_KEY = "modem.parts"
_MOST_TEXTS = 64


@dataclass(frozen=True)
class Handle:
    """What the network calls a text of ours: a reference for each part. `device` tells modems apart, `stamp` (ms) makes it
    unique, since references wrap."""

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
class Awaited:
    """A text that the network took and has not told the end of."""

    handle: Handle
    number: str = field(repr=False)


@dataclass(frozen=True)
class Verdict:
    """What became of a whole text."""

    handle: Handle
    delivery: Delivery
    code: str
    detail: str


def match(report: StatusReport, awaited: Sequence[Awaited], *, device: str, now: int) -> Awaited | None:
    """The text that the report is about; None where none waits for it (yet)."""
    fitting = (
        one
        for one in awaited
        if one.handle.device == device
        and report.reference in one.handle.references
        and now - one.handle.stamp <= WINDOW_MS
        and same_number(one.number, report.recipient.value)
    )
    return max(fitting, key=lambda one: one.handle.stamp, default=None)


def same_number(one: str, other: str) -> bool:
    """The same line, whether written with its country or without: the last eight digits decide, or all of a shorter one."""
    mine, theirs = (number.lstrip("+").lstrip("0") for number in (one, other))
    short = min(len(mine), len(theirs), _SAME_DIGITS)
    return short > 0 and (mine == theirs if short < _SAME_DIGITS else mine[-short:] == theirs[-short:])


class Reports:
    """Judges texts by their parts' reports. What is known of half-reported texts is on the disk."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    async def judge(self, report: StatusReport, text: Awaited) -> Verdict | None:
        """The text's fate; None while parts of it are open. One part that failed fails it; all must arrive."""
        handle, delivery = text.handle, report.delivery
        if delivery in (Delivery.TRYING, Delivery.RESERVED):
            return None
        code = f"ST {report.status:#04x}"
        part = handle.references.index(report.reference) + 1
        many = len(handle.references) > 1
        detail = f"part {part} of {len(handle.references)}: {report.meaning}" if many else report.meaning
        if not many:
            return Verdict(handle, delivery, code, detail)
        known = await self._known()
        parts = known.pop(str(handle), {})
        parts[str(part)] = delivery
        done = len(set(parts)) == len(handle.references)
        if delivery is not Delivery.FAILED and not done:
            known[str(handle)] = parts
        await self._notes.set(_KEY, json.dumps(dict(list(known.items())[-_MOST_TEXTS:])) if known else None)
        if delivery is Delivery.FAILED:
            return Verdict(handle, delivery, code, detail)
        if not done:
            return None
        sure = set(parts.values()) == {Delivery.DELIVERED}
        return Verdict(
            handle,
            Delivery.DELIVERED if sure else Delivery.FORWARDED,
            code,
            f"all {len(parts)} parts: {report.meaning}",
        )

    async def _known(self) -> dict[str, dict[str, str]]:
        noted = await self._notes.get(_KEY)
        known: dict[str, dict[str, str]] = json.loads(noted) if noted else {}
        return known
