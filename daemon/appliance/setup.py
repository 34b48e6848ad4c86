"""What `tether init` writes: tether.toml and .env, tried out before they are put in place, whole or not at all."""

import grp
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import tomli_w
from babel.core import get_global
from babel.languages import get_official_languages
from babel.numbers import get_territory_currencies
from dotenv import dotenv_values

from daemon import standard_webhooks
from daemon.channels import registry
from daemon.channels.base import Channel, CommonSettings
from daemon.config import ConfigError, Settings, load, secrets_in
from daemon.runtime.verify import verify
from daemon.upkeep.swap import sync_folder

LANGUAGES = ("en", "de", "es", "fr")
"""Those in which texts ship."""
SYSTEM_FOLDER = Path("/etc/tether")
SYSTEM_DATABASE = "/var/lib/tether/tether.db"
SYSTEM_GROUP = "tether"


PACKAGED = "# The configuration that came with Tether."
"""How the Debian package's own tether.toml begins: nobody's words yet."""
PACKAGED_STORE = {"name": "Our shop", "country": "GB", "timezone": "Europe/London"}
"""What it says of the store until somebody does: no guess is worse than this one."""
STANDARD_WEBHOOKS = "TETHER_WEBHOOK_SECRET"
"""That of POST /v1/events: several by comma or space while one is exchanged."""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What an owner knows. `tables`: top-level tables of tether.toml by name."""

    tables: Mapping[str, Any]
    channels: Mapping[str, Mapping[str, Any]]
    secrets: Mapping[str, str]


class Question(msgspec.Struct, frozen=True):
    """One thing to ask for a channel: a key of its table, or a secret."""

    name: str
    is_secret: bool


def questions_for(channel: str) -> Sequence[Question]:
    """What has to be asked. Raises ConfigError for a channel that there isn't."""
    kind = registry.channel_class(channel)
    common = {field.encode_name for field in msgspec.structs.fields(CommonSettings)}
    required = [
        field.encode_name
        for field in msgspec.structs.fields(kind.Settings)
        if field.required and field.encode_name not in common
    ]
    secrets = registry.secrets_of(kind)
    keys = [name for name in kind.asked if name not in secrets]
    return [
        *(Question(name, False) for name in dict.fromkeys((*required, *keys))),
        *(Question(name, True) for name in secrets if name in kind.secrets or name in kind.asked),
    ]


def secret_trouble(name: str, value: str) -> str:
    """Why a secret does not look like one of its kind; "" where it does, or its kind has no look. It is not quoted."""
    if name == STANDARD_WEBHOOKS:
        each = re.split(r"[,\s]+", value.strip())
        return next(filter(None, (standard_webhooks.secret_trouble(name, one) for one in each)), "")
    for channel in registry.CHANNELS:
        kind = registry.channel_class(channel)
        if name in registry.secrets_of(kind):
            return kind.secret_trouble(name, value)
    return Channel.secret_trouble(name, value)


def number_of(text: str) -> int | str:
    """A whole number where it is one."""
    return int(text) if text.isascii() and text.isdecimal() else text


# ---------------------------------------------------------------- guesses


_UTC = ("Etc/UTC", "UTC", "Etc/UCT", "Etc/GMT")
_BOTH_SEASONS = (datetime(2026, 1, 1), datetime(2026, 7, 1))  # noqa: DTZ001 - on each zone's own clock


def guess_timezone(root: Path = Path("/")) -> str:
    """This machine's own."""
    named = root / "etc/timezone"
    if named.is_file() and (text := named.read_text(encoding="utf-8").strip()):
        return text
    link = root / "etc/localtime"
    _, found, zone = str(link.readlink()).partition("zoneinfo/") if link.is_symlink() else ("", "", "")
    return zone if found and zone else "Europe/London"


def zone_in(country: str, zone: str) -> str:
    """`zone`, unless it is UTC, as machines are delivered, and the clocks of the whole country show the same."""
    zones = get_global("territory_zones").get(country, ())
    clocks = {tuple(ZoneInfo(each).utcoffset(day) for day in _BOTH_SEASONS) for each in zones}
    return zones[0] if zone in _UTC and len(clocks) == 1 else zone


def guess_country(timezone: str) -> str:
    country = get_global("zone_territories").get(timezone, "")
    return country if len(country) == 2 and country.isalpha() and country != "ZZ" else "GB"


def guess_currency(country: str) -> str:
    return next(iter(get_territory_currencies(country)), "EUR")


def guess_locale(country: str) -> str:
    return next(
        (language for language in get_official_languages(country, de_facto=True) if language in LANGUAGES), "en"
    )


# ---------------------------------------------------------------- reading


def unwritten(text: str, file: Path) -> Settings:
    """That text as it would be read at `file`, with the secrets that are there. Raises ConfigError."""
    with tempfile.TemporaryDirectory(prefix="tether-") as folder:
        toml = Path(folder) / file.name
        toml.write_text(text, encoding="utf-8")
        try:
            settings = load(toml, environ={})
        except ConfigError as error:
            raise ConfigError(str(error).replace(str(toml), str(file))) from error
    return msgspec.structs.replace(settings, file=file, secrets=secrets_in(file.parent, os.environ))


# ---------------------------------------------------------------- writing


_DATA = re.compile(r"^\[data\][^\n]*\n?", re.MULTILINE)
_DATA_PATH = re.compile(rf"({_DATA.pattern}(?:(?!\[|[ \t]*path\b)[^\n]*\n)*)[ \t]*path\b[^\n]*\n?", re.MULTILINE)


def for_service(text: str, file: Path) -> str:
    """A configuration from elsewhere, to stand at `file`: its database is not in SYSTEM_FOLDER, where the service may not write."""
    try:
        settings = unwritten(text, file)
    except ConfigError:  # said of it where it stands
        return text
    if not settings.database.resolve().is_relative_to(SYSTEM_FOLDER):
        return text
    wanted = {**settings.said, "data": {**settings.said.get("data", {}), "path": SYSTEM_DATABASE}}
    line = f'path = "{SYSTEM_DATABASE}"\n'
    kept, found = _DATA.subn(lambda head: head[0].rstrip("\n") + "\n" + line, _DATA_PATH.sub(r"\1", text), count=1)
    try:
        edited = kept if found else f"{text.rstrip()}\n\n[data]\n{line}"
        return edited if tomllib.loads(edited) == wanted else tomli_w.dumps(wanted)
    except tomllib.TOMLDecodeError:
        return tomli_w.dumps(wanted)


def is_packaged(file: Path) -> bool:
    """Whether what stands there came with the Debian package."""
    return file.read_text(encoding="utf-8-sig", errors="replace").startswith(PACKAGED)


def write(answers: Answers, file: Path) -> Settings:
    """Write `file` and the .env beside it; what was there is kept as `.bak`. Raises ConfigError, and then nothing was written."""
    file = file.absolute()
    folder = file.parent
    folder.mkdir(parents=True, exist_ok=True)
    secrets = {**_present(folder / ".env"), **answers.secrets}
    with tempfile.TemporaryDirectory(prefix=".tether-init-", dir=folder) as trial:
        toml, env = Path(trial) / "tether.toml", Path(trial) / ".env"
        _write(toml, toml_of(answers), 0o640)
        _write(env, env_of(secrets), 0o600)
        _try_out(toml, file)
        if file.is_relative_to(SYSTEM_FOLDER):
            _give_to_service(toml)
        for fresh, place in ((env, folder / ".env"), (toml, file)):
            if place.exists():
                place.replace(place.with_name(place.name + ".bak"))
            fresh.replace(place)
    sync_folder(folder)
    return load(file)


def _try_out(toml: Path, file: Path) -> None:
    """As the service will read it, in the place where it will stand."""
    try:
        verify(msgspec.structs.replace(load(toml, environ={}), file=file))
    except ConfigError as error:
        raise ConfigError(str(error).replace(f"{toml}: ", "").replace(f"{file}: ", "")) from error


def _present(env: Path) -> Mapping[str, str]:
    return (
        {name: value for name, value in dotenv_values(env, interpolate=False).items() if value} if env.is_file() else {}
    )


def _write(path: Path, text: str, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(handle, mode)
        file.write(text)
        file.flush()
        os.fsync(handle)


def _give_to_service(toml: Path) -> None:
    """The service's group reads the configuration; the secrets it is handed by systemd."""
    try:
        group = grp.getgrnam(SYSTEM_GROUP).gr_gid
    except KeyError:
        return
    if os.geteuid() == 0:
        os.chown(toml, 0, group)


def toml_of(answers: Answers) -> str:
    """tether.toml's text."""
    tables = {name: table for name, table in answers.tables.items() if table or not isinstance(table, Mapping)}
    head = "# Written by `tether init`. docs/configuration.md lists every key; `tether doctor` checks it; `tether reload` applies it."
    return f"{head}\n\n{tomli_w.dumps({**tables, 'channels': answers.channels})}"


def env_of(secrets: Mapping[str, str]) -> str:
    """.env's text, as python-dotenv reads it: single quotes, in which only the quote and the backslash are escaped."""
    lines = [f"{name}='{_escaped(value)}'" for name, value in sorted(secrets.items())]
    return "\n".join(["# The secrets of tether.toml. Keep this file to yourself (mode 600).", *lines]) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
