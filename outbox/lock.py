"""One process owns a database, by whatever name it is reached, and one user may read it. The kernel releases what is held however its
owner ends.

Two things are held: a file beside the database, which says who the owner is, and the database's own file, so that a link or a mount is
no second way to it. (SQLite's own locks are of another kind and untouched by this.)
"""

import fcntl
import os
from pathlib import Path
from typing import TypeAlias

from outbox.errors import AlreadyRunning

Identity: TypeAlias = tuple[int, int]
"""Device and inode: the same file, whatever it is called."""


def private(file: Path) -> None:
    """Make a file that is not there, for its owner's eyes only: customers' addresses will be in it (and in the log beside it, which
    SQLite gives the same permissions)."""
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def identity(file: Path) -> Identity | None:
    """Which file has that name now; None: none."""
    try:
        found = os.stat(file)  # noqa: PTH116 - asked every few seconds
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Lock:
    """Held from `take` to `release`. Release it after the database was closed: closing any handle of a file ends SQLite's locks on it."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._handles: list[int] = []
        self.file: Identity | None = None
        """The database that is held; None: there was none yet."""

    @staticmethod
    def path_for(database: Path) -> Path:
        """It stays when the lock is released: where it is, a database was opened."""
        return database.with_name(database.name + ".lock")

    def take(self) -> None:
        """Raises AlreadyRunning with the owner's process id, where that is known."""
        real = self._database.resolve()
        try:
            self._beside(self.path_for(real))
            self.take_file()
        except BaseException:
            self.release()
            raise

    def take_file(self) -> None:
        """The database's own file, if it is there (by now)."""
        try:
            handle = os.open(self._database, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        self._handles.append(handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(
                f"another tether owns the file {self._database} under another name (a link or a mount): stop it first"
            ) from error
        found = os.fstat(handle)
        self.file = found.st_dev, found.st_ino

    def _beside(self, path: Path) -> None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._handles.append(handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
            raise AlreadyRunning(
                f"another tether (process {owner}) owns {path.with_suffix('').name}: stop it first"
            ) from error
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """May be called twice."""
        self.file = None
        while self._handles:
            os.close(self._handles.pop())
