"""What the calls about sources answer."""

from typing import Any, Literal

import msgspec

from daemon.api.schema.answers import Masked, Moment, Prospective
from daemon.intake.row import SourceState


class SourceOut(msgspec.Struct, frozen=True):
    """A source, and how it goes with it."""

    name: str
    kind: str
    title: str
    hook: str
    """Where its webhooks go."""
    poll: float | None
    """Seconds between two questions; null: it is not asked."""
    missing: list[str]
    """Secrets that it needs and that are not in `.env`."""
    state: SourceState
    """waiting: not asked yet; failing: `problem` says why."""
    last_asked: Moment | None
    last_success: Moment | None
    behind: float | None
    """Seconds ago up to which all that it told is on record; null: it is not asked, or was not yet."""
    problem: str
    swept_at: Moment | None
    """When the last two weeks were compared with the record."""
    mended: list[str]
    """Orders that were found otherwise than on record then, and told."""


class Sources(msgspec.Struct, frozen=True):
    items: list[SourceOut]
    next: str | None


class TriedEvent(msgspec.Struct, frozen=True):
    event: dict[str, Any]
    known: bool
    """It was taken before: it would change nothing."""
    messages: list[Prospective]


class TriedOut(msgspec.Struct, frozen=True):
    """What a body would become. Nothing was taken."""

    events: list[TriedEvent]
    unread: list[str]
    """What could not be understood, each with its place."""
    fetch: list[str]
    """Records that it names, which would be fetched."""
    note: str


class KeptOut(msgspec.Struct, frozen=True):
    """Something that a source told and nobody understood."""

    id: str
    source: str
    state: Literal["waiting", "done", "dropped"]
    reason: str
    at: Moment
    times: int
    """How often the same came."""
    size: int
    retry: bool
    """It is read again by itself."""
    cut: bool
    """It was too large to be kept whole."""


class KeptPage(msgspec.Struct, frozen=True):
    items: list[KeptOut]
    next: str | None


class KeptDetail(KeptOut, frozen=True):
    headers: dict[str, str]
    body: str


class Reread(msgspec.Struct, frozen=True):
    id: str
    closed: bool
    reason: str
    """Why it still can't be understood."""


class ReplayedMessage(msgspec.Struct, frozen=True):
    id: str
    audience: str
    to: Masked
    via: tuple[str, ...]
    template: str
    state: str
    reason: str


class ReplayedEvent(msgspec.Struct, frozen=True):
    """An event for which there is something new to send."""

    source: str
    id: str
    type: str
    order_ref: str
    messages: list[ReplayedMessage]


class ReplayOut(msgspec.Struct, frozen=True):
    looked_at: int
    dry_run: bool
    items: list[ReplayedEvent]
