"""Copies of the database that are left of upgrades, restores and repairs, and backups: who was forgotten still stands in those from
before. Each has an end, and is gone by then.
"""

import re
import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import structlog

from daemon.api.schema.upkeep import Copy, KnownCopies
from daemon.config import ConfigError, Settings
from daemon.upkeep.backup_folder import backup_folder
from daemon.upkeep.backup_store import BackupStore, keeping
from daemon.upkeep.errors import BackupError
from daemon.upkeep.slow_disk import in_time
from daemon.upkeep.swap import SIDE_FILES
from outbox.clock import Clock

log = structlog.get_logger(__name__)

_STAMP = re.compile(r"(\d{8}T\d{6})Z")
_ASIDE = re.compile(r"(\.(?:before-[a-z]+|damaged|of-the-new-release)(?:-\d{8}T\d{6}Z)?|\.v\d+\.bak|\.back)(-wal)?")
_LEFT_OVER = re.compile(r"\.tether-(?:backup|restore|recover)-.*|tether-\d{8}T.*\.part")
LEFT_OVER_MS = 86_400_000
"""What a power cut left of a backup or a restore: after a day nobody is still at work on it."""


async def copies(settings: Settings, clock: Clock, forgettings: Iterable[int]) -> KnownCopies:
    """What there is, the oldest first; `forgettings`: when (ms) somebody was forgotten."""
    forgotten = sorted(forgettings)
    found = [_with_end(path.name, "aside", made_at(path), settings, forgotten) for path in asides(settings.database)]
    unseen = ""
    try:
        found += [
            _with_end(name, "backup", _stamp(name), settings, forgotten) for name in await _backups(settings, clock)
        ]
    except (BackupError, ConfigError, OSError) as error:
        unseen = str(error)
    return KnownCopies(sorted(found, key=lambda copy: copy.made_at), unseen)


async def remove_overdue(settings: Settings, clock: Clock, forgettings: Iterable[int]) -> KnownCopies:
    """Remove what is past its end, and what a power cut left lying about. Returns what is left."""
    now = clock.now()
    known = await copies(settings, clock, forgettings)
    doomed = [copy for copy in known.copies if copy.until is not None and copy.until <= now]
    for copy in doomed:
        if copy.kind == "aside":
            for suffix in ("", *SIDE_FILES):
                settings.database.resolve().with_name(copy.name + suffix).unlink(missing_ok=True)
    backups = [copy.name for copy in doomed if copy.kind == "backup"]
    if backups:
        async with keeping(settings, clock) as store:
            await _take_down(store, backups)
    for copy in doomed:
        log.warning("a copy of the database from before somebody was forgotten is removed", copy=copy.name)
    for folder in {settings.database.parent, settings.database.resolve().parent}:
        _remove_left_overs(folder, now)
    if (kept_in := backup_folder(settings)) is not None:
        await in_time(kept_in, lambda: _remove_left_overs(kept_in, now))
    return KnownCopies([copy for copy in known.copies if copy not in doomed], known.unseen)


def asides(database: Path) -> Sequence[Path]:
    """Databases that lie beside the one in use, each by its own file, or by its log where that is all that is left."""
    database = database.resolve()
    if not database.parent.is_dir():
        return ()
    names = {path.name for path in database.parent.iterdir() if path.name.startswith(database.name)}
    found = ((name, _ASIDE.fullmatch(name[len(database.name) :])) for name in sorted(names))
    return [
        database.with_name(name)
        for name, match in found
        if match and not (match[2] and database.name + match[1] in names)
    ]


def made_at(path: Path) -> int:
    """When (ms) a copy beside the database was made."""
    return _stamp(path.name) or round(path.stat().st_mtime * 1000)


async def _backups(settings: Settings, clock: Clock) -> Sequence[str]:
    if not settings.backup.to:
        return ()
    async with keeping(settings, clock) as store:
        return await store.names()


async def _take_down(store: BackupStore, names: Sequence[str]) -> None:
    for name in names:
        await store.remove(name)


def _with_end(
    name: str, kind: Literal["backup", "aside"], made: int, settings: Settings, forgotten: Sequence[int]
) -> Copy:
    kept_for = round(settings.data.copies * 1000)
    since = next((at for at in forgotten if at > made), None)
    if kind == "aside":
        return Copy(name, kind, made, made + kept_for)
    return Copy(name, kind, made, None if since is None else since + kept_for)


def _stamp(name: str) -> int:
    """The moment (ms) in a name; 0 where it has none, or one that no calendar has."""
    found = _STAMP.search(name)
    try:
        moment = datetime.strptime(found[1] if found else "", "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return round(moment.timestamp() * 1000)


def _remove_left_overs(folder: Path, now: int) -> None:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if _LEFT_OVER.fullmatch(path.name) and now - path.stat().st_mtime * 1000 > LEFT_OVER_MS:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
