"""One process owns a database, and one user may read it. The lock is a file beside it, released by the kernel however its owner ends."""

import fcntl
import os
from pathlib import Path

from outbox.errors import AlreadyRunning


def private(file: Path) -> None:
    """Make a file that is not there, for its owner's eyes only: customers' addresses will be in it (and in the log beside it, which
    SQLite gives the same permissions)."""
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


class Lock:
    """Held from `take` to `release`."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._file: int | None = None

    def take(self) -> None:
        """Raises AlreadyRunning with the owner's process id."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise AlreadyRunning(
                f"another tether (process {owner}) owns {self._path.with_suffix('').name}: stop it first"
            ) from error
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
