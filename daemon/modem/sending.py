"""One text out by the modem: its parts in order, each to the network's own reference.

What comes back is a value that says exactly how far it got: only what the network gave a reference for was sent.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from daemon.modem.codes import Kind
from daemon.modem.dialogue import CommandRefused, Dialogue, Silent, Submission, Taken
from daemon.modem.errors import PortLost
from daemon.modem.pdu import Submit
from daemon.modem.setup import try_command
from outbox.clock import Clock

_PART_TRIES, _PART_PAUSE = 3, 5.0
_ONCE_MORE = (Kind.GARBLED, Kind.UNSUPPORTED)
_KEEP_LINK = "AT+CMMS=2"


@dataclass(frozen=True)
class Transmission:
    """`references` of the parts that were taken, in order; `trouble` is what ended it before the last one."""

    parts: int
    references: tuple[int, ...] = ()
    trouble: CommandRefused | Silent | None = None
    repeats: int = 0
    """How often a part whose answer was unclear was handed over once more: it may have gone out each time."""

    @property
    def complete(self) -> bool:
        return len(self.references) == self.parts

    @property
    def unanswered(self) -> bool:
        """The last part was handed over and nothing came back: its answer may still come."""
        return isinstance(self.trouble, Silent) and self.trouble.written

    @property
    def may_have_gone(self) -> bool:
        """The part that ended it may have been sent all the same."""
        unsure = (
            isinstance(self.trouble, CommandRefused) and self.trouble.fault.kind is Kind.UNSURE and self.trouble.written
        )
        return unsure or self.unanswered

    @property
    def left(self) -> int:
        """How many SMS went out, or may have."""
        return len(self.references) + self.repeats + self.may_have_gone


async def transmit(
    link: Dialogue,
    clock: Clock,
    parts: Sequence[Submit],
    *,
    service_centre: str,
    seconds: float,
    on_taken: Callable[[], None],
) -> Transmission:
    """Send the parts one after another. `seconds`: how long the network may take for each. Never raises for the modem's sake."""
    references: list[int] = []
    repeats = 0
    if len(parts) > 1:
        with contextlib.suppress(PortLost):  # the first part will tell
            await try_command(link, _KEEP_LINK)
    for part in parts:
        submission, again = await _submit(
            link, clock, part, service_centre, seconds, long=len(parts) > 1, begun=bool(references)
        )
        repeats += again
        if not isinstance(submission, Taken):
            return Transmission(len(parts), tuple(references), submission, repeats)
        references.append(submission.reference)
        on_taken()
    return Transmission(len(parts), tuple(references), repeats=repeats)


async def _submit(
    link: Dialogue, clock: Clock, part: Submit, service_centre: str, seconds: float, *, long: bool, begun: bool
) -> tuple[Submission, int]:
    """`begun`: earlier parts are under way, so what may pass is tried again rather than given up. So is a part that may have gone
    out all the same: a phone shows a part once, however often it comes. How often one such was, too. What the line garbled, or
    made a word that the modem does not know, is said once more."""
    length, pdu = part.command(service_centre)
    repeats = 0
    tries, once_more = 1, set[Kind]()
    submission = await link.submit(length, pdu, timeout=seconds)
    while isinstance(submission, CommandRefused):
        kind = submission.fault.kind
        if kind in _ONCE_MORE and kind not in once_more:
            once_more.add(kind)
        elif tries < _PART_TRIES and ((begun and kind is Kind.RETRY) or (long and kind is Kind.UNSURE)):
            repeats += kind is Kind.UNSURE and submission.written
            await clock.sleep(_PART_PAUSE * tries)
            tries += 1
        else:
            break
        submission = await link.submit(length, pdu, timeout=seconds)
    return submission, repeats
