"""Who may open a backup here, and whose backups are believed: the box's own keys, words that a person gives, and what [backup] names."""

import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyrage

from daemon.appliance.accepting import UNSIGNED
from daemon.config import Settings
from daemon.keys.box_key import BoxKey
from daemon.keys.keyring import WORDS, known
from daemon.upkeep.archive import Manifest, config_of, texts_of, unpack
from daemon.upkeep.errors import BackupError
from daemon.upkeep.seal import unseal
from daemon.upkeep.seal_header import Header, is_sealed


class Opened(msgspec.Struct, frozen=True):
    """What was in a backup, beside its database."""

    manifest: Manifest
    texts: Mapping[str, bytes]
    """The shop's own, by their names in the folder of `[templates] path`."""
    header: Header | None = None
    """None: one of an earlier release, neither encrypted nor signed."""


class Openers(msgspec.Struct, frozen=True):
    keys: tuple[BoxKey, ...] = ()
    signers: tuple[str, ...] = ()
    """Public keys of other boxes."""
    identities: tuple[Any, ...] = ()
    """Of recipients that are no box (pyrage)."""

    def trusts(self, public: str) -> bool:
        return public in self.signers or any(key.public == public for key in self.keys)

    @property
    def readers(self) -> Sequence[Any]:
        return [*(key.identity for key in self.keys), *self.identities]


def openers_of(settings: Settings, identities: tuple[Any, ...] = ()) -> Openers:
    """What this machine has, and what is given. Raises ConfigError."""
    keys = known(settings)
    return Openers(
        keys=keys.all if keys else (),
        signers=settings.backup.signers,
        identities=identities,
    )


def key_in(words: Path) -> BoxKey:
    """The key whose words stand in that file ("-": on standard input). Raises BackupError."""
    try:
        text = sys.stdin.readline() if str(words) == "-" else words.read_text(encoding="utf-8")
        return BoxKey.from_words(" ".join(re.findall(r"[a-z]+", text.lower().replace(f"{WORDS.lower()}=", ""))))
    except (OSError, UnicodeDecodeError) as error:
        raise BackupError(f"{words} can't be read: {error}") from error
    except ValueError as error:
        raise BackupError(f"{words}: {error}") from error


def identities_in(file: Path) -> tuple[Any, ...]:
    """Those of age that stand in that file. Raises BackupError."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        found = [
            pyrage.x25519.Identity.from_str(line.strip()) for line in lines if line.strip() and not line.startswith("#")
        ]
    except (OSError, UnicodeDecodeError, pyrage.IdentityError) as error:
        raise BackupError(f'{file} holds no identity of age ("AGE-SECRET-KEY-1..."): {error}') from error
    return tuple(found)


def open_backup(
    archive: Path, name: str, database: Path, openers: Openers, *, unsigned: bool, is_kept: bool, reserve: int = 0
) -> Opened:
    """Write the backup's database to that path, once it is known whose it is (`unsigned`: that nobody's was accepted). `reserve`: bytes that
    must be free after that. Raises BackupError."""
    if not is_sealed(archive):
        _refuse_unsigned(name, unsigned=unsigned)
        return Opened(unpack(archive, database, reserve=reserve), texts_of(archive))
    plain = database.with_name(f"{database.name}.tar.gz")
    header = unseal(archive, name, plain, openers.trusts, openers.readers, is_kept=is_kept)
    opened = Opened(unpack(plain, database, reserve=reserve), texts_of(plain), header)
    plain.unlink()
    return opened


def configuration_in(archive: Path, openers: Openers, folder: Path, *, unsigned: bool) -> str | None:
    """The tether.toml in it, once it is known whose it is; None where there is none. `folder`: where it may be unpacked. Raises
    BackupError."""
    if not is_sealed(archive):
        _refuse_unsigned(archive.name, unsigned=unsigned)
        return config_of(archive)
    with tempfile.TemporaryDirectory(prefix=".tether-restore-", dir=folder) as beside:
        plain = Path(beside) / "archive.tar.gz"
        unseal(archive, archive.name, plain, openers.trusts, openers.readers)
        return config_of(plain)


def _refuse_unsigned(name: str, *, unsigned: bool) -> None:
    if not unsigned:
        raise BackupError(
            f"{name} can't be read as a backup that is signed: whoever had it in their hands may have put their own admin token into it. "
            f"If it is one of an earlier release and was never out of yours, `--accept {UNSIGNED}` takes it as it is"
        )
