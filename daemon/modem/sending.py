"""One text out by the modem: its parts in order, each to the network's own reference.

What comes back is a value that says exactly how far it got: only what the network gave a reference for was sent.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from daemon.modem.codes import Kind
from daemon.modem.dialogue import Dialogue, Refused, Silent, Submission, Taken
from daemon.modem.errors import PortLost
from daemon.modem.pdu import Submit
from daemon.modem.setup import try_command
from outbox.clock import Clock

_PART_TRIES, _PART_PAUSE = 3, 5.0
_KEEP_LINK = "AT+CMMS=2"


@dataclass(frozen=True)
class Transmission:
    """`references` of the parts that were taken, in order; `trouble` is what ended it before the last one."""

    parts: int
    references: tuple[int, ...] = ()
    trouble: Refused | Silent | None = None

    @property
    def complete(self) -> bool:
        return len(self.references) == self.parts


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
    if len(parts) > 1:
        with contextlib.suppress(PortLost):  # the first part will tell
            await try_command(link, _KEEP_LINK)
    for part in parts:
        submission = await _submit(link, clock, part, service_centre, seconds, patient=bool(references))
        if not isinstance(submission, Taken):
            return Transmission(len(parts), tuple(references), submission)
        references.append(submission.reference)
        on_taken()
    return Transmission(len(parts), tuple(references))


async def _submit(
    link: Dialogue, clock: Clock, part: Submit, service_centre: str, seconds: float, *, patient: bool
) -> Submission:
    """`patient`: earlier parts are under way, so a passing refusal of this one is tried again rather than given up."""
    length, pdu = part.command(service_centre)
    submission = await link.submit(length, pdu, timeout=seconds)
    for turn in range(1, _PART_TRIES if patient else 1):
        if not (isinstance(submission, Refused) and submission.fault.kind is Kind.RETRY):
            break
        await clock.sleep(_PART_PAUSE * turn)
        submission = await link.submit(length, pdu, timeout=seconds)
    return submission
