"""The log is emptied beside the writer: it stays small however much is written, and nothing is lost of it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from outbox.checkpoint import Checkpointer


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    connection.executescript("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a TEXT);")
    yield connection
    connection.close()


def beside(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path / "a.db", isolation_level=None)


def test_the_log_stays_small(tmp_path: Path, db: sqlite3.Connection) -> None:
    checkpointer = Checkpointer(lambda: beside(tmp_path), rows=20)
    log = tmp_path / "a.db-wal"
    biggest = 0
    for n in range(600):
        db.execute("INSERT INTO t VALUES (?)", (f"{n}" * 500,))
        checkpointer.look(db)
        if checkpointer._thread is not None:
            checkpointer._thread.join()
        biggest = max(biggest, log.stat().st_size)
    checkpointer.stop()
    assert biggest < 400_000
    assert db.execute("SELECT count(*) FROM t").fetchone() == (600,)


def test_little_written_is_left_alone(tmp_path: Path, db: sqlite3.Connection) -> None:
    checkpointer = Checkpointer(lambda: beside(tmp_path), rows=20)
    for _ in range(19):
        db.execute("INSERT INTO t VALUES ('x')")
        checkpointer.look(db)
    assert checkpointer._thread is None
    checkpointer.stop()


def test_a_reader_in_the_way_is_waited_for_by_nobody(tmp_path: Path, db: sqlite3.Connection) -> None:
    checkpointer = Checkpointer(lambda: beside(tmp_path), rows=1)
    reader = beside(tmp_path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM t").fetchone()
    for _ in range(20):
        db.execute("INSERT INTO t VALUES ('x')")
        checkpointer.look(db)
    checkpointer.stop()
    assert reader.execute("SELECT count(*) FROM t").fetchone() == (0,)
    reader.close()
    assert db.execute("SELECT count(*) FROM t").fetchone() == (20,)
