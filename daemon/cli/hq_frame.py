"""What all commands of `tether hq` share: its configuration, the archive, and a sentence for what only a person can mend."""

import errno
import getpass
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from daemon.cli.frame import Failure, app, settle

if TYPE_CHECKING:
    from daemon.hq.config import HqSettings
    from daemon.hq.database import Connection

T = TypeVar("T")

hq = typer.Typer(no_args_is_help=True, help="Headquarters of many stores: set it up, run it, add and revoke stores.")
store = typer.Typer(no_args_is_help=True, help="The fleet's stores: add, list, revoke.")
app.add_typer(
    hq, name="hq", epilog="Example: tether hq init /etc/tether-hq --name 'Balloon Loft' --server hq1.example ..."
)
hq.add_typer(store, name="store", epilog="Example: tether hq store add soho --group london")

NameArgument = Annotated[str, typer.Argument(help="A store's name in the fleet: small letters, digits, hyphens.")]
HqConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="hq.toml. Default: $TETHER_HQ_CONFIG, ./hq.toml, /etc/tether-hq/hq.toml."),
]


def me() -> str:
    """Whoever types the command, for headquarters' record."""
    return f"{getpass.getuser()} (command line)"


def settings_of(config: Path | None) -> "HqSettings":
    from daemon.hq.config import find, load

    return load(find(config, os.environ))


def with_archive(config: Path | None, work: "Callable[[HqSettings, Connection], Awaitable[T]]") -> T:
    """With the settings and a connection to the archive, brought to this release's schema."""

    async def whole(settings: "HqSettings") -> T:
        from daemon.hq.database import migrate, opened

        await migrate(settings.postgres.dsn)
        async with opened(settings.postgres.dsn) as db:
            return await work(settings, db)

    with explained():
        settings = settings_of(config)
        return settle(lambda: whole(settings))


@contextmanager
def explained() -> Iterator[None]:
    """Turn what only a person can mend into a sentence."""
    missing = [module for module in ("nats", "psycopg", "psycopg_pool") if find_spec(module) is None]
    if missing:
        raise Failure(
            f"headquarters needs what is not installed here ({', '.join(missing)}): install the Debian package, "
            "or the wheel with its extra (docs/fleet.md)"
        )
    try:
        yield
    except BaseExceptionGroup as group:
        found = group.subgroup(_expected())
        if found is None:
            raise
        error: BaseException = found
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise Failure(_sentence(error)) from error
    except _expected() as error:
        raise Failure(_sentence(error)) from error


def _expected() -> tuple[type[Exception], ...]:
    """What only a person can mend. Looked up once something was raised: a command loads what it works with and no more."""
    import psycopg

    from daemon.fleet.bundle import BadBundle
    from daemon.fleet.nats_connection import NatsAway
    from daemon.hq.database import ArchiveTooNew
    from daemon.hq.engines import EngineFailed, EngineMissing
    from daemon.hq.nats import ServerRefused
    from daemon.hq.setup import SetUpRefused
    from daemon.hq.stores import Declined
    from daemon.hq.streams import StreamRefused

    return (
        BadBundle,
        EngineMissing,
        EngineFailed,
        NatsAway,
        ServerRefused,
        StreamRefused,
        SetUpRefused,
        ArchiveTooNew,
        Declined,
        psycopg.Error,
        OSError,
    )


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"{text}: another headquarters or demo? Choose another port (--port 0: any free one; [hq] listen in hq.toml)"
    if type(error).__module__.startswith("psycopg"):
        return f"PostgreSQL: {text}: is it running, and is [postgres] dsn in hq.toml right?"
    return text
