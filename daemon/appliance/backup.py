"""Makes backups while the service works: a consistent copy, proved, packed, shelved, and read back; the oldest go."""

import asyncio
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from daemon.appliance.archive import Manifest, pack, unpack
from daemon.appliance.errors import BackupError
from daemon.appliance.shelf import Shelf
from daemon.config import Settings
from outbox.clock import Clock
from outbox.errors import OutboxError
from outbox.proof import copy_of, prove, trouble_with

ROOM = 3.0
"""So many times the database's size must be free where the archive is made: the copy, the archive, and what is read back."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that is on its shelf, and was read back from it."""

    name: str
    bytes: int
    manifest: Manifest
    removed: Sequence[str]


class LastBackup(msgspec.Struct, frozen=True, kw_only=True):
    """What is noted beside the database of the newest try: the doctor and the trouble watch read it."""

    at: int
    name: str = ""
    error: str = ""
    succeeded_at: int | None = None


def note_path(settings: Settings) -> Path:
    return settings.database.with_name(settings.database.name + ".backup.json")


def last_backup(settings: Settings) -> LastBackup | None:
    """None: there was none, or its note can't be read."""
    try:
        return msgspec.json.decode(note_path(settings).read_bytes(), type=LastBackup)
    except (OSError, msgspec.DecodeError):
        return None


async def back_up(settings: Settings, shelf: Shelf, clock: Clock) -> Made:
    """Make one. Raises BackupError, OutboxError; whatever happens is noted beside the database."""
    before = last_backup(settings)
    try:
        made = await _back_up(settings, shelf, clock)
    except (BackupError, OutboxError) as error:
        _note(settings, clock, before, error=str(error))
        raise
    _note(settings, clock, before, name=made.name)
    return made


def _note(settings: Settings, clock: Clock, before: LastBackup | None, *, name: str = "", error: str = "") -> None:
    now = clock.now()
    succeeded = now if name else before.succeeded_at if before else None
    note_path(settings).write_bytes(
        msgspec.json.encode(LastBackup(at=now, name=name, error=error, succeeded_at=succeeded))
    )


async def _back_up(settings: Settings, shelf: Shelf, clock: Clock) -> Made:
    database = settings.database
    if not database.is_file():
        raise BackupError(f"{database} is not there yet: it is made when the service starts")
    workspace = shelf.workspace() or database.parent
    _need_room(workspace, round(database.stat().st_size * ROOM))
    now = clock.now()
    name = f"tether-{datetime.fromtimestamp(now / 1000, UTC):%Y%m%dT%H%M%SZ}.tar.gz"
    with tempfile.TemporaryDirectory(prefix=".tether-backup-", dir=workspace) as folder:
        archive = Path(folder) / name
        manifest = await asyncio.to_thread(_make, settings, Path(folder), archive, now)
        await shelf.put(archive, name)
        await _read_back(shelf, name, Path(folder), manifest)
        size = archive.stat().st_size
    return Made(name=name, bytes=size, manifest=manifest, removed=await _rotate(settings.backup.keep, shelf, name))


def _make(settings: Settings, folder: Path, archive: Path, now: int) -> Manifest:
    copy = folder / "copy.db"
    copy_of(settings.database, copy)
    trouble = trouble_with(copy)
    if trouble:
        raise BackupError(
            f"the database is damaged, so no backup was made and none was removed: {trouble}. Restart the service: it repairs it"
        )
    manifest = pack(archive, copy, settings.file, release=version("tether-box"), made_at=now, proof=prove(copy))
    copy.unlink()
    return manifest


async def _read_back(shelf: Shelf, name: str, folder: Path, manifest: Manifest) -> None:
    """A backup that can't be read is none."""
    again = folder / "again.tar.gz"
    await shelf.get(name, again)
    found = await asyncio.to_thread(unpack, again, folder / "again.db")
    if found != manifest:
        raise BackupError(f"{name} was read back and is another than the one that was written: is the stick dying?")


async def _rotate(keep: int, shelf: Shelf, newest: str) -> Sequence[str]:
    others = [name for name in await shelf.names() if name != newest]
    doomed = others[: max(0, len(others) + 1 - max(keep, 1))]
    for name in doomed:
        await shelf.remove(name)
    return doomed


def _need_room(folder: Path, needed: int) -> None:
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < needed:
        raise BackupError(
            f"{folder} has {free // 2**20} MiB free and the backup needs up to {needed // 2**20 + 1}: make room, or lower [backup] keep"
        )
