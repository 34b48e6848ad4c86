"""What the modem's words mean for a message: the modem channel's half of "outcomes are values". Pure."""

import msgspec

from daemon.modem.codes import Kind
from daemon.modem.dialogue import CommandRefused, Silent
from daemon.modem.reports import Handle
from daemon.modem.sending import Transmission
from daemon.modem.status import Stage, Status
from outbox.outcome import Accepted, Deferred, Outcome, Rejected, Scope, Unknown

NOT_READY_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 300.0
"""A SIM that a person must see to is looked at this often, so the channel mends by itself once it is done."""

_FOR_GOOD = (Kind.RECIPIENT, Kind.MESSAGE, Kind.GARBLED, Kind.SUBSCRIPTION)
_IN_A_ROW = 3
_CAN_NOT_SEND = ("this modem can't send SMS", "use a modem that docs/modem.md lists")


def not_now(status: Status) -> Outcome | None:
    """Why nothing can go at this stage."""
    if status.stage is Stage.READY:
        return None
    if status.stage is Stage.NEEDS_PERSON:
        return Rejected(Scope.CHANNEL, status.code, status.reason, status.remedy, after=_LOOK_AGAIN_SECONDS)
    return Deferred(status.reason, code=status.stage, after=NOT_READY_SECONDS)


def outcome(transmission: Transmission, handle: Handle, *, can_send: bool) -> Outcome:
    """Accepted only where every part has its reference; what may have been sent is unknown. `can_send`: this modem has sent
    texts, whatever it says now."""
    trouble = transmission.trouble
    if trouble is None:
        return Accepted(str(handle), detail=f"{transmission.parts} SMS")
    taken = len(transmission.references)
    if taken and not _is_for_good(trouble):
        return Unknown(f"{taken} of {transmission.parts} parts were sent", code="partial")
    where = f"part {taken + 1} of {transmission.parts}: " if taken else ""
    if not isinstance(trouble, CommandRefused):
        return Unknown(trouble.reason, code="silent") if trouble.written else Deferred(trouble.reason, code="silent")
    fault = trouble.fault
    meaning = where + fault.meaning
    match fault.kind:
        case Kind.RECIPIENT | Kind.SUBSCRIPTION:
            return Rejected(Scope.RECIPIENT, fault.code, meaning)
        case Kind.MESSAGE | Kind.GARBLED:
            return Rejected(Scope.MESSAGE, fault.code, meaning)
        case Kind.SIM:
            return Rejected(Scope.CHANNEL, fault.code, fault.meaning, fault.remedy)
        case Kind.UNSUPPORTED if not can_send:
            return Rejected(Scope.CHANNEL, fault.code, *_CAN_NOT_SEND)
        case Kind.UNSURE if trouble.written:
            return Unknown(fault.meaning, code=fault.code)
        case _:
            return Deferred(fault.meaning, code=fault.code)


def with_what_left(said: Outcome, transmission: Transmission) -> Outcome:
    """The same, with how many SMS it cost where that is not what such an outcome costs."""
    left = transmission.left
    return said if said.used(transmission.parts) == left else msgspec.structs.replace(said, left=left)


def _is_for_good(trouble: CommandRefused | Silent) -> bool:
    """Said again it would be refused again: the parts before it need not go out once more."""
    return isinstance(trouble, CommandRefused) and trouble.fault.kind in _FOR_GOOD


class Refusals:
    """Refusals that speak of this recipient or of the whole SIM: it is the SIM when different people in a row meet them. So it is with a modem that
    says that it can't send, though it has: when it has said so a few times in a row."""

    def __init__(self) -> None:
        self._kind: Kind | None = None
        self._numbers: list[str] = []
        """Of those who met that kind in a row."""

    def judge(self, transmission: Transmission, number: str, so_far: Outcome) -> Outcome:
        """What to make of it, after those before it."""
        trouble = transmission.trouble
        fault = trouble.fault if isinstance(trouble, CommandRefused) else None
        if fault is None or fault.kind not in (Kind.SUBSCRIPTION, Kind.UNSUPPORTED):
            if transmission.references:
                self._numbers.clear()
            return so_far
        if fault.kind is not self._kind:
            self._kind, self._numbers = fault.kind, []
        self._numbers.append(number)
        of_the_sim = fault.kind is Kind.SUBSCRIPTION
        if len(set(self._numbers) if of_the_sim else self._numbers) < _IN_A_ROW:
            return so_far
        self._numbers.clear()
        if of_the_sim:
            return Rejected(Scope.CHANNEL, fault.code, fault.meaning, fault.remedy)
        return Rejected(Scope.CHANNEL, fault.code, *_CAN_NOT_SEND, after=_LOOK_AGAIN_SECONDS)
