"""`tether.toml` and the secrets beside it, read once into one frozen `Settings` that is passed in.

A leaf: it imports nothing of ours but the grammars of its values. What is particular to a channel or a source stays a plain table here
(`Settings.channels`, `Settings.sources`) and is decoded by that channel's or source's own `Settings` struct with `decode`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from daemon import published
from daemon.config_words import SEARCH as SEARCH
from daemon.config_words import ConfigError as ConfigError
from daemon.config_words import find as find
from daemon.config_words import read_toml, secret_hint, value_hint
from daemon.config_words import secrets_in as secrets_in
from daemon.grammars import Amount as Amount
from daemon.grammars import Duration as Duration
from daemon.grammars import Rate as Rate
from daemon.grammars import ReplyAction as ReplyAction
from daemon.grammars import Size as Size
from daemon.grammars import TimeOfDay as TimeOfDay
from daemon.grammars import read_value
from daemon.wire.near import nearest

T = TypeVar("T")


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: unknown keys in it are errors that name the nearest known one."""


# ---------------------------------------------------------------- the tables


class Store(Table, frozen=True):
    name: str = "Our shop"
    country: str = "GB"
    timezone: str = "Europe/London"
    locale: str = "en"
    currency: str = "GBP"
    address: str = ""
    phone: str = ""
    email: str = ""
    """Where answers to mails go (Reply-To)."""
    hours: str = ""
    """In the store's own words ("10:00 to 18:00"): templates may name it."""
    url: str = ""
    order_url: str = ""
    """The customer's page of an order at the shop, with `{ref}` where its number goes: texts and mails link there."""
    first_sms_notice: bool | None = None
    """The opt-out line in the first text to a number; None: on in US and CA."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Data(Table, frozen=True):
    path: Path = Path("tether.db")
    retention: Duration = Duration(180 * 86400)
    audit_retention: Duration | None = None
    """In a fleet: how long entries of the record are kept here once headquarters has them; None: for good."""
    copies: Duration = Duration(30 * 86400)
    """How long what an upgrade, a restore or a repair put aside is kept, and a backup after somebody in it was forgotten."""
    reserve: Size = Size(64 * 2**20)


class Templates(Table, frozen=True):
    path: Path = Path("templates")


class Hook(Table, frozen=True):
    host: str = "127.0.0.1"
    port: int = 8787
    tls_cert: Path | None = None
    tls_key: Path | None = None
    socket: Path = Path("tether.sock")
    socket_groups: dict[str, Literal["admin", "staff", "read", "events"]] = msgspec.field(
        default_factory=lambda: {"tether": "admin", "tether-staff": "staff"}
    )
    """What users of the system may do at the socket, by the groups they are in. Root and the service's own user may do all."""
    public_url: str = ""
    rate: Rate = Rate(50_000)
    """Calls a second that one token or address may make (ten seconds' worth at once): against a till gone mad."""


class QuietHours(Table, frozen=True):
    from_: TimeOfDay = msgspec.field(name="from", default=TimeOfDay(21 * 60))
    to: TimeOfDay = TimeOfDay(8 * 60)
    media: tuple[Literal["sms", "email", "chat", "push", "crm"], ...] = ("sms", "chat", "push")
    enabled: bool = True


class Sms(Table, frozen=True):
    """What all text messages together may cost and say, whatever channel or modem they go by."""

    countries: tuple[str, ...] | None = None
    """Where to; None: the store's own."""
    daily_parts: int = 2000
    daily_cost: Amount = Amount("50.00")
    prices: dict[str, str | dict[str, str]] = {}
    """A part's, by country, `*` for the rest; a table for a channel of its own."""
    new_numbers: int = 40
    """So many new ones of one block of 10,000 in an hour are no customers: more are held. 0: never."""

    links: tuple[str, ...] = ()
    """Hosts whose links in what customers and tills wrote may stay; those beneath them too."""


class Retry(Table, frozen=True):
    base: Duration = Duration(2)
    cap: Duration = Duration(300)
    max_attempts: Annotated[int, msgspec.Meta(ge=1)] = 20


class Uplink(Table, frozen=True):
    probe: tuple[str, ...] = ()
    """`host:port` each; empty: the enabled channels' own hosts."""
    every: Duration = Duration(5)


class ClockTable(Table, frozen=True):
    require_sync: bool = False


class Planning(Table, frozen=True):
    default_routes: bool = True
    also: tuple[str, ...] = ()
    """Event types whose shipped route is switched off by default, and is wanted."""


class Counter(Table, frozen=True):
    grace: Duration = Duration(8)
    show_names: bool = False
    """Whether team chat shows customers' names in full."""


class Board(Table, frozen=True):
    """The pickup board, a page for the shop's second screen at /board: open to whoever reaches the port, so off by default."""

    enabled: bool = False
    title: str = ""
    """Empty: the store's name."""
    show: Literal["number", "name"] = "number"
    """What stands for an order: its number, or the customer's first name (the number where none is known)."""


class Backup(Table, frozen=True):
    to: str = ""
    """A folder (a USB stick's mount point, or relative to this file), or "s3://bucket/prefix"; empty: no backups."""
    keep: int = 14
    """How many are kept; the oldest go first."""
    endpoint: str = ""
    """Of a bucket that is not Amazon's: "https://s3.eu-central-003.backblazeb2.com"."""
    region: str = "us-east-1"
    recipients: tuple[str, ...] = ()
    """age recipients ("age1...") that can open the backups as well as the box's own words."""
    signers: tuple[str, ...] = ()
    """Public keys ("tether-ed25519:...") of other boxes whose backups may be restored here."""


class Trouble(Table, frozen=True):
    """Who is told, and how, when something needs a person: the addresses of an audience, or a channel's own destination."""

    via: tuple[str, ...] = ()
    """Channels in turn, the first that takes it; empty: nobody is told (the journal and the screen say it anyway)."""
    audience: str = "team"
    after: Duration = Duration(120)
    """How long something must have been wrong: what mends itself is no news."""


class Fleet(Table, frozen=True):
    """The store's line to headquarters; `tether fleet join` writes it. Without this table nothing of it runs."""

    store: str = ""
    """This store's name in the fleet; empty: it is in none."""
    servers: tuple[str, ...] = ()
    """`tls://host:port` each, all of them equals."""
    ca: Path = Path("hq-ca.pem")
    """The fleet's own certificate authority, relative to this file."""
    claim: Path = Path("fleet.jwt")
    """HQ's word on what this store may do, relative to this file; no secret."""
    publisher: str = ""
    """The Ed25519 public key (base64) whose bundles of texts and routes are believed."""
    optouts: Literal["fleet", "store"] = "fleet"
    """Whether an opt-out at another store counts here."""
    consent_wait: Duration = Duration(30)
    """How long the first messages after an outage wait for the fleet's opt-outs, at most."""
    bundles: bool = True
    """Whether texts, routes and settings that headquarters publishes are taken."""
    commands: tuple[Literal["pause", "resume", "doctor"], ...] = ()
    """What headquarters may have this store do; nothing by default."""


class Record(Table, frozen=True):
    """A mail a day with the record's signed head."""

    mail_at: TimeOfDay | None = None
    """When, on the store's clocks ("07:30"); none: no such mail."""
    audience: str = "owner"
    """Whose e-mail addresses it goes to."""


class Heartbeat(Table, frozen=True):
    """A call out every so often, so that somebody elsewhere notices a box that went dark (healthchecks.io and its like)."""

    url: str = ""
    every: Duration = Duration(300)


class Log(Table, frozen=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"


class RouteTable(Table, frozen=True):
    """One `[[route]]`, as written. `daemon.planner.routes` compiles it."""

    on: str
    to: str | tuple[str, ...]
    via: tuple[str, ...]
    template: str | None = None
    when: str | None = None
    delay: Duration = Duration(0)
    at: str | None = None
    """Relative to `order.promised_at`: "-2h", "+30m", "+1d 10:00" (that day's 10:00 of the store)."""
    expires: Duration | None = None
    priority: Literal["high", "normal", "low"] = "normal"
    patience: Duration = Duration(600)
    modem_after: Duration = Duration(60)
    supersede: bool = True
    urgent: bool = False
    on_unknown: Literal["resend", "ask"] = "resend"


class Settings(Table, frozen=True):
    """The whole file. `secrets` holds the values of `.env`, the environment and systemd credentials (the later wins)."""

    store: Store = Store()
    data: Data = Data()
    templates: Templates = Templates()
    hook: Hook = Hook()
    quiet_hours: QuietHours = QuietHours()
    sms: Sms = Sms()
    retry: Retry = Retry()
    uplink: Uplink = Uplink()
    clock: ClockTable = ClockTable()
    planning: Planning = Planning()
    counter: Counter = Counter()
    board: Board = Board()
    backup: Backup = Backup()
    trouble: Trouble = Trouble()
    record: Record = Record()
    heartbeat: Heartbeat = Heartbeat()
    fleet: Fleet = Fleet()
    log: Log = Log()
    channels: dict[str, dict[str, Any]] = {}
    route: tuple[RouteTable, ...] = ()
    audiences: dict[str, dict[str, str | tuple[str, ...]]] = {}
    sources: dict[str, dict[str, Any]] = {}
    replies: dict[str, ReplyAction | dict[str, ReplyAction]] = {}
    """By word, or by language and word."""

    file: Path | None = msgspec.field(name="__file__", default=None)
    secrets: Mapping[str, str] = msgspec.field(name="__secrets__", default_factory=dict)
    said: Mapping[str, Any] = msgspec.field(name="__said__", default_factory=dict)
    """The file's own tables, as written: what stands in them is not headquarters' to change."""
    bundle: Path | None = msgspec.field(name="__bundle__", default=None)
    """The folder of what headquarters published, where that counts here."""
    fleet_route: tuple[RouteTable, ...] = msgspec.field(name="__fleet_route__", default=())
    """The bundle's: for event types that no `route` of the store's own matches."""
    alone: "Settings | None" = msgspec.field(name="__alone__", default=None)
    """The same without the bundle; None: this is it."""

    @property
    def folder(self) -> Path:
        """What relative paths of the file are relative to."""
        return (self.file.parent if self.file else Path.cwd()).resolve()

    @property
    def database(self) -> Path:
        return self.folder / self.data.path

    @property
    def socket(self) -> Path:
        return self.database.parent / self.hook.socket

    @property
    def own_templates(self) -> Path:
        return self.folder / self.templates.path

    @property
    def fleet_templates(self) -> Path | None:
        return None if self.bundle is None else self.bundle / published.TEMPLATES


# ---------------------------------------------------------------- reading


def load(path: Path | None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the file (None: all defaults) and its secrets. Raises ConfigError with the place and the remedy."""
    environ = os.environ if environ is None else environ
    folder = path.parent if path else Path.cwd()
    table: dict[str, Any] = {}
    if path:
        table = read_toml(path)
    for own in table:
        if own.startswith("__"):
            raise ConfigError(f"{path}: {own}: no such key")
    settings = decode(table, Settings, where=str(path or "tether.toml"))
    try:
        settings.store.zone  # noqa: B018
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # "Europe" alone is a folder
        raise ConfigError(
            f'{path}: store.timezone: {settings.store.timezone!r} is no time zone; write it like "Europe/London"'
        ) from error
    return as_published(msgspec.structs.replace(settings, file=path, secrets=secrets_in(folder, environ), said=table))


def as_published(settings: Settings) -> Settings:
    """The same store with the bundle that lies there now, or with none where that can't be read any more."""
    try:
        return with_bundle(settings, bundle_in_force(settings))
    except ConfigError:  # it was checked before it was put there; who runs without it says so (`daemon.fleet.bundles`)
        return settings.alone or settings


def bundle_in_force(settings: Settings) -> Path | None:
    """What headquarters published and this store took; None in no fleet, and where its bundles are not wanted."""
    if not settings.fleet.store or not settings.fleet.bundles:
        return None
    return published.in_force(settings.database)


def with_bundle(settings: Settings, bundle: Path | None) -> Settings:
    """The same store with that bundle beneath what it says itself, whatever was beneath before. Raises ConfigError."""
    alone = settings.alone or settings
    if bundle is None:
        return alone
    try:
        theirs, routes = published.settings_in(bundle), published.routes_in(bundle)
    except published.Unusable as error:
        raise ConfigError(f"bundle {bundle.name}: {error}") from error
    where = f"bundle {bundle.name}"
    read = decode({"route": routes}, Settings, where=f"{where}: {published.ROUTES}")
    changed: dict[str, Any] = {}
    for name, values in theirs.items():
        own = alone.said.get(name, {})
        fresh = {key: value for key, value in values.items() if key not in own}
        table = getattr(decode({name: fresh}, Settings, where=f"{where}: {published.SETTINGS}"), name)
        if isinstance(table, dict):
            changed[name] = table | getattr(alone, name)
        else:
            known = {field.encode_name: field.name for field in msgspec.structs.fields(type(table))}
            given = {known[key]: getattr(table, known[key]) for key in fresh}
            changed[name] = msgspec.structs.replace(getattr(alone, name), **given)
    return msgspec.structs.replace(alone, **changed, bundle=bundle, fleet_route=read.route, alone=alone)


def decode(
    table: Mapping[str, Any], kind: type[T], *, where: str, secrets: tuple[str, ...] = (), owner: str = "tether"
) -> T:
    """Turn a plain table into a struct; the error names the key (`where: channels.twilio.frm: ...`) and the nearest known one.

    `secrets`: names that belong into .env for this table, whose `owner` is a channel, a source or the store."""
    _refuse_unknown(table, kind, where, "", secrets, owner)
    try:
        return msgspec.convert(table, kind, dec_hook=read_value)
    except msgspec.ValidationError as error:
        text, _, at = str(error).partition(" - at `")
        key = at.removesuffix("`").removeprefix("$.").replace("[...]", "")
        raise ConfigError(f"{where}: {key + ': ' if key else ''}{text}{value_hint(kind, key, text)}") from error


def _refuse_unknown(table: Any, kind: Any, where: str, prefix: str, secrets: tuple[str, ...], owner: str) -> None:
    if isinstance(table, list | tuple):
        for index, item in enumerate(table):
            place = f"{prefix.removesuffix('.')}[{index}]."
            _refuse_unknown(item, getattr(kind, "__args__", (kind,))[0], where, place, secrets, owner)
        return
    if not (isinstance(kind, type) and issubclass(kind, Table) and isinstance(table, Mapping)):
        return
    known = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        if key not in known:
            near = nearest(key, (each for each in known if not each.startswith("__")))
            hint = secret_hint(key, secrets, owner) or (
                f"; did you mean {near!r}?"
                if near
                else f"; known are {', '.join(sorted(k for k in known if k[0] != '_'))}"
            )
            raise ConfigError(f"{where}: {prefix}{key}: no such key{hint}")
        _refuse_unknown(value, known[key], where, f"{prefix}{key}.", secrets, owner)
