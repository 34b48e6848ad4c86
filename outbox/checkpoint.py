"""Brings the log into the database beside the writer, so that no commit has to wait for megabytes to be copied.

A short-lived thread with a connection of its own copies what is there; the writer then copies the little that came meanwhile, after
which SQLite begins the log anew. Idle, there is neither thread nor write. Should this fall behind, the writer's own
`wal_autocheckpoint` bounds the log.
"""

import sqlite3
import threading
from collections.abc import Callable

from outbox.queries import Queries

_SQL = Queries("store.sql")

ROWS = 24_576
"""Rows changed between two checkpoints: 16 to 48 MiB of log, as changes come together or one at a time."""
ROUNDS = 2
"""The second copies what was written during the first."""


class Checkpointer:
    """Looked after by the writer's thread alone: `look` after each commit, `stop` at the end."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], rows: int = ROWS) -> None:
        self._connect = connect
        self._rows = rows
        self._begun_at = 0
        self._thread: threading.Thread | None = None

    def look(self, db: sqlite3.Connection) -> None:
        """Begin when enough was written; finish what was begun. Raises RuntimeError or MemoryError where no thread can be begun."""
        if self._thread is None:
            if db.total_changes - self._begun_at >= self._rows:
                thread = threading.Thread(target=self._copy, name="outbox checkpoint", daemon=True)
                thread.start()
                self._begun_at, self._thread = db.total_changes, thread
        elif not self._thread.is_alive():
            self.stop()
            db.execute(_SQL["checkpoint"]).fetchall()

    def stop(self) -> None:
        """Wait for what was begun."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _copy(self) -> None:
        db = self._connect()
        try:
            for _ in range(ROUNDS):
                db.execute(_SQL["checkpoint"]).fetchall()
        finally:
            db.close()
