"""`tether backup`: a sealed copy of all that is known. `daemon.cli.restore` is the way back."""

import sys
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from daemon.cli.frame import ConfigOption, Failure, JsonOption, app, as_json, counted, settings_of, settle, table

if TYPE_CHECKING:
    from daemon.config import Settings
    from daemon.upkeep.backup import Made

T = TypeVar("T")


@app.command(epilog="Example: tether backup --list")
def backup(
    config: ConfigOption = None,
    to: Annotated[str | None, typer.Option(help="A folder or s3://bucket/prefix instead of [backup] to.")] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Make none; say which there are.")] = False,
    json: JsonOption = False,
) -> None:
    """Back up while the service works. A consistent copy, encrypted and signed, read back once; the oldest go ([backup] keep)."""
    from daemon.appliance.ownership import as_owner_of

    settings = _with_place(settings_of(config), to)
    if list_only:
        names = settle(lambda: explained(_names(settings)))
        if json:
            as_json(names)
        else:
            table(("backup",), [(name,) for name in names], empty=f"none in {settings.backup.to} yet")
        return
    with as_owner_of(settings.database):
        made = settle(lambda: explained(_make(settings)))
    _warn_of_the_key(settings)
    if json:
        as_json(made)
        return
    counts = made.manifest.proof.counts
    print(
        f"{made.name}: {made.bytes / 1024:.0f} KiB in {settings.backup.to}; {counted(counts.get('orders', 0), 'order')}, "
        f"{counted(counts.get('message', 0), 'message')}, {counted(made.manifest.proof.entries, 'audit entry', 'audit entries')}"
    )
    for name in made.removed:
        print(f"removed {name}")


def _warn_of_the_key(settings: "Settings") -> None:
    from daemon.keys.keyring import WORDS
    from daemon.upkeep.backup_note import key_trouble

    if why := key_trouble(settings):
        print(
            f"{why}. `tether key words` shows them; write them down, and put them into .env as {WORDS}", file=sys.stderr
        )


def _with_place(settings: "Settings", to: str | None) -> "Settings":
    import msgspec

    if to is None:
        return settings
    return msgspec.structs.replace(settings, backup=msgspec.structs.replace(settings.backup, to=to))


async def _make(settings: "Settings") -> "Made":
    from daemon.upkeep.backup import back_up_there
    from outbox.clock import SystemClock

    return await back_up_there(settings, SystemClock())


async def _names(settings: "Settings") -> Sequence[str]:
    from daemon.upkeep.backup_store import keeping
    from outbox.clock import SystemClock

    async with keeping(settings, SystemClock()) as store:
        return await store.names()


async def explained(work: Awaitable[T]) -> T:
    from daemon.upkeep.errors import BackupError

    try:
        return await work
    except BackupError as error:
        raise Failure(str(error)) from error
