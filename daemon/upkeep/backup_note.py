"""What is noted beside the database of the newest try to make a backup, and whether one could be opened elsewhere: for those who look after it
and make none."""

from pathlib import Path

import msgspec

from daemon.config import ConfigError, Settings
from daemon.keys.keyring import known

_OLD_HOURS = 50
"""The timer makes one a day: after two were missed somebody should look."""


class LastBackup(msgspec.Struct, frozen=True, kw_only=True):
    """What is noted beside the database of the newest try: the doctor and the trouble watch read it."""

    at: int
    name: str = ""
    error: str = ""
    succeeded_at: int | None = None
    newest: str = ""
    """The name of the newest that succeeded, and where it was put."""
    place: str = ""


def note_path(settings: Settings) -> Path:
    return settings.database.with_name(settings.database.name + ".backup.json")


def last_backup(settings: Settings) -> LastBackup | None:
    """None: there was none, or its note can't be read."""
    try:
        return msgspec.json.decode(note_path(settings).read_bytes(), type=LastBackup)
    except (OSError, msgspec.DecodeError):
        return None


def backup_trouble(settings: Settings, now: int) -> str:
    """Why there is no backup that is new enough, where some are wanted; "" for nothing."""
    if not settings.backup.to:
        return ""
    last = last_backup(settings)
    if last is None:
        never = "no backup was ever made: `sudo tether backup` makes one, or says why not"
        return never if is_old(_wanted_since(settings, now), now) else ""
    if last.error:
        return f"the backup failed: {last.error}"
    return "no backup was made for two days" if is_old(last.at, now) else ""


def is_old(at: int, now: int) -> bool:
    """Or of a day to come, by a clock that was wrong: nobody knows how old it is."""
    return abs(now - at) > _OLD_HOURS * 3_600_000


def _wanted_since(settings: Settings, now: int) -> int:
    """When (ms) the configuration was last written: backups have been wanted since then at the least."""
    try:
        return now if settings.file is None else round(settings.file.stat().st_mtime * 1000)
    except OSError:
        return 0  # it is gone: nothing says that they are wanted only lately


def key_trouble(settings: Settings) -> str:
    """What is wrong with how the key of the backups is kept; "" for nothing."""
    try:
        keys = known(settings)
    except ConfigError as error:
        return str(error)
    if keys is None or keys.is_configured:
        return ""
    return "the backups can't be opened on another machine: their key lies on this box alone, and nobody was shown its words"
