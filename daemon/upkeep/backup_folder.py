"""Where on this machine backups go."""

from pathlib import Path

from daemon.config import ConfigError, Settings


def backup_folder(settings: Settings) -> Path | None:
    """The folder that `[backup] to` names; None: it names none, or a bucket. Raises ConfigError."""
    to = settings.backup.to
    if not to or to.startswith("s3://"):
        return None
    try:
        return settings.folder / Path(to).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"backup.to: {to!r} begins with the home of a user who is not on this machine; write the whole path, like "
            '"/media/usb"'
        ) from error
