"""What is in a backup: a .tar.gz with a manifest, the database as it was at one moment, the store's tether.toml (no secrets) and its own
texts.

`daemon.upkeep.seal` encrypts and signs it.
"""

import hashlib
import io
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import msgspec

from daemon.upkeep.errors import BackupError
from daemon.upkeep.own_texts import MOST_BYTES
from outbox.proof import Proof

MANIFEST, DATABASE, CONFIG = "manifest.json", "tether.db", "tether.toml"
_TEXT = re.compile(r"templates/([\w-]+/[\w.-]+\.j2)")
MAX_MANIFEST = 64 * 1024
MAX_CONFIG = 2**20
LEVEL = 6
CHUNK = 2**20


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the database was when the backup was made: what a restored one is held to."""

    format: int = 1
    release: str
    made_at: int
    sha256: str
    bytes: int
    proof: Proof


def pack(
    target: Path,
    database: Path,
    config: Path | None,
    texts: Mapping[str, bytes] | None = None,
    *,
    release: str,
    made_at: int,
    proof: Proof,
) -> Manifest:
    """Write the archive and sync it."""
    with database.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = database.stat().st_size
    manifest = Manifest(release=release, made_at=made_at, sha256=digest, bytes=size, proof=proof)
    with target.open("xb") as raw:
        with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=LEVEL) as archive:
            _add(archive, MANIFEST, io.BytesIO(body := msgspec.json.encode(manifest)), len(body), made_at)
            with database.open("rb") as file:
                _add(archive, DATABASE, file, size, made_at)
            if config is not None and config.is_file():
                text = config.read_bytes()
                _add(archive, CONFIG, io.BytesIO(text), len(text), made_at)
            for name, text in (texts or {}).items():
                _add(archive, f"templates/{name}", io.BytesIO(text), len(text), made_at)
        raw.flush()
        os.fsync(raw.fileno())
    return manifest


def unpack(archive: Path, database: Path, *, reserve: int = 0) -> Manifest:
    """Write the archive's database to that path, and check that every byte is as it was. `reserve`: bytes that must be free after that.
    Raises BackupError."""
    try:
        with tarfile.open(archive, mode="r:gz") as opened:
            manifest = _manifest(_member(opened, MANIFEST), archive)
            _need_room(database.parent, opened.getmember(DATABASE).size + reserve)
            with database.open("xb") as target:
                shutil.copyfileobj(_member(opened, DATABASE), target, CHUNK)
                target.flush()
                os.fsync(target.fileno())
    except (tarfile.TarError, zlib.error, EOFError, OSError, KeyError) as error:
        raise BackupError(f"{archive.name} can't be read as a backup: {error}. Try an older one") from error
    with database.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != manifest.sha256:
        raise BackupError(
            f"{archive.name} is not what was written: its database has another checksum. Try an older one"
        )
    return manifest


def read_through(archive: Path, manifest: Manifest) -> None:
    """Read what was just packed, all of it, and compare; nothing is written. Raises BackupError."""
    try:
        with tarfile.open(archive, mode="r:gz") as opened:
            found = _manifest(_member(opened, MANIFEST), archive)
            digest = hashlib.sha256()
            database = _member(opened, DATABASE)
            while chunk := database.read(CHUNK):
                digest.update(chunk)
    except (tarfile.TarError, zlib.error, EOFError, OSError, KeyError) as error:
        raise BackupError(f"{archive.name} can't be read again: {error}") from error
    if found != manifest or digest.hexdigest() != manifest.sha256:
        raise BackupError(f"{archive.name} is another than the one that was written: is the disk dying?")


def config_of(archive: Path) -> str | None:
    """The tether.toml in it; None where there is none. Raises BackupError."""
    try:
        with tarfile.open(archive, mode="r:gz") as opened:
            try:
                return _member(opened, CONFIG).read(MAX_CONFIG).decode("utf-8")
            except KeyError:
                return None
    except (tarfile.TarError, zlib.error, EOFError, OSError, UnicodeDecodeError) as error:
        raise BackupError(f"{archive.name} can't be read as a backup: {error}. Try an older one") from error


def texts_of(archive: Path) -> dict[str, bytes]:
    """The shop's own texts in it, by their names: those of texts, and no others. Raises BackupError."""
    found: dict[str, bytes] = {}
    room = MOST_BYTES
    try:
        with tarfile.open(archive, mode="r:gz") as opened:
            for member in opened:
                name = _TEXT.fullmatch(member.name)
                if name is None or member.size > room:
                    continue
                text = _member(opened, member.name).read(room)
                found[name[1]] = text
                room -= len(text)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise BackupError(f"{archive.name} can't be read as a backup: {error}. Try an older one") from error
    return found


def _add(archive: tarfile.TarFile, name: str, body: IO[bytes], size: int, made_at: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, made_at // 1000, 0o600
    archive.addfile(entry, body)


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """A regular file by its exact name (KeyError: there is none): nothing else in an archive is looked at, so its paths and links don't matter."""
    member = archive.getmember(name)
    file = archive.extractfile(member) if member.isreg() else None
    if file is None:
        raise tarfile.TarError(f"{name} in it is no file")
    return file


def free_in(folder: Path) -> int:
    """Bytes."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _need_room(folder: Path, needed: int) -> None:
    if (free := free_in(folder)) < needed:
        raise BackupError(
            f"{folder} has {free // 2**20} MiB free and the database needs {needed // 2**20 + 1}: make room"
        )


def _manifest(file: IO[bytes], archive: Path) -> Manifest:
    try:
        return msgspec.json.decode(file.read(MAX_MANIFEST), type=Manifest)
    except msgspec.DecodeError as error:
        raise BackupError(f"{archive.name} was not made by this Tether, or by a newer one: {error}") from error
