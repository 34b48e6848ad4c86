"""`tether backup` and `tether restore`: a copy of all that is known, and the way back."""

import os
import random
import shutil
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, TypeVar

import typer

from daemon.appliance.archive import config_of
from daemon.appliance.backup import Made, back_up
from daemon.appliance.errors import BackupError
from daemon.appliance.ownership import as_owner_of
from daemon.appliance.restore import Proved, Restored, candidate
from daemon.appliance.shelf import keeping
from daemon.cli.frame import ConfigOption, Failure, JsonOption, app, as_json, counted, settings_of, settle, table
from daemon.config import Settings
from outbox.clock import SystemClock

T = TypeVar("T")

LATEST = "latest"


@app.command(epilog="Example: tether backup --list")
def backup(
    config: ConfigOption = None,
    to: Annotated[str | None, typer.Option(help="A folder or s3://bucket/prefix instead of [backup] to.")] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Make none; say which there are.")] = False,
    json: JsonOption = False,
) -> None:
    """Back up while the service works. A consistent copy, compressed, read back once; the oldest go ([backup] keep)."""
    settings = _with_place(settings_of(config), to)
    if list_only:
        names = settle(lambda: _explained(_names(settings)))
        if json:
            as_json(names)
        else:
            table(("backup",), [(name,) for name in names], empty=f"none in {settings.backup.to} yet")
        return
    with as_owner_of(settings.database):
        made = settle(lambda: _explained(_make(settings)))
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


@app.command(epilog="Example: tether restore latest --dry-run")
def restore(
    which: Annotated[str, typer.Argument(help="A backup's file, its name in [backup] to, or `latest`.")] = LATEST,
    config: ConfigOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Prove the backup; replace nothing.")] = False,
    send_waiting: Annotated[
        bool,
        typer.Option(
            "--send-waiting",
            help="Send what waited when the backup was made, though it may have been sent since. Default: cancel it.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    json: JsonOption = False,
) -> None:
    """Put a backup in the database's place. It is proved first, and what is there now is kept aside; the service must be stopped."""
    settings = _settings_for(which, config)

    async def work(file: IO[bytes] | None) -> tuple[Proved, Restored | None]:
        clock = SystemClock()
        async with AsyncExitStack() as stack:
            name, fetch = await _source(settings, which, file, stack)
            found = await stack.enter_async_context(
                candidate(settings, name, fetch, clock=clock, rng=random.SystemRandom())
            )
            if not json:
                _tell_proved(name, found.proved, send_waiting=send_waiting)
            if dry_run or not (yes or typer.confirm(f"Put it in the place of {settings.database}?")):
                return found.proved, None
            return found.proved, await found.put_in_place(send_waiting=send_waiting)

    # A file is opened before root becomes the service's user, who may not be allowed to see it.
    with Path(which).open("rb") if Path(which).is_file() else nullcontext() as file, as_owner_of(settings.database):
        proved, restored = settle(lambda: _explained(work(file)))
    if json:
        as_json({"manifest": proved.manifest, "doubtful": proved.doubtful, "later": proved.later, "restored": restored})
    elif restored is None:
        print("nothing was replaced")
    else:
        _tell_restored(restored)


def _with_place(settings: Settings, to: str | None) -> Settings:
    import msgspec

    if to is None:
        return settings
    return msgspec.structs.replace(settings, backup=msgspec.structs.replace(settings.backup, to=to))


def _settings_for(which: str, config: Path | None) -> Settings:
    """On a new card there is no tether.toml yet: the one in the backup comes first."""
    named = config or (Path(os.environ["TETHER_CONFIG"]) if os.environ.get("TETHER_CONFIG") else None)
    if named is not None and not named.exists() and Path(which).is_file():
        try:
            text = config_of(Path(which))
        except BackupError as error:
            raise Failure(str(error)) from error
        if text is not None:
            named.parent.mkdir(parents=True, exist_ok=True)
            named.write_text(text, encoding="utf-8")
            print(
                f"{named} was taken from the backup; its secrets are not in it: write them into {named.parent / '.env'}"
            )
    return settings_of(config)


async def _make(settings: Settings) -> Made:
    clock = SystemClock()
    async with keeping(settings, clock) as shelf:
        return await back_up(settings, shelf, clock)


async def _names(settings: Settings) -> Sequence[str]:
    async with keeping(settings, SystemClock()) as shelf:
        return await shelf.names()


async def _source(
    settings: Settings, which: str, file: IO[bytes] | None, stack: AsyncExitStack
) -> tuple[str, Callable[[Path], Awaitable[None]]]:
    if file is not None:

        async def copy(target: Path) -> None:
            with target.open("wb") as own:
                shutil.copyfileobj(file, own)

        return Path(which).name, copy
    shelf = await stack.enter_async_context(keeping(settings, SystemClock()))
    names = await shelf.names()
    name = names[-1] if which == LATEST and names else which
    if name not in names:
        raise BackupError(
            f"there is no backup {which!r} in {settings.backup.to}: `tether backup --list` says which there are"
        )
    return name, lambda target: shelf.get(name, target)


async def _explained(work: Awaitable[T]) -> T:
    try:
        return await work
    except BackupError as error:
        raise Failure(str(error)) from error


def _tell_proved(name: str, proved: Proved, *, send_waiting: bool) -> None:
    manifest = proved.manifest
    made = datetime.fromtimestamp(manifest.made_at / 1000, UTC)
    print(f"{name}, made {made:%Y-%m-%d %H:%M} UTC by Tether {manifest.release}")
    print(f"every page is sound, and {manifest.proof.entries} audit entries hang together")
    table(("kept", "rows"), sorted(manifest.proof.counts.items()), empty="it is empty")
    print(f"\n{proved.doubtful} messages waited then and may have been sent since: ", end="")
    print(
        "they will be SENT (--send-waiting)"
        if send_waiting
        else "they will be cancelled (send them by hand, or use --send-waiting)"
    )
    print(f"{proved.later} are not due yet and stay")
    print(
        "What a web shop's poller fetches again since then is taken as new, and told again: pause channels first if that matters"
    )


def _tell_restored(restored: Restored) -> None:
    print(
        f"restored: {counted(restored.proof.entries, 'audit entry', 'audit entries')}, epoch {restored.epoch}, "
        f"{counted(restored.cancelled, 'message')} cancelled"
    )
    if restored.aside is not None:
        print(f"what was there before is {restored.aside}; remove it when all is well")
    print("start the service: sudo systemctl start tether")
