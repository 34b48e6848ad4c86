"""What the modem takes before its turn, while the line is down: at which of a message's ways it is tried, what stays where it was, and how what
could not be sent goes back.
"""

import math

import msgspec

from daemon.dispatch.fallback import LINE_DOWN, Situation, decide
from daemon.dispatch.lane import Lane
from outbox.model import Message, State, Transition
from outbox.outcome import Accepted, Outcome, Rejected, Scope, Unknown

ASIDE = 60.0
"""Seconds until the modem looks again at what it could not take out of its turn."""


def is_out_of_turn(lane: Lane, message: Message) -> bool:
    return message.channel != lane.name


def via_index(lane: Lane, message: Message) -> int:
    """Where in `via` this channel stands."""
    return message.via.index(lane.name) if is_out_of_turn(lane, message) else message.via_index


def ways(lane: Lane, message: Message) -> tuple[str, ...] | None:
    """Its ways where that channel takes it before its turn: those that it passes by come after, whatever cuts the try. None: as they are."""
    return lane.out_of_turn(message) if is_out_of_turn(lane, message) else None


def decided(lane: Lane, message: Message, outcome: Outcome, at: Situation, monotonic: float) -> Transition:
    """What becomes of a message that this channel tried, in its turn or before it."""
    to = decide(_tried_there(lane, message, outcome), outcome, at)
    return _way_back(lane, message, outcome, to, now=at.now, monotonic=monotonic)


def _tried_there(lane: Lane, message: Message, outcome: Outcome) -> Message:
    """The message as that channel tries it: what is in doubt has its ways as they are now; what goes back from there is no matter of any
    other."""
    if not is_out_of_turn(lane, message):
        return message
    via = lane.out_of_turn(message) if isinstance(outcome, Unknown) else (lane.name,)
    return msgspec.structs.replace(message, via=via, via_index=via.index(lane.name))


def stays_at_its_own(lane: Lane, message: Message, monotonic: float) -> bool:
    """Whether it was looked at out of its turn: what keeps it from that channel (an opt-out, a quiet hour, a limit) is no matter of
    its own one."""
    if not is_out_of_turn(lane, message):
        return False
    lane.leave_aside(message.seq, monotonic + ASIDE)
    return True


def _way_back(
    lane: Lane, message: Message, outcome: Outcome, to: Transition, *, now: int, monotonic: float
) -> Transition:
    """A message that was taken out of its turn and could not be sent goes back to where it was, none the worse: its own channel has
    not been asked. What the modem put off it looks at when that is over; what it refused, or what has but one try left, it is not given
    again in this outage."""
    if not is_out_of_turn(lane, message) or isinstance(outcome, Accepted | Unknown):
        return to
    back = msgspec.structs.replace(to, state=State.QUEUED, via=message.via, via_index=message.via_index)
    if isinstance(outcome, Rejected) and outcome.scope is not Scope.CHANNEL:
        lane.leave_aside(message.seq, math.inf)
        return back
    if to.state is State.FAILED:
        lane.leave_aside(message.seq, math.inf)
        back = msgspec.structs.replace(back, reason=LINE_DOWN)
    elif to.due_at is not None and to.due_at > now:
        lane.leave_aside(message.seq, monotonic + (to.due_at - now) / 1000)
        back = msgspec.structs.replace(back, due_at=None)
    return msgspec.structs.replace(back, counts=False)
