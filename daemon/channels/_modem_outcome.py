"""What the modem's words mean for a message: the modem channel's half of "outcomes are values". Pure."""

from daemon.modem.codes import Kind
from daemon.modem.dialogue import Refused
from daemon.modem.reports import Handle
from daemon.modem.sending import Transmission
from daemon.modem.status import Stage, Status
from outbox.outcome import Accepted, Deferred, Outcome, Rejected, Scope, Unknown

NOT_READY_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 300.0
"""A SIM that a person must see to is looked at this often, so the channel mends by itself once it is done."""


def not_now(status: Status) -> Outcome | None:
    """Why nothing can go at this stage."""
    if status.stage is Stage.READY:
        return None
    if status.stage is Stage.NEEDS_PERSON:
        return Rejected(Scope.CHANNEL, status.code, status.reason, status.remedy, after=_LOOK_AGAIN_SECONDS)
    return Deferred(status.reason, code=status.stage, after=NOT_READY_SECONDS)


def outcome(transmission: Transmission, handle: Handle) -> Outcome:
    """Accepted only where every part has its reference; what may have been sent is unknown."""
    trouble = transmission.trouble
    if trouble is None:
        return Accepted(str(handle), detail=f"{transmission.parts} SMS")
    if transmission.references:
        taken = len(transmission.references)
        return Unknown(f"{taken} of {transmission.parts} parts were sent", code="partial")
    if not isinstance(trouble, Refused):
        return Unknown(trouble.reason, code="silent") if trouble.written else Deferred(trouble.reason, code="silent")
    fault = trouble.fault
    match fault.kind:
        case Kind.RECIPIENT:
            return Rejected(Scope.RECIPIENT, fault.code, fault.meaning)
        case Kind.MESSAGE:
            return Rejected(Scope.MESSAGE, fault.code, fault.meaning)
        case Kind.SIM:
            return Rejected(Scope.CHANNEL, fault.code, fault.meaning, fault.remedy)
        case Kind.UNSUPPORTED:
            return Rejected(
                Scope.CHANNEL, fault.code, "this modem can't send SMS", "use a modem that docs/modem.md lists"
            )
        case Kind.UNSURE if trouble.written:
            return Unknown(fault.meaning, code=fault.code)
        case _:
            return Deferred(fault.meaning, code=fault.code)
