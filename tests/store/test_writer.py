"""Operations share transactions and keep their own failures; what the disk does to us is said in our words."""

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest

from outbox import Outbox
from outbox.batch import Batch
from outbox.errors import AlreadyRunning, OutboxError, StorageBusy, StorageDamaged, StorageFull
from outbox.writer import Operation
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import accept_one, begin, message_of, one_each, open_box, planned, posted, send


class Refuse(Operation[None]):
    def apply(self, batch: Batch) -> None:
        raise OutboxError("no")


class ChangeAndRefuse(Operation[None]):
    def apply(self, batch: Batch) -> None:
        batch.record("half.done")
        raise OutboxError("after all not")


class Break(Operation[None]):
    def apply(self, batch: Batch) -> None:
        raise ZeroDivisionError


class BreakTheDatabase(Operation[None]):
    def apply(self, batch: Batch) -> None:
        batch.db.execute("INSERT INTO message (seq) VALUES (1)")


class Record(Operation[int]):
    def __init__(self, kind: str) -> None:
        self.kind = kind

    def apply(self, batch: Batch) -> int:
        return batch.record(self.kind)


async def kinds(box: Outbox) -> list[str]:
    return [row.kind for row in (await box.audit.list(limit=99)).items][::-1]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (Refuse(), OutboxError),
        (ChangeAndRefuse(), OutboxError),
        (Break(), ZeroDivisionError),
        (BreakTheDatabase(), sqlite3.IntegrityError),
    ],
)
async def test_a_failure_is_its_own(tmp_path: Path, bad: Operation[None], error: type[Exception]) -> None:
    async with open_box(tmp_path) as box:
        write = box._store.write
        first, failing, last = write(Record("a.b")), write(bad), write(Record("c.d"))
        assert await asyncio.gather(first, last) == [1, 2]
        with pytest.raises(error):
            await failing
        assert await kinds(box) == ["a.b", "c.d"]
        assert (await box.audit.verify()).ok
        await accept_one(box)


async def test_a_caller_that_goes_away_does_not_undo_what_it_asked_for(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        task = asyncio.get_running_loop().create_task(box.spool.accept(posted(), one_each))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await box.audit.append("done.after")
        assert (await message_of(box, "m_e1")).id == "m_e1"


async def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        waiting = [box._store.write(Record("a.b")) for _ in range(20)]
    assert [one.result() for one in waiting] == list(range(1, 21))


async def test_one_process_owns_a_database(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box)
        with pytest.raises(AlreadyRunning, match=str(os.getpid())):
            async with open_box(tmp_path):
                pass
    async with open_box(tmp_path):
        pass


async def test_another_program_that_holds_the_database_is_waited_for_and_then_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outbox.store.BUSY_MS", 50)
    async with open_box(tmp_path) as box:
        other = sqlite3.connect(tmp_path / "tether.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageBusy, match="another program"):
            await box.spool.accept(posted(), one_each)
        other.execute("ROLLBACK")
        other.close()
        assert not (await box.spool.accept(posted(), one_each)).duplicate


class NoMoreRoom(Operation[None]):
    """The disk ends where the database ends now."""

    alone = True

    def apply(self, batch: Batch) -> None:
        pages = batch.db.execute("PRAGMA page_count").fetchone()[0]
        batch.db.execute(f"PRAGMA max_page_count = {pages}")


class Room(Operation[None]):
    alone = True

    def apply(self, batch: Batch) -> None:
        batch.db.execute("PRAGMA max_page_count = 1000000")


async def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box._store.write(NoMoreRoom())
        answers = await asyncio.gather(
            *(box.spool.accept(posted(f"e{n}", ref=f"B-{n}", data={"x": "y" * 900}), one_each) for n in range(40)),
            return_exceptions=True,
        )
        refused = [n for n, answer in enumerate(answers) if isinstance(answer, StorageFull)]
        assert refused
        assert all(not isinstance(answer, BaseException) for n, answer in enumerate(answers) if n not in refused)
        assert (await box.audit.verify()).ok
        await box._store.write(Room())
        for n in refused:
            assert not (await box.spool.accept(posted(f"e{n}", ref=f"B-{n}"), one_each)).duplicate
        assert (await box.audit.verify()).ok


@pytest.mark.parametrize(
    "content",
    [b"this is no database, whatever its name may say" * 99, b"SQLite format 3\0" + bytes(range(256)) * 40],
    ids=["a text", "a torn header"],
)
async def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tether.db").write_bytes(content)
    with pytest.raises(StorageDamaged, match="tether doctor"):
        async with open_box(tmp_path):
            pass
    (tmp_path / "tether.db").unlink()
    async with open_box(tmp_path) as box:
        await accept_one(box)


async def test_damaged_pages_are_reported_where_they_are_met(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        for n in range(200):
            await box.spool.accept(posted(f"e{n}", ref=f"B-{n}"), one_each)
    file = tmp_path / "tether.db"
    content = bytearray(file.read_bytes())
    for page in range(60, len(content) // 1024):
        content[page * 1024 : page * 1024 + 64] = b"\xff" * 64
    file.write_bytes(content)
    with pytest.raises(StorageDamaged):
        await read_and_write(tmp_path)


async def read_and_write(path: Path) -> None:
    async with open_box(path) as box:
        await box.audit.verify()
        await box.views.figures()
        await box.spool.accept(posted("new"), one_each)


async def test_a_stalled_transaction_can_be_seen(tmp_path: Path) -> None:
    clock = FakeClock()
    seen: list[float] = []

    class Look(Operation[None]):
        def apply(self, batch: Batch) -> None:
            clock._monotonic += 3.0
            seen.append(box.stalled_for())

    async with open_box(tmp_path, clock) as box:
        await box._store.write(Look())
        assert seen == [3.0]
        await box._store.write(Record("a.b"))
        assert box.stalled_for() == 0.0


async def test_idle_nothing_is_written(tmp_path: Path) -> None:
    def files() -> dict[str, tuple[int, int]]:
        return {file.name: (file.stat().st_size, file.stat().st_mtime_ns) for file in tmp_path.iterdir()}

    async with open_box(tmp_path) as box:
        await send(box, await accept_one(box, planned()))
        before = files()
        await box.spool.due("twilio", now=2**40, limit=9)
        await box.spool.next_due("twilio")
        await box.views.figures()
        await asyncio.sleep(0.05)
        assert files() == before


async def test_a_copy_is_consistent_while_it_is_written_to(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await begin(box, message)
        await box.back_up(copy / "tether.db")
        await accept_one(box, planned("after"), id="after")
    async with open_box(copy) as box:
        assert (await box.audit.verify()).ok
        assert [one.id for one in (await box.views.messages(limit=9)).items] == ["m1"]


async def test_only_its_owner_may_read_the_database(tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    async with open_box(tmp_path) as box:
        await accept_one(box)
        await box.back_up(copy)
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir() if file.is_file()}
    assert {"tether.db", "tether.db-wal", "copy.db"} <= modes.keys()
    assert set(modes.values()) == {0o600}
