"""What is answered to events, and an event with the messages it led to."""

from collections.abc import Sequence

import msgspec
from msgspec import field

from daemon.wire.messages import Message
from daemon.wire.problem import ProblemBody
from daemon.wire.values import Answer, State, When, Word


class LedTo(Answer, frozen=True):
    """A message that an event led to: how it stands, by which channels it goes in turn, and why it does not."""

    id: str
    audience: Word = ""
    state: State = ""
    via: tuple[Word, ...] = ()
    reason: str = ""


class Accepted(Answer, frozen=True):
    """The event is on the disk. `duplicate`: it had been taken before."""

    event_id: str
    duplicate: bool = False
    messages: Sequence[LedTo] = ()
    warnings: Sequence[str] = ()
    """Why nobody hears of it, or what is odd about it."""


class BatchItem(Answer, frozen=True, omit_defaults=True):
    index: int
    status: int
    event_id: str | None
    duplicate: bool
    problem: ProblemBody | None
    warnings: tuple[str, ...] = ()
    """Left out where there are none."""


class BatchAnswer(Answer, frozen=True):
    """One answer for each event, in order."""

    items: Sequence[BatchItem] = ()


class EventDetail(Answer, frozen=True, kw_only=True):
    """An event as its source told it (`event`), and the messages it led to."""

    id: str
    source: Word = ""
    type: Word = ""
    order_ref: str = ""
    received_at: When = field(default_factory=When)
    occurred_at: When | None = None
    actor: str = ""
    event: msgspec.Raw | None = None
    """Its own JSON; null once its person was forgotten."""
    messages: Sequence[Message] = ()
