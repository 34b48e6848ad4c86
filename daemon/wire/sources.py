"""Sources: how it goes with each, what a body would become, what nobody understood, and what is planned again."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import field

from daemon.wire.steps import Planned
from daemon.wire.values import Answer, Masked, When, Word, one_of


class Source(Answer, frozen=True, kw_only=True):
    """A source, and how it goes with it."""

    name: str
    kind: Word = ""
    title: str = ""
    hook: str = ""
    """Where its webhooks go."""
    poll: float | None = None
    """Seconds between two questions; null: it is not asked."""
    missing: tuple[str, ...] = ()
    """Secrets that it needs and that are not in `.env`."""
    state: Annotated[Word, one_of("ready", "waiting", "failing", "misconfigured")] = ""
    """waiting: not asked yet; failing: `problem` says why."""
    last_asked: When | None = None
    last_success: When | None = None
    behind: float | None = None
    """Seconds ago up to which all that it told is on record; null: it is not asked, or was not yet."""
    problem: str = ""
    """Why it fails; of one that is ready, what a person should know all the same."""
    swept_at: When | None = None
    """When the last two weeks were compared with the record."""
    mended: tuple[str, ...] = ()
    """Orders that were found otherwise than on record then, and told."""


class Sources(Answer, frozen=True):
    items: Sequence[Source] = ()
    next: str | None = None


class TriedEvent(Answer, frozen=True):
    event: Mapping[str, Any] = {}
    known: bool = False
    """It was taken before: it would change nothing."""
    messages: Sequence[Planned] = ()


class Tried(Answer, frozen=True):
    """What a body would become. Nothing was taken."""

    events: Sequence[TriedEvent] = ()
    unread: Sequence[str] = ()
    """What could not be understood, each with its place."""
    fetch: Sequence[str] = ()
    """Records that it names, which would be fetched."""
    note: str = ""


class Kept(Answer, frozen=True, kw_only=True):
    """Something that a source told and nobody understood."""

    id: str
    source: Word = ""
    state: Annotated[Word, one_of("waiting", "done", "dropped")] = ""
    reason: str = ""
    at: When = field(default_factory=When)
    times: int = 1
    """How often the same came."""
    size: int = 0
    retry: bool = False
    """It is read again by itself."""
    cut: bool = False
    """It was too large to be kept whole."""


class KeptPage(Answer, frozen=True):
    items: Sequence[Kept] = ()
    next: str | None = None


class KeptDetail(Kept, frozen=True, kw_only=True):
    headers: Mapping[str, str] = {}
    body: str = ""


class Reread(Answer, frozen=True):
    id: str = ""
    closed: bool = True
    reason: str = ""
    """Why it still can't be understood."""


class ReplayedMessage(Answer, frozen=True, kw_only=True):
    id: str
    audience: Word = ""
    to: Masked = ""
    via: tuple[str, ...] = ()
    template: Word = ""
    state: Word = ""
    reason: str = ""


class ReplayedEvent(Answer, frozen=True):
    """An event for which there is something new to send."""

    source: Word
    id: str
    type: Word = ""
    order_ref: str = ""
    messages: Sequence[ReplayedMessage] = ()


class Replayed(Answer, frozen=True):
    looked_at: int = 0
    dry_run: bool = True
    items: Sequence[ReplayedEvent] = ()
