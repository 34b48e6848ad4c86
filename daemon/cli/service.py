"""The commands' way to the service: its socket while it runs; while it is stopped, the same calls on the opened database."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from daemon.cli.failure import Failure

if TYPE_CHECKING:
    from daemon.cli.client import Client, Parameter
    from daemon.config import Settings
    from daemon.wire.requests.act import Act

T = TypeVar("T")


def settle(work: Callable[[], Awaitable[T]]) -> T:
    """Run a verb's asynchronous part. Raises KeyboardInterrupt on Ctrl-C, however the loop waits: asyncio's own way is missed by a loop that
    is about to wait just then."""
    import asyncio
    import signal

    async def whole() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
        return await work()

    try:
        return asyncio.run(whole())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def done(settings: "Settings", act: "Act", *, only: str = "") -> Any:
    """Have it done, and what the service answers. `only`: why nothing but the running service can do it, where that is so."""

    async def ask() -> Any:
        async with running_service(settings, only) if only else service(settings) as client:
            return await client.act(act)

    return settle(ask)


def got(settings: "Settings", path: str, *, only: str = "", **more: Any) -> Any:
    """What the service answers to one question."""

    async def ask() -> Any:
        async with running_service(settings, only) if only else service(settings) as client:
            return await client.get(path, **more)

    return settle(ask)


def listed(settings: "Settings", path: str, *, most: int, **query: "Parameter") -> list[Any]:
    """The items of a list."""

    async def ask() -> list[Any]:
        async with service(settings) as client:
            return await client.pages(path, most=most, **query)

    return settle(ask)


@asynccontextmanager
async def service(settings: "Settings") -> AsyncIterator["Client"]:
    """The running service, or else its database opened here for as long as the command takes."""
    from daemon.appliance.ownership import as_owner_of
    from daemon.cli.client import Client

    client = Client(settings.socket)
    if await client.answers():
        yield client
        return
    _check_place(settings)
    from daemon.runtime.app import open_offline
    from daemon.runtime.logs import configure_logs

    configure_logs("error", "text", secrets=settings.secrets)
    with as_owner_of(settings.database):
        async with open_offline(settings) as socket:
            yield Client(socket)


def _check_place(settings: "Settings") -> None:
    """Whether its database could be opened here. Raises Failure with what to do."""
    from daemon.cli.client import actor

    database = settings.database
    if settings.file is None and not database.exists():
        raise Failure(
            f"there is no store here: no tether.toml in {settings.folder} or /etc/tether, and no service that runs; "
            "`tether init` sets one up, `tether demo` shows one, `--config FILE` names another"
        )
    folder = next(each for each in database.parents if each.exists())
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise Failure(
            f"the service is stopped, and {folder} can only be read (the file system is read-only): "
            "a card that went read-only is dying; `tether doctor` says more"
        )
    if not os.access(folder, os.W_OK | os.X_OK) or (database.exists() and not os.access(database, os.R_OK | os.W_OK)):
        raise Failure(
            f"the service is stopped, and {actor()} may not open its database ({database}): "
            "start it (`sudo systemctl start tether`), or put sudo in front"
        )


@asynccontextmanager
async def running_service(settings: "Settings", why: str) -> AsyncIterator["Client"]:
    """The running service only. Raises Failure with `why` it must run."""
    from daemon.cli.client import Client

    client = Client(settings.socket)
    if not await client.answers():
        raise Failure(f"the service is not running (nothing answers at {settings.socket}); {why}")
    yield client


async def is_running(settings: "Settings") -> bool:
    from daemon.cli.client import Client, Silent

    try:
        return await Client(settings.socket).answers()
    except Silent:
        return False


def read(answer: Any, kind: type[T]) -> T:
    """An answer as the struct that both ends of the wire share. What a service of another release leaves out has its default."""
    import msgspec

    from daemon.wire.values import read_value

    try:
        return msgspec.convert(answer, kind, dec_hook=read_value)
    except msgspec.ValidationError as error:
        raise Failure(f"the service is of another release, and answers what this one can't read: {error}") from error


def segment(text: str) -> str:
    """A reference as one part of a path."""
    return quote(text, safe="")
