"""What a channel is: one way out. Every provider is one file that says what is particular to it, on this base.

An HTTP channel states an endpoint, auth and payload (`build`), how to read the answer (`read`), and what it can do later
(`lookup_request`, `receipts_request`, `receive`). It holds no session, catches no exception, logs nothing and reads no clock:
`daemon.channels._http` owns sessions, timeouts, Retry-After and the translation of transport faults into outcomes.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeAlias

import msgspec

from daemon.config import Duration, Rate, Table
from daemon.redact import mask_contacts
from outbox.clock import Clock
from outbox.model import Attempt, Medium, Rendered
from outbox.outcome import CannotTell, Deferred, Lookup, Outcome, ReceiptState

Kind: TypeAlias = Medium | Literal["team"]
"""A part of the shipped routes: what carries a medium to customers, and what the team reads."""


class Misconfigured(Exception):
    """A channel can't be built: says which secret or key is missing or malformed, and where it goes."""


class CommonSettings(Table, frozen=True, kw_only=True):
    """The keys that every `[channels.NAME]` table has, beside its own."""

    rate: Rate | None = None
    """None: the channel's own default (`Channel.default_rate`)."""
    concurrency: Annotated[int, msgspec.Meta(ge=1)] | None = None
    daily_limit: Annotated[int, msgspec.Meta(ge=0)] | None = None
    timeout: Duration = Duration(10)
    """Seconds for one whole exchange with the provider."""


class HttpSettings(CommonSettings, frozen=True, kw_only=True):
    base_url: str | None = None
    """Stands for the scheme and host of the vendor's API (a path prefix allowed); the vendor's whole path follows it."""


class OAuthSettings(HttpSettings, frozen=True, kw_only=True):
    auth_url: str | None = None
    """Stands for the scheme and host of the token endpoint, likewise."""


CALLED_OFF = Deferred("nobody wants it any more", code="called_off", local=True)
"""What a channel returns where `Outgoing.wanted` said no: nothing left, and it was no attempt."""


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One message as a channel sees it at the moment of sending."""

    message_id: str
    """Ours, unique, at most 26 characters of [a-z0-9_]: the client reference where a provider has one."""
    attempt: int
    """1 for the first try on any channel."""
    to: str
    """The address for this channel: E.164, e-mail, a chat id; "" where the channel has but its own destination."""
    addresses: Mapping[str, str]
    """All usable addresses of the recipient by kind (phone, email, slack, fcm ...)."""
    trigger: str
    """The event type; "" for a text of staff's own."""
    template: str
    order_ref: str
    order_source_id: str
    """The shop's own id of the order, else its ref."""
    name: str
    """The recipient's name, "" where unknown."""
    locale: str
    rendered: Rendered
    data: Mapping[str, str]
    """Named fields for a provider's own template, as docs/provider-templates.md lists them."""
    order: Mapping[str, Any]
    """The order as JSON values, for channels that pass it on whole (`passes_order_on`); empty for others."""
    now: int
    """ms since the epoch: requests are signed when they are sent."""
    happened_at: int
    """When what it tells of happened (ms), the same at every try."""
    expires_at: int | None = None
    possible_duplicate: bool = False
    first_try: int = 1
    """The attempt of which this is a repeat, or itself: staff who have it tried again mean another one."""
    reply_to: str = ""
    """The store's own mail address; "": answers go to the sender."""
    unsubscribe: str = ""
    """Where the recipient of a mail asks for silence: a link that takes one click (https), or "mailto:"; "" for the team's mails."""
    wanted: Callable[[], Awaitable[bool]] | None = None
    """Whether anybody still wants it: for a channel that lets it wait for more than the provider's room to ask right before it leaves.
    Raises OutboxError."""

    @property
    def reference(self) -> str:
        """Our own mark on this attempt, unique: what a lookup finds it by."""
        return f"{self.message_id}.{self.attempt}"


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier attempt, as lookups and receipt polls need it: what was sent, whither, when."""

    attempt: Attempt
    order_ref: str
    trigger: str
    now: int
    others: frozenset[str] = frozenset()
    """What the provider calls other attempts of ours by: none of them is this one, however much it looks like it."""
    rivals: int = 0
    """How many others to that address, of about then, may be what the provider lists."""

    @property
    def reference(self) -> str:
        return f"{self.attempt.message_id}.{self.attempt.n}"


class ReceiptUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """The provider's later word on an attempt, named by the provider's id or by our reference."""

    state: ReceiptState
    provider_id: str = ""
    reference: str = ""
    code: str = ""
    detail: str = ""
    at: int | None = None
    opted_out: bool = False
    """The provider says the recipient unsubscribed, complained or blocked us."""
    bad_address: bool = False
    """The address is dead for good (unknown mailbox, unassigned number)."""

    def __post_init__(self) -> None:
        """Bounces like to repeat the address: `detail` is kept without it, and at most 300 characters."""
        msgspec.structs.force_setattr(self, "detail", mask_contacts(self.detail)[:300])


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Something a customer wrote back, or a wish about consent that a provider passed on."""

    address: str
    text: str = ""
    id: str = ""
    """The provider's own id of it: taken once."""
    at: int | None = None
    consent: Literal["stop", "start"] | None = None
    """What the provider itself made of it; None: our own words decide (STOP, START, HELP)."""
    is_person: bool = True
    """False: a name, a short code or a service wrote it. It opts nobody out and is not answered."""
    is_whole: bool = True
    """False: a part of it never came. What it seems to wish is for staff to read."""
    vouched: bool = True
    """False: who wrote was looked up, what they wrote could not be: it may silence, and never undo a silence."""
    medium: Medium | None = None
    """What its wish is about, where that is not what the channel `silences`."""


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """What one POST of a provider to /v1/receipts/NAME meant, and what it wants to be answered."""

    receipts: Sequence[ReceiptUpdate] = ()
    replies: Sequence[Reply] = ()
    answer: bytes = b""
    content_type: str = "text/plain"
    confirm_url: str = ""
    """A URL the provider wants fetched once to begin (SNS's SubscribeURL): its host was checked."""
    once: str = ""
    """What the sender may show once, where the signature doesn't cover the body: with another body it is refused."""
    once_until: int = 0
    """When (ms) it is too old to be shown anyway."""
    body_digest: str = ""
    """Of the body that it came with."""


class InboundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's request to us, before anything in it is believed."""

    method: str
    url: str
    """The full public URL as the provider called it (`[hook] public_url` + path + query)."""
    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    now: int


class InboundRefused(Exception):
    """An inbound request whose signature does not hold, or that can't be understood: `status` is the answer."""

    def __init__(self, reason: str, status: int = 401) -> None:
        super().__init__(reason)
        self.status = status


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a harmless call: whether credentials hold, for `tether doctor` and `channels test`."""

    ok: bool
    summary: str
    remedy: str = ""
    missing: Sequence[str] = ()
    """What is not there at the provider and `fix` can make."""


class Obstacle(msgspec.Struct, frozen=True):
    """Why nothing can go this way at the moment, in words. `passes`: by itself, so messages wait rather than being tried."""

    reason: str
    passes: bool = True


class PollPlan(msgspec.Struct, frozen=True, kw_only=True):
    """When to ask for receipts after an attempt was accepted: seconds between asks, in turn; after the last it is given up."""

    delays: tuple[float, ...] = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200)
    batch: int = 1
    """How many attempts one call may ask for."""


class Sink(Protocol):
    """Where a channel's own life brings what came in. Each call returns when it is committed."""

    async def on_receipt(self, update: ReceiptUpdate) -> None: ...

    async def on_reply(self, reply: Reply) -> None: ...


class Notes(Protocol):
    """Small durable facts by key; `set` returns when it is on the disk."""

    async def get(self, key: str) -> str | None: ...

    async def set(self, key: str, value: str) -> None: ...


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel with a life of its own is given beside its settings (`Channel.in_surroundings`)."""

    clock: Clock
    rng: Random
    notes: Notes
    country: str
    """How numbers without their country are read ([store] country)."""


class Channel(ABC):
    """One way out. Constructors do no IO; everything awaited here has a bound; outcomes are values, exceptions are bugs."""

    name: ClassVar[str]
    medium: ClassVar[Medium]
    title: ClassVar[str]
    """As people call it: "Twilio", "Amazon SES"."""
    address_kinds: ClassVar[tuple[str, ...]]
    """Which of the recipient's addresses it needs: the first kind that is there (`("whatsapp", "phone")`); () needs none."""
    Settings: ClassVar[type[CommonSettings]]
    secrets: ClassVar[tuple[str, ...]] = ()
    """Names in `.env` that it can't do without (alternatives are the constructor's business)."""
    optional_secrets: ClassVar[tuple[str, ...]] = ()
    """Names in `.env` that it reads where they are there."""
    secrets_begin: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """How its secrets begin, where they always do."""
    asked: ClassVar[tuple[str, ...]] = ()
    """Keys of its table and names in `.env` that it can do without by the letter and hardly in a shop: `tether init` asks for them."""
    console: ClassVar[str] = ""
    """Where in the provider's console the secrets are found."""
    ships_as: ClassVar[tuple[Kind, ...]] = ()
    """Which parts of the shipped routes name it; (): those of its medium."""
    rank: ClassVar[int] = 50
    """Its place among those of its kind in the shipped routes: the lower is tried first, by name where they are equal."""
    known_to_customers: ClassVar[bool] = False
    """People call it by its title ("WhatsApp") and not by its medium ("chat")."""
    self_hosted: ClassVar[bool] = False
    """Its `base_url` names a server of the owner's own, and stands for no vendor's."""
    heeds: tuple[Medium, ...] = ()
    """Media beside its own whose opt-outs hold here too: what a shop is given, it mails."""
    default_rate: ClassVar[float | None] = None
    """Per second; None: unpaced."""
    default_concurrency: ClassVar[int] = 8
    default_daily_limit: ClassVar[int | None] = None
    counts_parts: ClassVar[bool] = False
    """Its units are a text's parts, not its texts."""
    is_cloud: ClassVar[bool] = True
    """False: works without the internet (the modem)."""
    poll: PollPlan | None = None
    """None: receipts can't be polled."""
    tells_delivery: bool = False
    """Whether a receipt may ever come; where not, `sent` is final."""
    passes_order_on: ClassVar[bool] = False
    """Whether it looks at `Outgoing.order`: filling it costs time that plain texts need not."""
    can_look_up: ClassVar[bool] = False
    """Whether `lookup` can ever answer Found or Absent."""
    repeat_is_harmless: bool = False
    """A second send of the same message id has no second effect (an idempotency key, an upsert, a collapse key)."""

    needs_time: ClassVar[bool] = False
    """Its requests are signed with the wall clock: while that is not set, nothing may go this way."""

    settings: CommonSettings

    @classmethod
    def secret_trouble(cls, name: str, value: str) -> str:
        """Why what was given for one of its secrets can't be that secret; "" where it can. The value is not quoted."""
        begins = cls.secrets_begin.get(name)
        if begins and not value.startswith(begins):
            return f"{name} begins with {' or '.join(begins)}: is it another of the provider's keys?"
        return "it has space in it: was more copied than the secret?" if value.split() != [value] else ""

    def address_of(self, addresses: Mapping[str, str]) -> str | None:
        """The recipient's address on this channel; None: it can't reach them. "" : its own destination."""
        if not self.address_kinds:
            return ""
        return next((addresses[kind] for kind in self.address_kinds if addresses.get(kind)), None)

    @property
    def silences(self) -> Medium:
        """What a wish for silence that comes this way is about: by some, what they are given is a mail or a text by another hand."""
        return next(iter(self.heeds), self.medium)

    def heeded(self, trigger: str) -> Sequence[Medium]:
        """Media beside its own whose opt-outs hold for what it sends of an event of that type."""
        return self.heeds

    def units(self, out: Outgoing) -> int:
        """How much of the rate and the day's limit it takes: for the modem, its SMS."""
        return 1

    def destination(self) -> str | None:
        """The configured address for `team` ("" where it needs none); None: this channel has none."""
        return None if self.address_kinds else ""

    def wants_fields(self, trigger: str) -> bool:
        """Whether `Outgoing.data` is looked at for this event type: filling it costs time that plain texts need not."""
        return self.medium in ("crm", "push") or trigger in getattr(self.settings, "templates", ())

    def hosts(self) -> Sequence[tuple[str, int]]:
        """Where it connects to: what the uplink probe may try."""
        return ()

    @abstractmethod
    async def send(self, out: Outgoing) -> Outcome:
        """Try once, within `settings.timeout`. Never raises for what the network or the provider does."""

    async def lookup(self, sent: Sent) -> Lookup:
        """Did an attempt of unknown outcome arrive? Only where the provider can be asked."""
        return CannotTell("this provider can't be asked")

    async def receipts(self, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate] | None:
        """Ask for the later word on attempts (at most `poll.batch`). Nothing new: nothing returned. None: the provider can't be asked now."""
        return ()

    async def fetch_keys(self, request: InboundRequest) -> None:  # noqa: B027 - most channels have theirs in `.env`
        """Get what `receive` needs to check this POST and does not have yet (SNS's certificate). Called before it."""

    def receive(self, request: InboundRequest) -> Inbound:
        """Verify and read a provider's POST. Raises InboundRefused. Default: this channel takes none."""
        raise InboundRefused(f"{self.name} sends no receipts here", status=404)

    async def believed(self, inbound: Inbound) -> Inbound:
        """Of what `receive` read, as much as is believed. Default: all, since the signature covers the body; where it does not, what
        the provider says when it is asked. Raises InboundRefused (503: it is to be sent again)."""
        return inbound

    def private(self) -> Sequence[str]:
        """What must never be seen in anything we keep."""
        return ()

    async def check(self) -> Health:
        """A harmless call that proves the credentials."""
        return Health(ok=True, summary="nothing to check")

    def obstacle(self) -> Obstacle | None:
        """What it knows by itself to stand in the way (a modem that is not plugged in)."""
        return None

    def detail(self) -> Mapping[str, Any]:
        """What is particular to it, for `GET /v1/channels` (the modem's signal, operator and credit)."""
        return {}

    async def run(self, stop: asyncio.Event, sink: "Sink") -> None:  # noqa: B027 - most channels have no life of their own
        """The channel's own life beside sending (the modem's driver), until `stop` is set."""

    async def fix(self) -> Sequence[str]:
        """Make at the provider what `check` found missing (`tether doctor --fix`, never unasked): a sentence for each thing
        that was made or could not be. May be repeated."""
        return ()

    async def close(self) -> None:  # noqa: B027 - most channels hold nothing
        """Release what it holds; may be called twice."""
