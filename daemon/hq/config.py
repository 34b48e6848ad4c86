"""`hq.toml` and the secrets beside it, read once. The grammar is the store's own (`daemon.config`)."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from daemon.config import ConfigError, Duration, Table, TimeOfDay, decode, secrets_in
from daemon.fleet.consent_keys import read_keys
from daemon.fleet.nkey import BadKey, KeyPair, Role
from daemon.hq.claims import archive_key

SEARCH = (Path("hq.toml"), Path("/etc/tether-hq/hq.toml"))
OPERATOR, ACCOUNT, SYSTEM, CONSENT = "HQ_OPERATOR_SEED", "HQ_ACCOUNT_SEED", "HQ_SYSTEM_SEED", "HQ_CONSENT_KEYS"


class Hq(Table, frozen=True):
    name: str
    """The fleet's, as owners call it."""
    listen: str = "127.0.0.1:8788"
    """Where the page, the API and the door for joining stores listen."""
    public_url: str = ""
    """How stores reach `listen`; a join code carries it."""
    single: bool = False
    """One of NATS's servers instead of three: its disk is then the only place of what the archive does not have yet."""
    timezone: str = "Europe/London"
    """By whose clocks weeks begin and mails go out."""
    country: str = "GB"
    """How phone numbers of `[audiences]` are read."""
    retention: Duration = Duration(180 * 86400)
    """How long the archive leads from a customer to their messages; stores' own is `[data] retention`."""


class Nats(Table, frozen=True):
    servers: tuple[str, ...]
    ca: Path = Path("ca.pem")


class Postgres(Table, frozen=True):
    dsn: str


class Publish(Table, frozen=True):
    key: Path | None = None
    """The Ed25519 key (PEM) that signs bundles of texts and routes."""


class Trouble(Table, frozen=True):
    """Who is told, and how, of what needs a person at headquarters."""

    via: tuple[str, ...] = ()
    """Channels of `[channels]` in turn, the first that takes it; empty: nobody is told."""
    audience: str = "owner"
    after: Duration = Duration(120)
    """How long something must have been wrong: what mends itself is no news."""


class Report(Table, frozen=True):
    """A mail a week with the figures of the week before."""

    day: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "monday"
    mail_at: TimeOfDay | None = None
    """When ("08:00"); none: no such mail."""
    audience: str = "owner"


class Oidc(Table, frozen=True):
    """Logging in by a provider of the owner's; its client secret is HQ_OIDC_SECRET."""

    issuer: str
    client_id: str
    claim: str = "email"
    """By which claim somebody is called what `tether hq user add` calls them; an e-mail address must be verified."""


class HqSettings(Table, frozen=True):
    hq: Hq
    nats: Nats
    postgres: Postgres
    publish: Publish = Publish()
    trouble: Trouble = Trouble()
    report: Report = Report()
    channels: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    audiences: dict[str, dict[str, str | tuple[str, ...]]] = msgspec.field(default_factory=dict)

    oidc: Oidc | None = None

    file: Path | None = msgspec.field(name="__file__", default=None)
    secrets: Mapping[str, str] = msgspec.field(name="__secrets__", default_factory=dict)

    @property
    def folder(self) -> Path:
        return (self.file.parent if self.file else Path.cwd()).resolve()

    @property
    def ca(self) -> Path:
        return self.folder / self.nats.ca

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.hq.listen.rpartition(":")
        return host or "127.0.0.1", int(port)

    def key(self, name: str, role: Role) -> KeyPair:
        """One of HQ's own keys. Raises ConfigError, which names it and never repeats it."""
        seed = self.secrets.get(name)
        if not seed:
            raise ConfigError(
                f"{self.folder / '.env'}: {name} is missing: tether hq init writes it; without it restore the backup of .env"
            )
        try:
            return KeyPair.from_seed(seed, role)
        except BadKey as error:
            raise ConfigError(f"{self.folder / '.env'}: {name}: {error}") from error

    @property
    def archive_key(self) -> KeyPair:
        """Of the account of NATS that the streams are in. Raises ConfigError."""
        return archive_key(self.key(ACCOUNT, "account"))

    @property
    def consent_keys(self) -> dict[str, bytes]:
        """The fleet's consent keys; the last is the newest."""
        try:
            return read_keys(self.secrets.get(CONSENT, ""))
        except ValueError as error:
            raise ConfigError(
                f"{self.folder / '.env'}: {CONSENT} is not written like k1:<base64> k2:<base64>"
            ) from error


def find(explicit: Path | None, environ: Mapping[str, str]) -> Path:
    """`--config`, else TETHER_HQ_CONFIG, else the first of `SEARCH`. Raises ConfigError."""
    named = explicit or (Path(environ["TETHER_HQ_CONFIG"]) if environ.get("TETHER_HQ_CONFIG") else None)
    found = (
        named if named and named.is_file() else next((path for path in SEARCH if not named and path.is_file()), None)
    )
    if found is None:
        raise ConfigError(f"{named or SEARCH[0]}: no such file. `tether hq init` writes one.")
    return found


def load(path: Path, environ: Mapping[str, str] | None = None) -> HqSettings:
    """Raises ConfigError with the place and the remedy."""
    environ = os.environ if environ is None else environ
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if own := {"__file__", "__secrets__"} & set(table):
        raise ConfigError(f"{path}: {own.pop()}: no such key")
    settings = decode(table, HqSettings, where=str(path))
    _check(settings, path)
    return msgspec.structs.replace(settings, file=path, secrets=secrets_in(path.parent, environ))


def _check_telling(settings: HqSettings, path: Path) -> None:
    for name in settings.trouble.via:
        if name not in settings.channels:
            raise ConfigError(f"{path}: trouble.via: there is no [channels.{name}]")
    wanted = {"trouble": settings.trouble.via, "report": settings.report.mail_at is not None}
    for table, is_on in wanted.items():
        audience = getattr(settings, table).audience
        if is_on and audience not in settings.audiences:
            raise ConfigError(f"{path}: {table}.audience: there is no [audiences.{audience}] with a phone or an email")
    try:
        ZoneInfo(settings.hq.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(
            f'{path}: hq.timezone: {settings.hq.timezone!r} is no time zone; write it like "Europe/London"'
        ) from error


def _check(settings: HqSettings, path: Path) -> None:
    _check_telling(settings, path)
    _, colon, port = settings.hq.listen.rpartition(":")
    if not colon or not port.isdigit() or not 0 <= int(port) < 65536:
        raise ConfigError(f'{path}: hq.listen: {settings.hq.listen!r} is no address; write it like "127.0.0.1:8788"')
    for server in settings.nats.servers:
        if not server.startswith("tls://"):
            raise ConfigError(f'{path}: nats.servers: {server!r} is not written like "tls://hq1.example:443"')
    if not settings.nats.servers:
        raise ConfigError(f"{path}: nats.servers: none is named")
    if len(settings.nats.servers) < 3 and not settings.hq.single:
        raise ConfigError(f"{path}: nats.servers: three are needed, or single = true under [hq] for one")
