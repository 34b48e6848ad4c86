"""The service at a glance, its ways out and the line; what the counter's header shows."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import field

from daemon.wire.modem import Modem
from daemon.wire.scopes import Scope
from daemon.wire.sources import Source
from daemon.wire.values import Answer, When, Word, one_of, read_value


class Channel(Answer, frozen=True, kw_only=True):
    name: str
    title: str = ""
    known_to_customers: bool = False
    """Customers call it by its title ("WhatsApp"), not by its medium."""
    medium: Word = ""
    state: Annotated[Word, one_of("ready", "open", "paused", "misconfigured")] = ""
    reason: str = ""
    queued: int = 0
    sent_today: int = 0
    daily_limit: int | None = None
    rate: float | None = None
    """A second; null: unpaced."""
    last_success: When | None = None
    last_failure: When | None = None
    last_trouble: str = ""
    detail: Mapping[str, Any] = {}
    """What is particular to it: the modem's signal, operator and credit."""


class SmsToday(Answer, frozen=True):
    """Text messages today, over all channels and the modem."""

    parts_today: int = 0
    daily_parts: int = 0
    cost_today: str = "0"
    """Estimated, in the store's currency."""
    daily_cost: str = "0"
    countries: Sequence[str] = ()
    """Where they may go."""
    held_blocks: Sequence[str] = ()
    """How numbers begin of which too many new ones came: more of them are held."""


class Uplink(Answer, frozen=True):
    state: Annotated[Word, one_of("up", "down")] = ""
    since: When = field(default_factory=When)
    forced: bool = False
    """An operator said so, and it stays so until they take it back."""


class Channels(Answer, frozen=True):
    items: Sequence[Channel] = ()
    next: str | None = None
    uplink: Uplink = field(default_factory=Uplink)
    sms: SmsToday = SmsToday()


class TestResult(Answer, frozen=True):
    __test__ = False

    ok: bool = True
    summary: str = ""


class Store(Answer, frozen=True):
    name: str = ""
    country: str = ""
    timezone: str = "UTC"
    locale: str = ""
    currency: str = ""
    grace: float = 8.0
    """Seconds in which what staff send can be undone."""


class LineChange(Answer, frozen=True):
    state: Word = ""
    at: When = field(default_factory=When)


class Trouble(Answer, frozen=True):
    """Something that needs a person."""

    what: str = ""
    why: str = ""


class Restored(Answer, frozen=True):
    backup: str = ""
    made_at: When = field(default_factory=When)
    at: When = field(default_factory=When)


class Glance(Answer, frozen=True, kw_only=True):
    """What the counter's header shows."""

    store: Store = Store()
    now: When = field(default_factory=When)
    version: str = ""
    uplink: Uplink = field(default_factory=Uplink)
    waiting: int = 0
    failed: int = 0
    """Of the last day, and not told another way since."""
    unknown: int = 0
    replies: int = 0
    calls: int = 0
    """Customers to phone."""
    sms: SmsToday = SmsToday()
    modem: Mapping[str, Any] | None = None
    """All that is known of it; `radio` is what staff are told."""
    quiet_until: When | None = None
    """While quiet hours last: until when."""
    history: tuple[LineChange, ...] = ()
    """The line's changes of the last day, the newest first."""
    trouble: tuple[Trouble, ...] = ()
    """What is wrong at this moment with the machine, its clock and others', its backups, and the channels."""
    sources: tuple[Source, ...] = ()
    """Those that are asked, and how far behind each is."""
    unrouted: Mapping[str, int] = {}
    """Event types that no route names, and how many of each came since the start."""
    restored: Restored | None = None
    """The backup that took the database's place, until staff have confirmed it: automatic texts to customers wait. `backup` is "" where it
    was damaged and opt-outs may be lost with it."""
    scopes: Sequence[Word] | None = None
    """What whoever asks may do; null: an earlier release, which does not say."""

    @property
    def administers(self) -> bool:
        """Whether whoever asked may do what is the owner's, as far as is known."""
        return self.scopes is None or Scope.ADMIN in self.scopes

    @property
    def radio(self) -> Modem | None:
        """None: there is none, or a release tells of it that says it otherwise."""
        try:
            return None if self.modem is None else msgspec.convert(self.modem, Modem, dec_hook=read_value)
        except msgspec.ValidationError:
            return None


class Seen(Answer, frozen=True):
    """Whether there was something to know of."""

    seen: bool = False


class Confirmed(Answer, frozen=True):
    """`freed`: messages that waited for that and go on now."""

    confirmed: bool = False
    freed: int = 0


class Alive(Answer, frozen=True):
    status: str = ""
    version: str = ""


class Reloaded(Answer, frozen=True):
    reloaded: bool = False


class FleetLine(Answer, frozen=True, kw_only=True):
    """A store's line to headquarters."""

    joined: bool = False
    """false: this store is in no fleet, and the rest says nothing."""
    store: str = ""
    state: Annotated[Word, one_of("connected", "connecting", "away", "refused", "waiting", "")] = ""
    """refused: somebody must act (`reason` says what). waiting: for the clock. The store works on in any of them."""
    since: When | None = None
    reason: str = ""
    server: str = ""
    epoch: str = ""
    entries: int = 0
    archived: int = 0
    """Up to which entry of the record headquarters has it, committed and its chain verified."""
    behind: int = 0
    behind_since: When | None = None
    """When the oldest entry was made that headquarters does not have."""
    last_heard: When | None = None
    consent_at: When | None = None
    """When the fleet's opt-outs were last asked for."""
    from_elsewhere: int = 0
    """Opt-outs that hold here because another store told of them."""
    untold: int = 0
    refused_optins: int = 0
    bundle: str = ""
    """What headquarters published and is in force here, like `all/7`."""
    bundle_problem: str = ""
    """Why something newer is not."""
