"""Where the box's words lie: in `.env` (or a systemd credential) as TETHER_WORDS, or else in a file beside the database, which the
first run makes for the eyes of its owner alone.

The file may hold earlier words in further lines: what they signed and sealed is still the box's own.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from daemon.config import ConfigError, Settings
from daemon.config_words import out_of_reach
from daemon.keys.box_key import BoxKey

WORDS = "TETHER_WORDS"
_HEAD = (
    "# The key of this box: it signs the record and opens the backups. Without it a backup can't be opened on another machine:\n"
    f"# `tether key words` shows it; write it down, and put it into .env as {WORDS}.\n"
)


class Keyring(msgspec.Struct, frozen=True):
    """`own` signs and is sealed for; the others were the box's own before."""

    own: BoxKey
    others: tuple[BoxKey, ...] = ()
    is_configured: bool = True
    """It came from `.env` or a credential, so that somebody was shown it. False: it lies beside the database and nowhere else."""

    @property
    def all(self) -> tuple[BoxKey, ...]:
        return (self.own, *self.others)

    def trusts(self, public: str) -> bool:
        return any(key.public == public for key in self.all)


def key_path(settings: Settings) -> Path:
    return settings.database.with_name(settings.database.name + ".key")


def known(settings: Settings) -> Keyring | None:
    """The keys that there are; None: none yet. Raises ConfigError for words that can't be read."""
    configured = _configured(settings.secrets)
    filed = _filed(key_path(settings))
    found = [*configured, *filed]
    return Keyring(found[0], tuple(found[1:]), bool(configured)) if found else None


def keyring(settings: Settings) -> Keyring:
    """The same, and a key is made where there is none. Raises ConfigError, OSError; the first too where its words may stand in a `.env` that
    only another user may read: a new key would open nothing of the box's."""
    found = known(settings)
    if found is not None:
        return found
    if out_of_reach(settings.folder, os.environ):
        raise ConfigError(
            f"{settings.folder / '.env'}, where the box's words may stand, can't be read by this user; try with sudo"
        )
    adopt(settings, BoxKey.new())
    return keyring(settings)


def adopt(settings: Settings, key: BoxKey) -> None:
    """Have the file hold this key as the first of its lines, whole or not at all. Raises OSError."""
    path = key_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = {each.words: each for each in (key, *_filed(path))}
    part = path.with_name(path.name + ".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_HEAD + "".join(f"{words}\n" for words in keys))
        file.flush()
        os.fsync(handle)
    part.replace(path)


def _configured(secrets: Mapping[str, str]) -> list[BoxKey]:
    words = secrets.get(WORDS, "")
    return [_read(words, f"{WORDS} (in .env or the environment)")] if words else []


def _filed(path: Path) -> list[BoxKey]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the box's key can't be read: {error}") from error
    return [_read(line, str(path)) for line in lines if line.strip() and not line.startswith("#")]


def _read(words: str, where: str) -> BoxKey:
    try:
        return BoxKey.from_words(words)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}; write the twelve words as `tether init` printed them") from error
