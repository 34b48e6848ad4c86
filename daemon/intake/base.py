"""What a source is: a shop, CRM, till or payment provider that tells of orders. Each kind is one file on this base.

A source reads; it holds no session, waits for nothing and reads no clock. Two things come out of what it reads: events as they are
(`Reading.events`), or orders as they are now (`Reading.snapshots`), of which `diff` makes events.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from daemon.config import ConfigError, Duration, Store, Table
from daemon.redact import mask_contacts, scrub
from outbox import harmless
from outbox.model import Customer, Event, OrderFields
from outbox.orders import rank

PLACED = "order.placed"
REOPENED = "order.reopened"
DELETED = "order.deleted"
CHANGED = "order.changed"


class HookRefused(Exception):
    """What came is not vouched for, or is for nobody here: `status` is the answer."""

    def __init__(self, reason: str, status: int = 401) -> None:
        super().__init__(reason)
        self.status = status


class Unreadable(Exception):
    """What came is genuine and can't be understood: its text says where and why. It is kept, and read again once that is mended."""


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """One POST of a source to /v1/hooks/NAME, before anything in it is believed."""

    source: str
    method: str
    url: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    now: int
    clock_trusted: bool


class Body(msgspec.Struct, frozen=True):
    """What is read of a hook once it is believed: its bytes, and what they claim to be."""

    raw: bytes
    content_type: str = ""
    topic: str = ""
    """What its sender says that it is about, in a header that nobody signs."""
    id: str = ""
    """`webhook-id`, which Standard Webhooks sign with the body."""


class Fact(msgspec.Struct, frozen=True):
    """One thing that is true of an order."""

    type: str
    """The event type it becomes."""
    key: str = ""
    """What tells it apart from others of its type: the refund's, payment's or parcel's own id."""
    at: datetime | None = None
    """When it became true, where the source says so."""
    data: Mapping[str, Any] = {}
    state: bool = False
    """Where the order stands now, told anew when it comes back to it; else something that happens once."""
    draft: bool = False
    """Of an order that, as far as this shows, was never placed: nobody hears of it unless it is known as placed."""
    adds: bool = False
    """Of what was paid: its `amount` is the whole sum of the order, so a higher one later is of one payment more, of what it adds."""
    usual: bool = False
    """Of a state: where an order stands of which nothing is told, so it counts only after something was."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its shop shows it at one moment."""

    id: str
    """The shop's own id of it."""
    facts: tuple[Fact, ...]
    updated: datetime
    """Which moment that is: an older snapshot that comes late changes nothing."""
    dated: datetime | None = None
    """What the shop's clock says of that moment, where it can't be so yet."""
    created: datetime | None = None
    order: OrderFields
    """`ref` "": this part of the order does not name it; it is known by its id."""
    customer: Customer | None = None
    is_test: bool = False
    restored: bool = False
    """It was thrown away and is back: that is newer than its being thrown away, whatever `updated` says."""
    odd: tuple[str, ...] = ()
    """What could not be read of it, each with its place."""

    @property
    def is_its_end(self) -> bool:
        """Whether all that it says is that the order is gone."""
        return not self.order.ref and [fact.type for fact in self.facts] == [DELETED]


class Heard(msgspec.Struct, frozen=True):
    """An event that a source told as such. An empty `order.ref`: look for it by `order.source_id`."""

    event: Event
    odd: tuple[str, ...] = ()
    by_day: bool = False
    """It was dated with the day alone: `occurred_at` is that day's end."""
    draft: bool = False
    """As far as this shows, its order may never have been placed: nobody hears of it unless somebody told where that stands, or that it
    is paid."""


class Record(msgspec.Struct, frozen=True):
    """A record that changed and has to be fetched to know what it says (a CRM's thin notification)."""

    kind: str
    id: str


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What one body meant, and what its sender wants to be answered."""

    events: tuple[Heard, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    fetch: tuple[Record, ...] = ()
    unread: tuple[str, ...] = ()
    """What of it could not be understood, each with its place: the body is kept."""
    note: str = ""
    """Why nothing came of it, for `tether sources try`."""
    answer: bytes = b""
    content_type: str = "application/json"


class SourceSettings(Table, frozen=True, kw_only=True):
    """The keys that every `[sources.NAME]` table has, beside its kind's own."""

    kind: str
    statuses: dict[str, str] = msgspec.field(default_factory=dict)
    """Theirs -> our event type, trimmed and whatever their case; "" for a status that tells nobody."""
    poll: Duration | None = None
    """How often to ask; None: never."""
    ref_prefix: str = ""
    """What stands before an order's number at this source and at no other ("#", "BalloonLoft:"): it is left off."""
    ref_add: str = ""
    """What is put before an order's number of this source ("W-"): two shops may give the same numbers."""
    test_orders: bool = False
    """Whether orders that the shop marks as tests count."""


def secrets_begin_with(source: str) -> str:
    """How the names of a source's secrets begin in `.env`."""
    return "".join(c if c.isalnum() else "_" for c in source).upper()


class Source(ABC):
    """One `[sources.NAME]`. The constructor does no IO and raises ConfigError for a table that can't be meant."""

    kind: ClassVar[str]
    title: ClassVar[str]
    Settings: ClassVar[type[SourceSettings]] = SourceSettings
    looks_back: ClassVar[float] = 30 * 86_400.0
    """Seconds before its first question from which on orders are read with nobody told: so it is known how the open ones stand."""

    counts: ClassVar[bool] = False
    """Whether it gives its orders their numbers, counting on: another that does may give the same."""

    dates_edits: ClassVar[bool] = True
    """Whether a snapshot's `updated` moves with each edit; else what comes later by a webhook is the newer of two with one date."""

    settings: SourceSettings

    def __init__(self, name: str, settings: SourceSettings, secrets: Mapping[str, str], store: Store) -> None:
        self.name = name
        self.settings = settings
        self.store = store
        self._secrets = secrets
        self.statuses = {folded(theirs): _checked(name, theirs, ours) for theirs, ours in settings.statuses.items()}

    def secret_name(self, what: str) -> str:
        """The variable of `.env` that holds a secret of this source: named after it, `webshop` -> WEBSHOP_WEBHOOK_SECRET."""
        return f"{secrets_begin_with(self.name)}_{what}"

    def clean(self, words: str) -> str:
        """A sender's own words with this source's secrets, and anybody's address, taken out."""
        mine = [value for name, value in self._secrets.items() if name.startswith(self.secret_name(""))]
        return mask_contacts(scrub(words, mine, ()))

    def secret(self, what: str) -> str:
        """A secret's value; "" where it is not set."""
        return self._secrets.get(self.secret_name(what), "").strip()

    def without_token(self, body: bytes) -> bytes:
        """A body as it may be kept: a token that comes in it would let whoever reads it speak as the source."""
        return body

    def webhook_secrets(self) -> tuple[str, ...]:
        """What its webhooks are signed with: two while one is exchanged, separated by a comma or a space. Raises HookRefused."""
        found = tuple(self.secret("WEBHOOK_SECRET").replace(",", " ").split())
        if not found:
            raise HookRefused(
                f"webhooks of {self.name} are not set up here: put {self.secret_name('WEBHOOK_SECRET')} into .env"
            )
        return found

    def missing(self) -> Sequence[str]:
        """What its poller or webhook needs and does not have, for `tether doctor` and `tether sources list`."""
        return ()

    def named_here(self, order: OrderFields) -> OrderFields:
        """The order with its number as the other sources have it: on one line, with plain spaces (a shop may write "No.", then one
        that does not break). One without a number stays so."""
        ref = harmless.line(order.ref).removeprefix(re.sub(r"\s", " ", self.settings.ref_prefix)).strip()
        ref = harmless.line(f"{self.settings.ref_add}{ref}").strip() if ref else ""
        return order if ref == order.ref else msgspec.structs.replace(order, ref=ref)

    def furthest(self, marks: Sequence[tuple[str, str]]) -> str:
        """Of several marks on an order (a status, tags, fields), each with what it usually means, the event type that is
        furthest along; the store's `statuses` say first what a mark means."""
        meant = [self.statuses.get(folded(mark), usual) for mark, usual in marks]
        return max((type for type in meant if type), key=rank, default="")

    @abstractmethod
    def verify(self, hook: Hook) -> None:
        """Raises HookRefused unless the hook is vouched for."""

    @abstractmethod
    def read(self, body: Body, *, now: int) -> Reading:
        """What a body means. Raises Unreadable. Pure: the same body means the same, but for `now` where it names no time."""

    def greet(self, hook: Hook) -> Reading | None:
        """The answer to a set-up call that comes unsigned and means nothing; None: it is not one."""
        return None


def folded(status: str) -> str:
    """A status as it is compared: whatever its case and the spaces around it."""
    return " ".join(status.split()).casefold()


def _checked(name: str, theirs: str, ours: str) -> str:
    if ours and not is_type(ours):
        raise ConfigError(
            f'sources.{name}: statuses: {theirs!r}: {ours!r} is no event type; write it like "order.ready", or "" for none'
        )
    return ours


def is_type(text: str) -> bool:
    """Whether that is an event type: lower-case words joined by dots."""
    words = text.split(".")
    return (
        len(words) > 1
        and len(text) <= 100
        and text.isascii()
        and text[:1].isalpha()
        and all(word.replace("_", "").isalnum() and word == word.lower() for word in words)
    )
