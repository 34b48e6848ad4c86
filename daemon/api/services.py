"""What the HTTP face needs of the rest, as Protocols: the composition root hands in the real things, tests hand in small ones.

`Services` is read anew at each call: a reload may exchange its fields while requests run.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec

from daemon.channels.base import Inbound, InboundRequest
from daemon.config import Settings
from outbox import AuditRow, Change, Figures, Kept, OptOut, Page, ReplyRow, StoredEvent, Story, Verdict
from outbox.clock import Clock
from outbox.errors import OutboxError
from outbox.model import (
    Acceptance,
    Attempt,
    Event,
    Message,
    Order,
    Plan,
    PlannedMessage,
    Planner,
    Posted,
    Rendered,
    State,
)

# ---------------------------------------------------------------- the outbox


class Token(Protocol):
    """A name and what it may do."""

    @property
    def name(self) -> str: ...
    @property
    def scopes(self) -> frozenset[str]: ...
    @property
    def created_at(self) -> int: ...


class Tokens(Protocol):
    def find(self, secret: str) -> Token | None:
        """Whose secret it is. Compared by digest; asked on every call, so it must not touch the disk each time."""
        ...

    async def create(self, name: str, scopes: Sequence[str], *, actor: str) -> str:
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

    async def blocked(self, medium: str, address: str) -> str | None:
        """Why nothing of that medium may go there; None: it may."""
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

    async def verify(self) -> Verdict: ...


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


# ---------------------------------------------------------------- planning and rendering


class Manual(msgspec.Struct, frozen=True, kw_only=True):
    """A message that staff write: a template by name, or free text."""

    audience: str
    template: str = ""
    text: str | None = None
    subject: str | None = None
    via: tuple[str, ...] = ()
    """Empty: whatever reaches the recipient soonest."""
    urgent: bool = False
    """Passes quiet hours."""


class Planning(Protocol):
    def plan(self, posted: Posted, before: Order | None, after: Order) -> Plan:
        """`outbox.model.Planner`: the store's routes."""
        ...

    def manual(self, wish: Manual) -> Planner:
        """The planner of one message by hand: usable addresses and channels found as a route's would be. Raises LookupError
        with a sentence when no such audience, template or channel exists."""
        ...

    def quiet_until(self, medium: str, now: int) -> int | None:
        """When the quiet hours end for that medium; None: it is not quiet."""
        ...


class PreviewText(msgspec.Struct, frozen=True):
    """A rendered text, with the size of its SMS where it is one."""

    rendered: Rendered
    encoding: str | None = None
    units: int | None = None
    parts: int | None = None


class Preview(Protocol):
    async def preview(
        self,
        *,
        template: str,
        medium: str,
        locale: str | None,
        event: Event | None,
        order: Order | None,
        text: str | None,
        subject: str | None = None,
        audience: str = "customer",
    ) -> PreviewText:
        """Render without sending; without event and order, from sample data. `template` "" with a `text`: the text as it is.
        Raises LookupError (no such template) or ValueError (a broken one), with a sentence naming the template and line."""
        ...

    def templates(self) -> Mapping[str, Sequence[str]]:
        """The names that staff may send by hand, and the media each is written for."""
        ...


# ---------------------------------------------------------------- channels, the line, receipts, sources


class ChannelRow(Protocol):
    """`daemon.dispatch`'s status of a channel."""

    @property
    def name(self) -> str: ...
    @property
    def medium(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def queued(self) -> int: ...
    @property
    def sent_today(self) -> int: ...
    @property
    def daily_limit(self) -> int | None: ...
    @property
    def last_success(self) -> int | None: ...
    @property
    def last_failure(self) -> int | None: ...
    @property
    def title(self) -> str: ...
    @property
    def rate(self) -> float | None: ...
    @property
    def last_trouble(self) -> str: ...
    @property
    def detail(self) -> Mapping[str, Any]:
        """What is particular to it: the modem's signal, operator and credit."""
        ...


class TestResult(Protocol):
    """What became of a test: `ok`, and a sentence."""

    @property
    def ok(self) -> bool: ...
    @property
    def summary(self) -> str: ...


class UplinkRow(Protocol):
    @property
    def state(self) -> str: ...
    @property
    def since(self) -> int: ...


class Dispatch(Protocol):
    async def board(self) -> Sequence[ChannelRow]: ...

    def uplink(self) -> UplinkRow: ...

    async def force_uplink(self, state: Literal["up", "down"] | None, *, actor: str) -> None:
        """An operator's word on the line; None: evidence decides again."""
        ...

    async def pause(self, name: str, *, reason: str, actor: str) -> None:
        """Raises NotFound."""
        ...

    async def resume(self, name: str, *, actor: str) -> None:
        """Raises NotFound."""
        ...

    async def test(self, name: str, to: str | None) -> TestResult:
        """Without `to`: a harmless call that proves the credentials; with it: a real message. Raises NotFound."""
        ...

    async def ussd(self, name: str, code: str) -> TestResult:
        """Ask the mobile network by a service code. Raises NotFound, ValueError for what is no code."""
        ...


class Receipts(Protocol):
    async def receive(self, channel: str, request: InboundRequest) -> Inbound:
        """Verify and read (fetching the provider's public keys where they are its own). Raises `channels.base.Refused`, NotFound when no such channel is enabled."""
        ...

    async def apply_inbound(self, channel: str, inbound: Inbound) -> None:
        """Put receipts, replies and consent on record; committed when it returns."""
        ...


class InboundHook(msgspec.Struct, frozen=True, kw_only=True):
    """A shop's, CRM's or payment provider's webhook, before anything in it is believed."""

    source: str
    method: str
    url: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    now: int
    clock_trusted: bool


class HookResult(msgspec.Struct, frozen=True, kw_only=True):
    """What it meant, and what its sender wants to be answered."""

    events: Sequence[Posted] = ()
    status: int = 200
    answer: bytes = b""
    content_type: str = "application/json"
    quarantine: str = ""
    """Why it could not be understood: it is kept for a replay after the mapping is mended; "" for nothing to keep."""


class SourceRow(Protocol):
    """A source and how it goes with it."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def missing(self) -> Sequence[str]:
        """Secrets that it needs and that are not set, by name."""
        ...

    @property
    def poll(self) -> float | None: ...
    @property
    def last_success(self) -> int | None: ...
    @property
    def problem(self) -> str: ...
    @property
    def cursor(self) -> int | None: ...


class TriedBody(Protocol):
    """What a body would become."""

    @property
    def events(self) -> Sequence[Posted]: ...
    @property
    def known(self) -> Sequence[str]:
        """Ids of those that were taken before."""
        ...

    @property
    def unread(self) -> Sequence[str]: ...
    @property
    def fetch(self) -> Sequence[str]:
        """Records that it names and that would be fetched."""
        ...

    @property
    def note(self) -> str: ...


class Intake(Protocol):
    async def receive(self, hook: InboundHook) -> HookResult:
        """Verify and read. Raises `channels.base.Refused` for a bad signature, NotFound for an unknown source."""
        ...

    async def quarantine(self, hook: InboundHook, reason: str) -> None:
        """Keep what could not be understood."""
        ...

    def sources(self) -> Sequence[SourceRow]:
        """All that are configured, and how it goes with each."""
        ...

    async def try_out(self, source: str, body: bytes, headers: Mapping[str, str]) -> TriedBody:
        """What a body would become, without a signature and without doing it. Raises NotFound, ValueError with the reason."""
        ...

    async def reread(self, kept: Kept, *, actor: str) -> str:
        """Read what was kept once more; "" when all of it was understood, else why not. Raises NotFound, IllegalMove."""
        ...


# ---------------------------------------------------------------- all of it


@dataclass
class Services:
    """What every handler may use."""

    settings: Settings
    box: Box
    planning: Planning
    preview: Preview
    dispatch: Dispatch
    receipts: Receipts
    intake: Intake
    clock: Clock
    rng: random.Random
    clock_trusted: Callable[[], bool] = lambda: True
    ready: Callable[[], str | None] = lambda: None
    """Why events can't be taken at the moment; None: they can."""
    version: str = ""
    reload: Callable[[str], Awaitable[None]] | None = None
    """Read the configuration anew, for that actor. Raises `daemon.config.ConfigError`, and then nothing has changed."""
