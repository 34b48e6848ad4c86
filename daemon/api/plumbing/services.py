"""What the HTTP face needs of the rest, as Protocols: the composition root hands in the real things, tests hand in small ones.

`Services` is read anew at each call: a reload may exchange its fields while requests run.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec

from daemon.api.plumbing.box import Box
from daemon.api.plumbing.fleet_row import Fleet
from daemon.api.plumbing.keeping import Heads, Restored
from daemon.api.schema.way_rows import SmsRow
from daemon.api.schema.way_rows import UplinkRow as UplinkRow
from daemon.channels.base import Inbound, InboundRequest
from daemon.config import Settings
from daemon.intake.row import SourceState
from outbox import Kept
from outbox.clock import Clock
from outbox.forget import Removed
from outbox.model import (
    Event,
    Order,
    Plan,
    Planner,
    Posted,
    Rendered,
)
from outbox.people import Held

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

    def why_none(self, event_type: str) -> str:
        """Why nobody hears of events of that type; "" where a route names it."""
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
    def known_to_customers(self) -> bool: ...
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


class Dispatch(Protocol):
    async def board(self) -> Sequence[ChannelRow]: ...

    def uplink(self) -> UplinkRow: ...

    def sms(self) -> SmsRow:
        """What text messages have cost today, over all channels."""
        ...

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
    def state(self) -> SourceState: ...
    @property
    def last_asked(self) -> int | None: ...
    @property
    def last_success(self) -> int | None: ...
    @property
    def behind(self) -> float | None:
        """Seconds ago up to which all that it told is on record; None: it is not asked, or was not yet."""
        ...

    @property
    def problem(self) -> str: ...
    @property
    def swept_at(self) -> int | None: ...
    @property
    def mended(self) -> Sequence[str]:
        """Orders that the last nightly comparison found otherwise than on record."""
        ...


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

    async def sync(self, source: str, since: int | None) -> SourceRow:
        """Ask it now, from that moment (ms) on, and wait a while for the answer. Raises NotFound, IllegalMove."""
        ...

    async def try_out(self, source: str, body: bytes, headers: Mapping[str, str]) -> TriedBody:
        """What a body would become, without a signature and without doing it. Raises NotFound, ValueError with the reason."""
        ...

    async def reread(self, kept: Kept, *, actor: str) -> str:
        """Read what was kept once more; "" when all of it was understood, else why not. Raises NotFound, IllegalMove."""
        ...


# ---------------------------------------------------------------- a person's own data


class CopyRow(Protocol):
    """`daemon.upkeep.copies.Copy`."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> Literal["backup", "aside"]: ...
    @property
    def made_at(self) -> int: ...
    @property
    def until(self) -> int | None: ...


class KnownCopies(Protocol):
    """`daemon.upkeep.copies.KnownCopies`."""

    @property
    def copies(self) -> Sequence[CopyRow]: ...
    @property
    def unseen(self) -> str: ...


class People(Protocol):
    async def held(self, address: str) -> Held:
        """All that is kept of whom the address belongs to, however it is written."""
        ...

    async def forget(self, address: str, *, actor: str, dry_run: bool = False) -> Removed:
        """Take the person out of it (with `dry_run`: say how much that would be)."""
        ...


# ---------------------------------------------------------------- the machine and the service itself


class Vitals(msgspec.Struct, frozen=True, kw_only=True):
    """How the box is, beside its messages."""

    trouble: Mapping[str, str] = {}
    """By what it is ("disk", "channel twilio"), what is wrong, in a sentence that says what to do."""
    disk_free: int = 0
    """Bytes, where the database lies."""
    disk_reserve: int = 0
    clock_right: bool = True
    unrouted: Mapping[str, int] = {}
    """By event type that no route names, how many came since the start."""
    clocks_ahead: Mapping[str, int] = {}
    """By source, how far (ms) its clock is ahead of ours."""
    backup_at: int | None = None
    """When (ms) a backup last succeeded."""


async def _well() -> Vitals:
    return Vitals()


# ---------------------------------------------------------------- all of it


@dataclass
class Services:
    """What every handler may use."""

    settings: Settings
    box: Box
    planning: Planning
    preview: Preview
    dispatch: Dispatch
    restored: Restored
    heads: Heads
    receipts: Receipts
    intake: Intake
    clock: Clock
    rng: random.Random
    clock_trusted: Callable[[], bool]
    ready: Callable[[], str | None]
    """Why events can't be taken at the moment; None: they can."""
    version: str = ""
    reload: Callable[[str], Awaitable[None]] | None = None
    """Read the configuration anew, for that actor. Raises `daemon.config.ConfigError`, and then nothing has changed."""
    people: People | None = None
    vitals: Callable[[], Awaitable[Vitals]] = _well
    seen: Callable[[str], Awaitable[bool]] | None = None
    """Staff (named) know what was saved of a damaged database. False: nothing was damaged."""
    copies: Callable[[], Awaitable[KnownCopies]] | None = None
    """Copies of the database from before, and until when they are kept."""
    fleet: Fleet | None = None
    """None: this store is in no fleet."""
