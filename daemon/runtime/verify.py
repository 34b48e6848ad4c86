"""Whether a configuration can be used: the one check behind `run`, `reload`, `init` and `doctor`, so that they agree, in the same words.

It reads files that the configuration names, and opens nothing that stays open. What only shows at a provider the doctor asks.
"""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from daemon.channels import registry as channels
from daemon.config import ConfigError, Settings, Templates
from daemon.dispatch.reply_words import check_replies
from daemon.dispatch.sms.guard import check_sms
from daemon.dispatch.uplink import probe_hosts
from daemon.intake import registry as sources
from daemon.intake.base import secrets_begin_with
from daemon.iso import currency_trouble
from daemon.keys.keyring import known
from daemon.planner.check import mistakes_of_texts
from daemon.planner.formats import REF
from daemon.planner.plan import make_planner
from daemon.planner.recipients import Reach
from daemon.planner.routes import CUSTOMER, TEAM, compile_routes
from daemon.runtime.tls import tls_context
from daemon.upkeep.backup_folder import backup_folder
from daemon.upkeep.heartbeat import check_heartbeat
from daemon.upkeep.record_mail import check_record
from daemon.upkeep.trouble import check_trouble
from daemon.wire.near import nearest

LONGEST_SOCKET = 107
"""Linux's `sun_path` has 108 bytes, the last of them zero (unix(7))."""

RUNTIME_FOLDER = Path("/run/tether")
"""systemd makes it for the service, and takes it away with it."""


def verify(settings: Settings) -> None:
    """Raises ConfigError with all that keeps the service from starting, a line each."""
    if found := list(faults(settings)):
        raise ConfigError("\n".join(found))


def usable(settings: Settings) -> Settings:
    """The same, or the same without what headquarters published where the store can't be run with that any more. Raises ConfigError."""
    try:
        verify(settings)
    except ConfigError:
        if settings.alone is None:
            raise
        verify(settings.alone)
        return settings.alone
    return settings


def faults(settings: Settings) -> Iterator[str]:
    """All that keeps the service from starting, in sentences that say where and what to do."""
    file = str(settings.file or "tether.toml")
    told: set[str] = set()
    for error in _errors(settings):
        words = str(error)
        words = words if words.startswith(file) else f"{file}: {words}"
        if words not in told:  # what the planner and the limit of texts both look at
            told.add(words)
            yield words
    try:
        known(settings)
    except ConfigError as error:  # of `.env`, or the file beside the database: it says which
        yield str(error)


def mistakes(settings: Settings, texts: Path) -> list[str]:
    """What keeps the service from starting, or else a text of that folder from being sent."""
    return list(faults(settings)) or mistakes_of_texts(settings, texts)


def _errors(settings: Settings) -> Iterator[ConfigError]:
    tables = [*_of_channels(settings), *_of_sources(settings)]
    yield from tables
    checks: list[Callable[[Settings], object]] = [
        _check_store,
        _check_data,
        _check_templates,
        _check_hook,
        _check_uplink,
        _check_backup,
        _check_audiences,
        check_sms,
    ]
    if not tables:
        checks.insert(1, _check_routes)
    for check in (*checks, check_replies, check_trouble, check_record, check_heartbeat):
        try:
            check(settings)
        except ConfigError as error:
            yield error
        except OSError as error:
            yield ConfigError(f"{error.filename or check.__name__} can't be looked at: {error.strerror or error}")


def _of_channels(settings: Settings) -> Iterator[ConfigError]:
    for name, table in settings.channels.items():
        try:
            channels.check(name, table)
        except ConfigError as error:
            yield error


def _of_sources(settings: Settings) -> Iterator[ConfigError]:
    owners: dict[str, str] = {}
    for name, table in settings.sources.items():
        owner = owners.setdefault(secrets_begin_with(name), name)
        if owner != name:
            yield ConfigError(
                f"sources.{name}: its secrets would be those of [sources.{owner}] ({secrets_begin_with(name)}_...): call one of them otherwise"
            )
        try:
            sources.build(name, table, settings.secrets, settings.store)
        except ConfigError as error:
            yield error


def _check_store(settings: Settings) -> None:
    if trouble := currency_trouble(settings.store.currency):
        raise ConfigError(f"store.currency: {trouble}")
    page = settings.store.order_url
    if page and not (_is_address(page) and REF in page):
        raise ConfigError(
            f'store.order_url: {page!r}: write the address of an order\'s page with {REF} for its number, like "https://shop.example/orders/{REF}"'
        )


def _check_routes(settings: Settings) -> None:
    """What they name is there; and each of the store's own has a way that is enabled, or nobody would ever hear by it."""
    enabled = {name: Reach.of(channels.channel_class(name), own_destination=True) for name in settings.channels}
    routes = compile_routes(settings, enabled, channels.CHANNELS)
    make_planner(routes, settings, enabled)
    for route in (*routes.own, *routes.published):
        if not route.via:
            asked = ", ".join(route.asked_via)
            raise ConfigError(
                f"{route.place}: via: none of {asked} is enabled, so nobody would hear; "
                f"add a table such as [channels.{route.asked_via[0]}], or name one of {', '.join(settings.channels) or 'those you enable'}"
            )


def _check_templates(settings: Settings) -> None:
    """The default folder need not be there; one that was named should."""
    if settings.templates == Templates():
        return
    try:
        is_folder = settings.own_templates.is_dir()
    except OSError as error:
        raise ConfigError(
            f"templates.path: {settings.own_templates} is out of this user's reach ({error.strerror}), as homes are out of the "
            "service's; put the texts beside tether.toml"
        ) from error
    if not is_folder:
        raise ConfigError(
            f"templates.path: {settings.own_templates} is no folder; the store's own texts go into "
            "<locale>/<event type>.<medium>.j2 in it (docs/templates.md)"
        )


def _check_data(settings: Settings) -> None:
    """What is there under that name is a database, or nothing: whatever else it were would be set aside as a damaged one."""
    database = settings.database
    if not _is_free(database, stat.S_ISREG):
        what = "a folder" if database.is_dir() else "no file"
        raise ConfigError(f'data.path: {database} is {what}; name the database\'s own file, like "tether.db"')


def _is_free(path: Path, wanted: Callable[[int], bool]) -> bool:
    """Whether nothing stands there but what is `wanted`, as far as this user may see."""
    try:
        return wanted(path.stat().st_mode)
    except OSError:
        return True


def _check_audiences(settings: Settings) -> None:
    for name, table in settings.audiences.items():
        if name in (CUSTOMER, TEAM):
            raise ConfigError(
                f"audiences.{name}: {name} is told without a table (docs/routes.md): nobody would use this one; choose another name"
            )
        for kind in table:
            if not _takes(kind):
                near = nearest(kind, (*_OF_EACH, *channels.CHANNELS))
                hint = f"did you mean {near!r}?" if near else "write phone, email, or a channel such as slack"
                raise ConfigError(f"audiences.{name}.{kind}: no such kind of address; {hint}")


def _takes(kind: str) -> bool:
    """Whether any channel takes addresses of that kind."""
    return kind in _OF_EACH or (kind in channels.CHANNELS and kind in channels.channel_class(kind).address_kinds)


_OF_EACH = ("phone", "email")
"""Kinds of address that several channels share; any other has its channel's name."""


def _check_hook(settings: Settings) -> None:
    hook = settings.hook
    if not _is_free(settings.socket, stat.S_ISSOCK):
        raise ConfigError(f'hook.socket: {settings.socket} is there and is no socket; name another, like "tether.sock"')
    if len(os.fsencode(settings.socket)) > LONGEST_SOCKET:
        raise ConfigError(
            f"hook.socket: {settings.socket} is too long for a socket (at most {LONGEST_SOCKET} bytes); "
            'name one in a shorter folder, like "/run/tether/tether.sock"'
        )
    folder = Path(os.path.normpath(settings.socket.parent))
    if not _will_be(folder, settings):
        raise ConfigError(
            f"hook.socket: {folder} is no folder; make it, or leave the key out: then the socket lies beside the database"
        )
    tls_context(hook, settings.folder)
    if hook.public_url and not _is_address(hook.public_url):
        raise ConfigError(
            f'hook.public_url: {hook.public_url!r} is no address; write it like "https://tether.shop.example"'
        )
    if not 0 <= hook.port < 65536:
        raise ConfigError(f"hook.port: {hook.port} is no port; write one of 1 to 65535")


def _will_be(folder: Path, settings: Settings) -> bool:
    """Whether that folder is there when the service starts, as far as this user may see."""
    data = settings.database.parent.resolve()
    if folder.resolve() in (RUNTIME_FOLDER, data, *data.parents):
        return True
    try:
        return stat.S_ISDIR(folder.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _check_backup(settings: Settings) -> None:
    """Where backups go, and whose keys they are made for: a mistake here would show on the day on which one is needed. The library is
    loaded for them alone."""
    backup_folder(settings)
    if not settings.backup.recipients:
        return
    import pyrage

    for place, text in enumerate(settings.backup.recipients, 1):
        try:
            pyrage.x25519.Recipient.from_str(text)
        except pyrage.RecipientError as error:
            raise ConfigError(
                f"backup.recipients: number {place} is no recipient of age, which begins with age1 and which "
                "`tether key public` or `age-keygen -y` shows"
            ) from error


def _check_uplink(settings: Settings) -> None:
    probe_hosts(settings.uplink.probe)
    if settings.uplink.every <= 0:
        raise ConfigError(
            'uplink.every: longer than nothing, like "5s": providers are called so often while the line is down'
        )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
