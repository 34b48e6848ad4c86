"""Where backups are kept: a folder (a USB stick, a share) or a bucket. `keeping` opens the one that `[backup] to` names."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from daemon.config import ConfigError, Settings
from daemon.upkeep.backup_folder import backup_folder
from daemon.upkeep.errors import BackupError
from daemon.upkeep.mounts import bare_mount_point
from daemon.upkeep.slow_disk import in_time
from outbox.clock import Clock

if TYPE_CHECKING:
    from daemon.upkeep.s3 import Bucket

NAME = re.compile(r"tether-\d{8}T\d{6}Z\.(backup|tar\.gz)")
"""What a backup is called; those of earlier releases, which were neither encrypted nor signed, end in .tar.gz. Nothing else in a store is
ever read or removed."""

DAY_MS = 86_400_000


class BackupStore(Protocol):
    """All methods raise BackupError with the reason."""

    async def names(self) -> Sequence[str]:
        """The backups on it, the oldest first."""
        ...

    async def put(self, archive: Path, name: str) -> None:
        """Keep that file under that name; when it returns, it is there to stay."""
        ...

    async def get(self, name: str, target: Path, *, most: int | None = None) -> None:
        """`most`: bytes that it may have, where that is known: what is larger is not taken, and fills no disk."""
        ...

    async def remove(self, name: str) -> None: ...

    def workspace(self) -> Path | None:
        """A folder of its own where an archive may be made; None: it has none on this machine."""
        ...


class Folder:
    """A folder of this machine. It is never made where an absolute path names it: a stick that is not plugged in would fill the card."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    async def names(self) -> Sequence[str]:
        return _by_age(await in_time(self._path, self._entries), self._clock.now())

    async def put(self, archive: Path, name: str) -> None:
        self._look()
        try:
            await asyncio.to_thread(_keep, archive, self._path / name)
        except OSError as error:
            raise BackupError(f"{self._path / name} can't be written: {error.strerror}") from error

    async def get(self, name: str, target: Path, *, most: int | None = None) -> None:
        try:
            if most is not None and (size := (self._path / name).stat().st_size) > most:
                raise BackupError(
                    f"{self._path / name} has {size} bytes, and may have {most} here: make room, or see who wrote there"
                )
            await asyncio.to_thread(shutil.copyfile, self._path / name, target)
        except OSError as error:
            raise BackupError(f"{self._path / name} can't be read: {error.strerror}") from error

    async def remove(self, name: str) -> None:
        try:
            await in_time(self._path, lambda: (self._path / name).unlink(missing_ok=True))
        except OSError as error:
            raise BackupError(f"{self._path / name} can't be removed: {error.strerror}") from error

    def workspace(self) -> Path:
        self._look()
        return self._path

    def _entries(self) -> Sequence[str]:
        self._look()
        return [entry.name for entry in self._path.iterdir()]

    def _look(self) -> None:
        if not self._path.is_dir():
            raise BackupError(f"{self._path} is not there: is the stick plugged in and mounted? ([backup] to)")
        if (bare := bare_mount_point(self._path)) is not None:
            raise BackupError(
                f"nothing is mounted at {bare}: is the stick plugged in? `mount {bare}` says more ([backup] to)"
            )


def named_at(ms: int) -> str:
    """What a backup of that moment is called, up to its ending."""
    return f"tether-{datetime.fromtimestamp(ms / 1000, UTC):%Y%m%dT%H%M%SZ}"


def _by_age(names: Iterable[str], now: int) -> Sequence[str]:
    """Those of them that are backups, the oldest first. What is named for a day that has not come was made before our clock was put right:
    else it would be the newest for good, and the one before the last would go each time."""
    known = named_at(now + DAY_MS)
    return sorted(filter(NAME.fullmatch, names), key=lambda name: (name < known, name))


def _keep(archive: Path, place: Path) -> None:
    """Whole or not at all, and synced."""
    part = place.with_name(place.name + ".part")
    try:
        shutil.copyfile(archive, part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        with suppress(PermissionError):  # FAT has no modes, and there it is root's; what lies in it is sealed
            part.chmod(0o600)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class BucketStore:
    """Any S3-compatible bucket."""

    def __init__(self, bucket: "Bucket", clock: Clock) -> None:
        self._bucket = bucket
        self._clock = clock

    async def names(self) -> Sequence[str]:
        return _by_age(await self._bucket.names(), self._clock.now())

    async def put(self, archive: Path, name: str) -> None:
        await self._bucket.put(archive, name)

    async def get(self, name: str, target: Path, *, most: int | None = None) -> None:
        await self._bucket.get(name, target, most=most)

    async def remove(self, name: str) -> None:
        await self._bucket.remove(name)

    def workspace(self) -> None:
        return None


@asynccontextmanager
async def keeping(settings: Settings, clock: Clock) -> AsyncIterator[BackupStore]:
    """The store of the configuration. Raises ConfigError where none is named."""
    backup = settings.backup
    if not backup.to:
        raise ConfigError(
            'backup.to: nothing says where backups go; write [backup] to = "/media/usb" or "s3://bucket/prefix" into tether.toml'
        )
    if backup.to.startswith("s3://"):
        from daemon.upkeep.s3 import open_bucket

        async with open_bucket(backup, settings.secrets, clock) as bucket:
            yield BucketStore(bucket, clock)
        return
    folder = backup_folder(settings)
    assert folder is not None
    if not backup.to.startswith(("/", "~")):
        await in_time(folder, partial(folder.mkdir, mode=0o700, parents=True, exist_ok=True))
    yield Folder(folder, clock)
