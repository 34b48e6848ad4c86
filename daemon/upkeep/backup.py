"""Makes backups while the service works: a consistent copy, proved, packed, sealed, put into the backup store, and read back; the oldest go.

Nothing that is not sealed leaves the folder of the database.
"""

import asyncio
import contextlib
import errno
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from daemon import VERSION
from daemon.config import ConfigError, Settings
from daemon.keys.digests import lasting_keyring
from daemon.keys.heads import signed
from daemon.keys.keyring import Keyring
from daemon.upkeep.archive import Manifest, free_in, pack, read_through
from daemon.upkeep.backup_note import LastBackup, last_backup, note_path
from daemon.upkeep.backup_store import BackupStore, keeping, named_at
from daemon.upkeep.errors import BackupError
from daemon.upkeep.heads import note
from daemon.upkeep.own_texts import own_texts
from daemon.upkeep.seal import check, seal
from daemon.upkeep.seal_header import Header
from outbox.clock import Clock
from outbox.errors import KeyMissing, OutboxError
from outbox.heads import End
from outbox.proof import copy_of, prove, trouble_with

ROOM = 2.0
"""So many times the database's size must be free beside it, for the copy and the archive; and the reserve, below which events are refused."""
ARCHIVE = "archive.tar.gz"


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that is in its store, and was read back from it."""

    name: str
    bytes: int
    manifest: Manifest
    header: Header
    removed: Sequence[str]


async def back_up_there(settings: Settings, clock: Clock) -> Made:
    """Make one in the store that `[backup] to` names. Raises ConfigError, BackupError, OutboxError; whatever happens is noted beside the
    database."""
    try:
        async with keeping(settings, clock) as store:
            return await back_up(settings, store, clock)
    except ConfigError as error:
        if settings.backup.to:
            _note_failure(settings, clock, str(error))
        raise
    except OSError as error:
        raise _failed(settings, clock, error) from error


async def back_up(settings: Settings, store: BackupStore, clock: Clock) -> Made:
    """Make one. Raises BackupError, OutboxError; whatever happens is noted beside the database."""
    try:
        made = await _back_up(settings, store, clock)
    except (BackupError, OutboxError) as error:
        _note_failure(settings, clock, str(error))
        raise
    except OSError as error:
        raise _failed(settings, clock, error) from error
    try:
        _note(settings, clock, name=made.name)
    except OSError as error:
        raise BackupError(f"{made.name} is there, but that can't be noted: {error.strerror or error}") from error
    return made


_MAY_IT = ": may the service's user write there?"
_REMEDIES = {
    errno.EACCES: _MAY_IT,
    errno.EPERM: _MAY_IT,
    errno.EROFS: ": systemd lets the service write below /media and /mnt only, and a disk may be mounted to be read only",
}


def _failed(settings: Settings, clock: Clock, error: OSError) -> BackupError:
    """What the system would not do, noted, in words that say where."""
    words = f"{error.filename or 'the backup'} can't be written: {error.strerror or error}{_REMEDIES.get(error.errno or 0, '')}"
    _note_failure(settings, clock, words)
    return BackupError(words)


def _note_failure(settings: Settings, clock: Clock, words: str) -> None:
    """Where not even that can be written, whoever called is told why the backup failed, and the note before stays."""
    with contextlib.suppress(OSError):
        _note(settings, clock, error=words)


def _note(settings: Settings, clock: Clock, *, name: str = "", error: str = "") -> None:
    now, before = clock.now(), last_backup(settings)
    succeeded = now if name else before.succeeded_at if before else None
    newest = name or (before.newest if before else "")
    place = settings.backup.to if name or before is None else before.place
    noted = LastBackup(at=now, name=name, error=error, succeeded_at=succeeded, newest=newest, place=place)
    path = note_path(settings)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(noted))
    fresh.replace(path)


async def _back_up(settings: Settings, store: BackupStore, clock: Clock) -> Made:
    database = settings.database
    if not database.is_file():
        raise BackupError(f"{database} is not there yet: it is made when the service starts")
    keys = _keys(settings)
    size = database.stat().st_size
    workspace = store.workspace() or database.parent
    _need_room(database.parent, round(size * ROOM) + settings.data.reserve)
    _need_room(workspace, size)
    now = clock.now()
    name = f"{named_at(now)}.backup"
    with (
        tempfile.TemporaryDirectory(prefix=".tether-backup-", dir=database.parent) as plain,
        tempfile.TemporaryDirectory(prefix=".tether-backup-", dir=workspace) as folder,
    ):
        sealed = Path(folder) / name
        manifest = await asyncio.to_thread(_pack, settings, Path(plain), now)
        header = await asyncio.to_thread(_seal, settings, keys, Path(plain) / ARCHIVE, sealed, manifest)
        await store.put(sealed, name)
        await _read_back(store, sealed, header, keys)
        _note_head(settings, header, manifest, keys)
        made = Made(name=name, bytes=sealed.stat().st_size, manifest=manifest, header=header, removed=())
    return msgspec.structs.replace(made, removed=await _rotate(settings.backup.keep, store, name))


def _note_head(settings: Settings, header: Header, manifest: Manifest, keys: Keyring) -> None:
    """It went out with the backup."""
    if not header.seq:
        return
    try:
        note(settings, signed(End(header.epoch, header.seq, header.hash, manifest.proof.newest_at), keys.own))
    except OSError as error:
        raise BackupError(f"{header.name} is there, but its head can't be noted: {error.strerror}") from error


def _keys(settings: Settings) -> Keyring:
    try:
        return lasting_keyring(settings)
    except (ConfigError, KeyMissing, OSError) as error:
        raise BackupError(f"without its key nothing can be sealed: {error}") from error


def _pack(settings: Settings, folder: Path, now: int) -> Manifest:
    copy, archive = folder / "copy.db", folder / ARCHIVE
    copy_of(settings.database, copy)
    trouble = trouble_with(copy)
    if trouble:
        raise BackupError(
            f"the database is damaged, so no backup was made and none was removed: {trouble}. Restart the service: it repairs it"
        )
    texts = own_texts(settings)
    manifest = pack(archive, copy, settings.file, texts, release=VERSION, made_at=now, proof=prove(copy))
    copy.unlink()
    read_through(archive, manifest)
    return manifest


def _seal(settings: Settings, keys: Keyring, archive: Path, sealed: Path, manifest: Manifest) -> Header:
    proof = manifest.proof
    header = Header(
        name=sealed.name,
        release=manifest.release,
        made_at=manifest.made_at,
        key=keys.own.public,
        epoch=proof.epoch,
        seq=proof.seq,
        hash=proof.head,
    )
    return seal(archive, sealed, keys.own, settings.backup.recipients, header)


async def _read_back(store: BackupStore, sealed: Path, header: Header, keys: Keyring) -> None:
    """A backup that can't be read is none."""
    again, name = sealed.with_name("again.backup"), sealed.name
    await store.get(name, again, most=sealed.stat().st_size)
    if await asyncio.to_thread(check, again, name, keys.trusts) != header:
        raise BackupError(f"{name} was read back and is another than the one that was written: is the stick dying?")


async def _rotate(keep: int, store: BackupStore, newest: str) -> Sequence[str]:
    others = [name for name in await store.names() if name != newest]
    doomed = others[: max(0, len(others) + 1 - max(keep, 1))]
    for name in doomed:
        await store.remove(name)
    return doomed


def _need_room(folder: Path, needed: int) -> None:
    if (free := free_in(folder)) < needed:
        raise BackupError(
            f"{folder} has {free // 2**20} MiB free and the backup needs up to {needed // 2**20 + 1}: make room, or lower [backup] keep"
        )
