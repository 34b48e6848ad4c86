"""What one try of sending may say: a value the dispatcher reads, never an exception's text."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, TypeAlias

import msgspec


class Scope(StrEnum):
    """How far a refusal reaches."""

    MESSAGE = "message"  # this text or template: the next channel may take it
    RECIPIENT = "recipient"  # this address: the next channel may reach the person
    CHANNEL = "channel"  # credentials, credit, quota: nothing goes this way until somebody mends it


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What each outcome says of its channel's limits."""

    may_have_left: ClassVar[bool] = False
    left: int | None = None
    """How many of its units (a long text's parts) left, or may have, where that is neither all of them nor none: it was refused part way, or
    handed over more than once."""

    def used(self, units: int) -> int:
        """How much of the rate and the day it took, of so many units."""
        if self.left is not None:
            return self.left
        return units if self.may_have_left else 0


class Accepted(Ended, frozen=True, tag="accepted"):
    """The provider took it. `provider_id` is what its receipts will name ("" where it gives none)."""

    may_have_left: ClassVar[bool] = True
    provider_id: str = ""
    detail: str = ""


class Deferred(Ended, frozen=True, tag="deferred"):
    """Not now: try this channel again. `after` is the provider's own wait in seconds (Retry-After), None for our backoff.

    `again`: the least seconds that this message waits, when its channel need not.
    `unreachable`: no connection was made, which is evidence about the line; such a try was never sent.
    `throttled`: the provider is well but wants fewer requests; it does not count against the channel's breaker.
    `recipient`: this one has had enough for the moment: no evidence about the channel, by which others are told as before.
    `local`: this machine lacked what it takes (descriptors, memory): no evidence about channel or line, and no try that counts.
    """

    reason: str
    code: str = ""
    after: float | None = None
    again: float = 0.0
    unreachable: bool = False
    throttled: bool = False
    recipient: bool = False
    local: bool = False


class Rejected(Ended, frozen=True, tag="rejected"):
    """A refusal that repeating won't change. `code` and `reason` are the provider's own, `remedy` is ours for the owner.

    `opted_out`: the provider says this recipient asked for silence: it becomes an opt-out for the whole medium.
    `after`: for Scope.CHANNEL only, when it may mend by itself (a daily quota): seconds, None = a person must act.
    """

    scope: Scope
    code: str
    reason: str
    remedy: str = ""
    opted_out: bool = False
    after: float | None = None


class Unknown(Ended, frozen=True, tag="unknown"):
    """The request may have arrived: timeout or reset after writing, a crash, a 5xx of a provider known to send anyway."""

    may_have_left: ClassVar[bool] = True
    reason: str
    code: str = ""


Outcome: TypeAlias = Accepted | Deferred | Rejected | Unknown


class Found(msgspec.Struct, frozen=True, tag="found"):
    """Looking an unknown attempt up: the provider has it, under this id."""

    provider_id: str
    receipt: "ReceiptState | None" = None


class Absent(msgspec.Struct, frozen=True, tag="absent"):
    """Looking up: the provider surely does not have it; sending again is no duplicate."""


class CannotTell(msgspec.Struct, frozen=True, tag="cannot_tell"):
    """Looking up: it can't be known. `again` in seconds asks to look once more later; None leaves it to the route's policy.
    `unreachable`: the question met no answer at all, which is evidence about the line.
    `under_way`: our own side is still sending it: however long that takes, it is not given up meanwhile."""

    reason: str = ""
    again: float | None = None
    unreachable: bool = False
    under_way: bool = False


Lookup: TypeAlias = Found | Absent | CannotTell


class ReceiptState(StrEnum):
    """The provider's later word on an attempt."""

    SENT = "sent"  # handed to the carrier; more may follow
    DELIVERED = "delivered"
    READ = "read"
    UNDELIVERED = "undelivered"  # final: the message moves to its next channel

    def says_more_than(self, last: "ReceiptState | None") -> bool:
        """Only then does it count: a delivery corrects a failure, nothing takes a delivery back."""
        return last is None or _RANK[self] > _RANK[last]


_RANK: Mapping[ReceiptState, int] = {
    ReceiptState.SENT: 1,
    ReceiptState.UNDELIVERED: 2,
    ReceiptState.DELIVERED: 3,
    ReceiptState.READ: 4,
}
