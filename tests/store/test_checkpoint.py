"""The log is emptied beside the writer: it stays small however much is written, and nothing is lost of it."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from outbox.checkpoint import Checkpointer
from outbox.writer import Writer
from tests.support.outbox_box import PHONE, accept_one, one_each, open_box, posted


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


async def test_where_no_thread_can_be_begun_writing_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outbox.store.Checkpointer", lambda connect: Checkpointer(connect, rows=1))
    begins: list[str] = []

    def refused(thread: threading.Thread) -> None:
        begins.append(thread.name)
        raise RuntimeError("can't start new thread")

    async with open_box(tmp_path) as box:
        with monkeypatch.context() as full:
            full.setattr("outbox.checkpoint.threading.Thread.start", refused)
            await box.audit.append("one")
            await asyncio.wait_for(box.audit.append("two"), 5)
            await asyncio.wait_for(box.audit.append("three"), 5)
        assert len(begins) > 1, "it is tried again"


async def test_no_commit_waits_for_who_reads_long_while_the_log_is_still_to_be_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nightly backup is under way, and the owner forgets somebody: from then on each event of a till took five seconds."""
    monkeypatch.setattr("outbox.store.BUSY_MS", 100)
    patience: list[int] = []
    truncate = Writer._truncate_wal

    def noting(writer: Writer) -> None:
        patience.extend(writer._db.execute("PRAGMA busy_timeout").fetchone())
        truncate(writer)

    monkeypatch.setattr(Writer, "_truncate_wal", noting)
    log = tmp_path / "tether.db-wal"
    async with open_box(tmp_path) as box:
        await accept_one(box, customer={"phone": PHONE})
        with closing(sqlite3.connect(tmp_path / "tether.db", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM event").fetchone()
            await box.people.forget(PHONE, actor="owner")
            for id in ("e2", "e3", "e4"):
                await box.spool.accept(posted(id), one_each)
            before = log.stat().st_size
        await box.spool.accept(posted("e5"), one_each)
        await box.audit.append("after.it")
        assert log.stat().st_size < before
        first, *later = patience
        assert first == 100
        assert later, "it was tried again"
        assert not any(later), "each would have waited for that long"


async def test_the_log_is_left_alone_where_nothing_was_taken_out(tmp_path: Path) -> None:
    log = tmp_path / "tether.db-wal"
    async with open_box(tmp_path) as box:
        await accept_one(box, customer={"phone": PHONE})
        before = log.stat().st_size
        await box.people.drop_forgettings(before=2**60)
        await box.people.forget(PHONE, actor="owner", dry_run=True)
        assert log.stat().st_size >= before > 0
        await box.people.forget(PHONE, actor="owner")
        assert log.stat().st_size == 0
