"""What left past the outbox: tests, and words about the box. They are no attempts of a message: what they took of a channel's day is noted
beside those, so that a restart or a reload forgets none of it.
"""

from decimal import Decimal

import msgspec
import structlog

from outbox import Outbox

log = structlog.get_logger(__name__)


class Unqueued(msgspec.Struct, frozen=True):
    """By one channel since a moment. `units` of its day; `parts` and `cost` of what all text messages may be."""

    units: int = 0
    parts: int = 0
    cost: Decimal = Decimal(0)

    def plus(self, other: "Unqueued") -> "Unqueued":
        return Unqueued(self.units + other.units, self.parts + other.parts, self.cost + other.cost)


async def unqueued_since(box: Outbox, channel: str, since: int) -> Unqueued:
    """Nothing where the note can't be read any more."""
    noted = await box.notes.get(_note(channel)) or "0:0"
    try:
        at, units, parts, cost = _read(noted)
    except (ValueError, ArithmeticError):
        log.warning("what tests and words about the box took of the day can't be read any more", channel=channel)
        return Unqueued()
    return Unqueued(units, parts, cost) if at >= since else Unqueued()


def _read(noted: str) -> tuple[int, int, int, Decimal]:
    """An earlier release noted no parts and no cost. Raises ValueError, ArithmeticError."""
    at, *counts = noted.split(":")
    units, parts, cost = (*counts, "0", "0")[:3]
    return int(at), int(units), int(parts), Decimal(cost)


async def note_unqueued(box: Outbox, channel: str, left: Unqueued, *, since: int, now: int) -> None:
    """One more left. `since`: when the day began."""
    total = (await unqueued_since(box, channel, since)).plus(left)
    await box.notes.set(_note(channel), f"{now}:{total.units}:{total.parts}:{total.cost}")


def _note(channel: str) -> str:
    return f"channel.{channel}.trials"
