"""Where a message goes after a try: pure rules over the message, the outcome and what is known of the channels."""

import math
from collections.abc import Callable

import msgspec

from outbox.model import Message, State, Transition
from outbox.outcome import Accepted, Deferred, Outcome, Rejected, Scope, Unknown
from outbox.reasons import Reason

LOOK_UP_AFTER = 5.0
"""Seconds before an unknown attempt is first looked up: providers list a message a moment after they took it."""

REPEAT_AFTER = 300.0
"""Seconds until what its provider left in doubt is repeated, where that can't be asked: its one repeat is not to meet the same trouble."""

MOST_CUTS = 2
"""So many doubts at one channel, and what is cut there once more is not repeated, whoever cut it: each may have arrived."""

MISTAKE = "bug"
"""The code of an outcome that is a channel's own failure: it may have come after the request was written."""

LINE_DOWN = Reason("the line is down", "line_down")


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What else the decision needs."""

    now: int
    backoff: float
    """Seconds our own backoff would wait, drawn for this try."""
    max_attempts: int
    patience_from: int
    """As `patience_from` says."""
    line_down: bool
    can_look_up: bool
    repeat_is_harmless: bool
    usable: Callable[[str], bool]
    """Whether a channel of that name could take a message now or soon (enabled, not paused, not misconfigured)."""
    enabled: Callable[[str], bool]
    """Whether there is a channel of that name that could once it is not paused any more, or its day is over."""
    doubts: int = 0
    """How many earlier tries of it by this channel ended in doubt."""


def patience_from(message: Message, line_up_at: float) -> int:
    """When patience began to run (ms): when the message came to this channel, when the line came back, or at the moment that it waited for.
    The night is no impatience: what the morning finds waiting would all go another way at the provider's first "too many"."""
    return round(max(message.channel_since, line_up_at, 0 if message.relative else message.due_at))


def said(code: str, message: Message, outcome: Deferred | Rejected | Unknown) -> Reason:
    """What its channel said, in the channel's own words."""
    return Reason(outcome.reason, code, channel=message.channel, code=outcome.code, words=outcome.reason)


def _gave_up(message: Message, because: Reason) -> Reason:
    tries = message.attempt_count + 1
    return Reason(f"gave up after {tries} tries: {because}", "gave_up", tries=tries, because=because)


def next_via_index(message: Message, usable: Callable[[str], bool], *, after: int | None = None) -> int | None:
    """The index of the next channel that can be used; None: there is no other."""
    start = (message.via_index if after is None else after) + 1
    return next((via_index for via_index in range(start, len(message.via)) if usable(message.via[via_index])), None)


def over_to(message: Message, via_index: int, reason: Reason, now: int) -> Transition:
    """To that channel without a try: at once, but not before the time that it was planned for."""
    to = Transition(state=State.QUEUED, reason=reason, via_index=via_index, counts=False)
    if now >= min(message.due_at, message.channel_since):
        return to
    return msgspec.structs.replace(to, due_at=message.due_at, relative=message.relative)


def in_time(message: Message, to: Transition, usable: Callable[[str], bool], now: int) -> Transition:
    """A wait that ends when it is of no use any more (quiet hours, a day's limit) is none: its next channel may take it now."""
    if not _outlasts(message, to):
        return to
    via_index = next_via_index(message, usable)
    if via_index is None:
        return while_of_use(message, to, now)
    return Transition(state=State.QUEUED, reason=to.reason, via_index=via_index, counts=False)


def while_of_use(message: Message, to: Transition, now: int) -> Transition:
    """It waits no longer than it is of use, and is looked at then: people hear that it is too late when it is, and what stands behind it goes
    on. One that is past that already was let be, since the time is in doubt: it waits as long as it was told to."""
    if _outlasts(message, to) and message.expires_at is not None and now < message.expires_at:
        return msgspec.structs.replace(to, due_at=message.expires_at)
    return to


def _outlasts(message: Message, to: Transition) -> bool:
    """Whether that wait ends when the message is of no use any more."""
    return to.state is State.QUEUED and to.due_at is not None and to.due_at >= (message.expires_at or math.inf)


def decide(message: Message, outcome: Outcome, at: Situation) -> Transition:
    """What becomes of the message. Total: every outcome has a decided continuation."""
    match outcome:
        case Accepted():
            return Transition(state=State.SENT, reason=Reason(outcome.detail, "taken", words=outcome.detail))
        case Deferred():
            return _after_deferral(message, outcome, at)
        case Rejected(scope=Scope.CHANNEL):
            return _past_the_channel(message, said("channel_out", message, outcome), at)
        case Rejected():
            why = said("opted_out_there" if outcome.opted_out else "refused", message, outcome)
            to = pass_over(message, why, at, counts=True, opted_out=outcome.opted_out)
            return msgspec.structs.replace(to, possible_duplicate=True) if outcome.code == MISTAKE else to
        case Unknown():
            return after_unknown(message, said("unsure", message, outcome), at, cut_here=at.line_down)


def _after_deferral(message: Message, outcome: Deferred, at: Situation) -> Transition:
    if outcome.local:
        due_at = at.now + round(at.backoff * 1000)
        return Transition(state=State.QUEUED, reason=said("short_of", message, outcome), due_at=due_at, counts=False)
    if outcome.unreachable and at.line_down:
        return Transition(state=State.QUEUED, reason=LINE_DOWN, counts=False)
    reason = said("throttled" if outcome.throttled else "not_now", message, outcome)
    if message.attempt_count + 1 >= at.max_attempts:
        return Transition(state=State.FAILED, reason=_gave_up(message, reason))
    wait = max(at.backoff if outcome.after is None else outcome.after, outcome.again)
    if outcome.recipient:  # of many for one who has had enough, each comes back at a moment of its own
        wait += at.backoff
    due_at = at.now + round(wait * 1000)
    impatient_at = at.patience_from + round(message.policy.patience * 1000)
    via_index = next_via_index(message, at.usable)
    if via_index is not None and due_at >= impatient_at:
        return Transition(state=State.QUEUED, reason=reason, via_index=via_index, due_at=max(at.now, impatient_at))
    return Transition(state=State.QUEUED, reason=reason, due_at=due_at)


def _past_the_channel(message: Message, reason: Reason, at: Situation) -> Transition:
    """The whole channel is out: the next one takes the message, or it waits here; it never pays for it."""
    return Transition(state=State.QUEUED, reason=reason, via_index=next_via_index(message, at.usable), counts=False)


def pass_over(
    message: Message,
    reason: Reason,
    at: Situation,
    *,
    counts: bool = False,
    opted_out: bool = False,
    after: int | None = None,
) -> Transition:
    """This channel can't reach the recipient: on to the next, though it be one that has to be waited for, or the end."""
    via_index = _next_way(message, at, after=after)
    if via_index is not None:
        return Transition(state=State.QUEUED, reason=reason, via_index=via_index, counts=counts)
    return Transition(state=State.SUPPRESSED if opted_out else State.FAILED, reason=reason, counts=counts)


def _next_way(message: Message, at: Situation, *, after: int | None = None) -> int | None:
    """The index of the next channel, of one that has to be waited for where no other can be used."""
    via_index = next_via_index(message, at.usable, after=after)
    if via_index is None:
        return next_via_index(message, at.enabled, after=after)
    return via_index


def after_unknown(
    message: Message, reason: Reason, at: Situation, *, looked_up: bool = False, cut_here: bool = False
) -> Transition:
    """The request may have arrived. First ask, then repeat where that is harmless, else as the route says: once, for each repeat may be one
    more that is read. What is in doubt after that goes to its next channel, and where there is none staff decide. `cut_here`: by the line or
    our own end, which says nothing of the provider, and may come twice."""
    if at.can_look_up and not looked_up:
        return Transition(state=State.UNKNOWN, reason=reason, due_at=at.now + round(LOOK_UP_AFTER * 1000))
    if (
        at.repeat_is_harmless or message.policy.on_unknown == "resend"
    ) and message.attempt_count + 1 >= at.max_attempts:
        return Transition(state=State.FAILED, reason=_gave_up(message, reason), possible_duplicate=True)
    soon = at.now + round(at.backoff * 1000)
    if at.repeat_is_harmless:
        return Transition(state=State.QUEUED, reason=reason, due_at=soon)
    is_repeated = not message.possible_duplicate or (cut_here and at.doubts < MOST_CUTS)
    if message.policy.on_unknown == "resend" and is_repeated:
        due_at = soon if looked_up or cut_here else max(soon, _past_its_trouble(message, at))
        return Transition(state=State.QUEUED, reason=reason, due_at=due_at, possible_duplicate=True)
    via_index = _next_way(message, at)
    if message.policy.on_unknown == "resend" and via_index is not None:
        return Transition(state=State.QUEUED, reason=reason, via_index=via_index, possible_duplicate=True)
    return Transition(state=State.UNKNOWN, reason=Reason(f"{reason}; staff decide", "staff_decide", because=reason))


def _past_its_trouble(message: Message, at: Situation) -> int:
    """When (ms) the trouble of a provider should be over; but no later than patience with it ends where there is another way, nor when half
    the time is over for which the message is of use."""
    moments = [at.now + round(REPEAT_AFTER * 1000)]
    if next_via_index(message, at.usable) is not None:
        moments.append(at.patience_from + round(message.policy.patience * 1000))
    if message.expires_at is not None:
        moments.append((at.now + message.expires_at) // 2)
    return min(moments)
