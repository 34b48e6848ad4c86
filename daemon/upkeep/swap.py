"""Puts one database file in another's place: whenever the power fails, there is a whole database at its name, and the old one aside."""

import errno
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

SIDE_FILES = ("-wal", "-shm", "-journal")
BLOCK = 4096
"""What the system reads of a file at the least: with a bad sector in it, none of it can be had."""
_UNREADABLE = (errno.EIO, errno.EUCLEAN, errno.EBADMSG)


def put_in_place(fresh: Path, database: Path) -> None:
    """Let `fresh` (closed, without a log) be the database: the file itself, where its name is a link. Who calls owns the database
    (outbox.lock), has set the old one aside, and has `fresh` on the same disk."""
    database = database.resolve()
    for suffix in SIDE_FILES:
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    fresh.chmod(0o600)
    fresh.replace(database)
    sync_folder(database.parent)


def set_aside(database: Path, why: str, now: int, *, fold: bool = True) -> Path:
    """Give the database another name beside its own, with its log if that can't be written back. It stays where it is as well.
    Not `fold`: with its log in any case, since it may be the log that is wrong. The moment in its name is never before it was last written:
    named by a clock that is not set, it would be past its end at once. Whoever came to no end after it was set aside finds it so."""
    database = database.resolve()
    files = [database.with_name(database.name + suffix) for suffix in ("", *SIDE_FILES)]
    written = max(file.stat().st_mtime for file in files if file.exists())
    aside = _aside_since(database, why, written) or _aside(database, why, max(now / 1000, written))
    if fold:
        _fold_log(database)
    for suffix in ("", *SIDE_FILES):
        source, name = database.with_name(database.name + suffix), aside.with_name(aside.name + suffix)
        if source.exists():
            name.unlink(missing_ok=True)
            _second_name(source, name)
    sync_folder(database.parent)
    return aside


def _aside(database: Path, why: str, moment: float) -> Path:
    return database.with_name(f"{database.name}.{why}-{datetime.fromtimestamp(moment, UTC):%Y%m%dT%H%M%SZ}")


def _aside_since(database: Path, why: str, moment: float) -> Path | None:
    """The name that it was given for the same reason since then."""
    first = _aside(database, why, moment)
    named = [path for path in database.parent.iterdir() if path.suffix.startswith(f".{why}-") and path >= first]
    return next((path for path in named if database.exists() and path.samefile(database)), None)


def _second_name(source: Path, name: Path) -> None:
    try:
        os.link(source, name)
    except OSError:  # a file system without hard links (FAT)
        copy_readable(source, name)


def copy_readable(source: Path, target: Path) -> None:
    """Copy a file, which may lie on a card that dies: zeroes stand for what of it can't be read. Raises OSError."""
    with source.open("rb", buffering=0) as file, target.open("wb") as copy:
        size = os.fstat(file.fileno()).st_size
        for place in range(0, size, BLOCK):
            copy.write(_readable(file.fileno(), min(BLOCK, size - place), place))


def _readable(file: int, length: int, place: int) -> bytes:
    try:
        read = os.pread(file, length, place)
    except OSError as error:
        if error.errno not in _UNREADABLE:
            raise
        read = b""
    return read.ljust(length, b"\0")


def _fold_log(database: Path) -> None:
    """A sound database takes its log in; a damaged one keeps it, and it is set aside with it."""
    try:
        with closing(sqlite3.connect(database, timeout=1.0)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error:
        return


def sync_folder(folder: Path) -> None:
    """Make renames in it durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
