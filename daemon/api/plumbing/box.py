"""The outbox, as far as the HTTP face goes: `outbox.Outbox` satisfies `Box`, and tests hand in a small one."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from outbox import AuditRow, Bounds, Change, Figures, Kept, OptOut, Page, ReplyRow, StoredEvent, Story, Verification
from outbox.errors import OutboxError
from outbox.heads import End
from outbox.model import (
    Acceptance,
    Attempt,
    Message,
    Order,
    PlannedMessage,
    Planner,
    Posted,
    State,
)
from outbox.reasons import Reason


class Token(Protocol):
    """A name and what it may do."""

    @property
    def name(self) -> str: ...
    @property
    def scopes(self) -> frozenset[str]: ...
    @property
    def created_at(self) -> int: ...
    @property
    def bounds(self) -> Bounds: ...


class Tokens(Protocol):
    def find(self, secret: str) -> Token | None:
        """Whose secret it is. Compared by digest; asked on every call, so it must not touch the disk each time."""
        ...

    async def create(self, name: str, scopes: Sequence[str], *, bounds: Bounds, actor: str) -> str:
        """Make one and return its secret, which is not kept. Raises IllegalMove when the name is taken."""
        ...

    async def list(self) -> Sequence[Token]: ...

    async def revoke(self, name: str, *, actor: str) -> None:
        """Raises NotFound."""
        ...


class Spool(Protocol):
    async def accept(self, posted: Posted, plan: Planner) -> Acceptance:
        """Raises EventConflict, StorageFull."""
        ...

    async def accept_many(self, posted: Sequence[Posted], plan: Planner) -> Sequence[Acceptance | OutboxError]: ...

    async def hold(self, ref: str, *, actor: str, reason: str) -> None: ...

    async def release(self, ref: str, *, actor: str, reason: str) -> None: ...

    async def retry(self, message_id: str, *, actor: str, channel: str | None = None) -> Message: ...

    async def cancel(self, message_id: str, *, actor: str, reason: str) -> Message: ...


class Consent(Protocol):
    async def stop(self, medium: str, address: str, *, reason: str, actor: str) -> None: ...

    async def allow(self, medium: str, address: str, *, reason: str, actor: str) -> bool:
        """False: there was no such opt-out."""
        ...

    async def allow_entry(self, entry_id: str, *, reason: str, actor: str) -> OptOut:
        """Take back the opt-out of that id, whose address need not be known. Returns what it was. Raises NotFound."""
        ...

    async def list(self, *, limit: int, cursor: str | None) -> Page[OptOut]:
        """What stands, the newest first."""
        ...

    async def blocked(self, medium: str, address: str) -> Reason | None:
        """Why nothing of that medium may go there; None: it may."""
        ...


class Unsubscribe(Protocol):
    def holds(self, token: str) -> bool:
        """Whether it is one of a link of ours."""
        ...

    async def use(self, token: str, *, how: str) -> bool:
        """Nothing more goes to its address by mail. False: it is none of ours."""
        ...


class Replies(Protocol):
    async def list(self, *, unread: bool, order_ref: str | None, limit: int, cursor: str | None) -> Page[ReplyRow]: ...

    async def get(self, ids: Sequence[str]) -> Sequence[ReplyRow]: ...

    async def mark_read(self, reply_id: str, *, actor: str) -> None:
        """Raises NotFound."""
        ...


class Audit(Protocol):
    async def append(
        self,
        kind: str,
        *,
        actor: str = "",
        order_ref: str = "",
        message_id: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> object: ...

    async def list(
        self,
        *,
        search: str | None,
        kind: str | None,
        order_ref: str | None,
        message_id: str | None,
        actor: str | None,
        since: int | None,
        limit: int,
        cursor: str | None,
        oldest_first: bool = False,
    ) -> Page[AuditRow]:
        """The newest first, unless asked for otherwise. `search`: a word in any of its fields."""
        ...

    async def verify(self) -> Verification: ...

    async def end(self) -> End | None:
        """What the record ends with; None: it is empty."""
        ...

    def export(self, form: str, seal: Callable[[End], str]) -> AsyncIterator[bytes]:
        """The whole record in pieces, as "jsonl" or "csv"."""
        ...


class Views(Protocol):
    """Reads. Cursors are opaque; a foreign one raises ValueError."""

    async def events(self, event_id: str, *, source: str | None) -> Sequence[StoredEvent]: ...

    async def messages(
        self,
        *,
        states: Sequence[State],
        channel: str | None,
        order_ref: str | None,
        recipient: str | None,
        since: int | None,
        limit: int,
        cursor: str | None,
    ) -> Page[Message]: ...

    async def messages_of_event(self, event_seq: int) -> Sequence[Message]: ...

    async def messages_by_id(self, ids: Sequence[str]) -> Sequence[Message]: ...

    async def attempts(self, message_ids: Sequence[str]) -> Sequence[Attempt]: ...

    async def orders(
        self,
        *,
        statuses: Sequence[str],
        search: str | None,
        since: int | None,
        limit: int,
        cursor: str | None,
    ) -> Page[Order]:
        """The newest change first. `search`: part of a ref, or of a customer's name."""
        ...

    async def orders_by_ref(self, refs: Sequence[str]) -> Sequence[Order]: ...

    async def told(self, refs: Sequence[str]) -> Mapping[str, Message]:
        """By order: the newest message to the customer whose trigger is the order's status."""
        ...

    async def story(self, ref: str) -> Story | None: ...

    async def figures(self) -> Figures: ...

    async def changes(self, since: int, *, limit: int) -> Sequence[Change]: ...

    async def epoch(self) -> str:
        """The history that sequence numbers belong to."""
        ...

    async def newest(self) -> int:
        """The sequence number of the newest change."""
        ...


class Changes(Protocol):
    def subscribe(self) -> AsyncIterator[Change]:
        """Each change after its commit, until the caller stops iterating. Some may be left out for a slow reader."""
        ...


class Notes(Protocol):
    """Small durable facts by key."""

    async def get(self, key: str) -> str | None: ...

    async def set(self, key: str, value: str) -> None: ...


class Quarantine(Protocol):
    async def list(self, *, source: str | None, state: str | None, limit: int, cursor: str | None) -> Page[Kept]:
        """The newest first, without their bodies."""
        ...

    async def get(self, seq: int) -> Kept:
        """Raises NotFound."""
        ...

    async def close(self, seq: int, state: Literal["done", "dropped"], *, actor: str) -> None:
        """Raises NotFound, IllegalMove."""
        ...


class Replay(Protocol):
    async def since(self, moment: int, *, after: int, limit: int) -> Sequence[StoredEvent]:
        """Events received at or after a moment (ms), with a number above `after`, in order."""
        ...

    async def replan(self, event: StoredEvent, plan: Planner, *, dry_run: bool) -> Sequence[PlannedMessage]:
        """The messages that were (with `dry_run`: would be) added. Raises NotFound."""
        ...


class Box(Protocol):
    """`outbox.Outbox`, as far as the HTTP face goes."""

    @property
    def spool(self) -> Spool: ...
    @property
    def consent(self) -> Consent: ...
    @property
    def unsubscribe(self) -> Unsubscribe: ...
    @property
    def replies(self) -> Replies: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def views(self) -> Views: ...
    @property
    def changes(self) -> Changes: ...
    @property
    def notes(self) -> Notes: ...
    @property
    def quarantine(self) -> Quarantine: ...
    @property
    def replay(self) -> Replay: ...
