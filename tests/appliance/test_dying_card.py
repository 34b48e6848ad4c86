"""A card that dies: a sector that can't be read, and no room for another copy, cost what lay there and not the start."""

import asyncio
import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.runtime.vigil import mark_of, pick_up
from daemon.upkeep import recover, recovery_note, saving
from daemon.upkeep.recover import make_sound
from outbox.proof import trouble_with
from outbox.salvage import salvage
from outbox.salvaged import Salvaged
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import accept_one, open_box, planned

ORDERS = 200
PAGE = 1024
BLOCK = 4096
SAID_OF_THE_SCHEMA = {"disk I/O error"}
if sqlite3.sqlite_version_info < (3, 46):  # Debian 12's 3.40 calls it malformed
    SAID_OF_THE_SCHEMA.add("database disk image is malformed")


async def _a_week(folder: Path) -> None:
    """With what came last in the log alone, as the power left it."""
    database, log = folder / "tether.db", folder / "tether.db-wal"
    async with open_box(folder) as box:
        for number in range(ORDERS):
            await accept_one(box, planned(f"m{number}"), id=f"e{number}", ref=f"B-{number}")
    async with open_box(folder) as box:
        await accept_one(box, planned("last"), id="last", ref="B-LAST")
        left = {file: file.read_bytes() for file in (database, log)}
    for file, content in left.items():
        file.write_bytes(content)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("week")
    asyncio.run(_a_week(folder))
    return folder


@pytest.fixture
def database(week: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(saving.shutil, "which", lambda name: None)
    for name in ("tether.db", "tether.db-wal"):
        shutil.copyfile(week / name, tmp_path / name)
    return tmp_path / "tether.db"


def bad_sector(file: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads there is told of an input/output error; SQLite, which reads by itself, finds noise."""
    with file.open("r+b") as content:
        content.seek(block * BLOCK)
        content.write(b"\xa5" * BLOCK)
    inode, pread, copyfile = file.stat().st_ino, os.pread, shutil.copyfile

    def read(handle: int, length: int, place: int) -> bytes:
        if os.fstat(handle).st_ino == inode and place < (block + 1) * BLOCK and place + length > block * BLOCK:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(handle, length, place)

    def copied(source: Path, target: Path) -> Path:
        if source.stat().st_ino == inode:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return copyfile(source, target)

    monkeypatch.setattr(os, "pread", read)
    monkeypatch.setattr(shutil, "copyfile", copied)


async def orders_in(folder: Path) -> int:
    """Once an event was taken."""
    async with open_box(folder) as box:
        await accept_one(box, planned("new"), id="new", ref="B-NEW")
        return len((await box.views.orders(limit=500)).items) - 1


async def test_a_sector_that_can_not_be_read_costs_what_lay_there(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything else was still on the card, and the service did not start any more."""
    bad_sector(database, database.stat().st_size // BLOCK // 2, monkeypatch)
    recovered = await make_sound(database, FakeClock())
    assert recovered is not None
    assert trouble_with(database, whole=True, rows=True) == ""
    assert ORDERS * 0.8 < await orders_in(database.parent) <= ORDERS + 1


async def test_a_sector_of_the_log_costs_what_came_after_it(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a log that it can't read SQLite says no more than that."""
    log = database.with_name("tether.db-wal")
    bad_sector(log, log.stat().st_size // BLOCK - 1, monkeypatch)
    said = ["disk I/O error"]
    monkeypatch.setattr(recover, "trouble_with", lambda *of, **how: said.pop() if said else trouble_with(*of, **how))
    recovered = await make_sound(database, FakeClock())
    assert recovered is not None
    assert recovered.salvaged.gaps == 0
    assert await orders_in(database.parent) >= ORDERS


async def test_a_schema_that_ends_in_nothing_is_damage_too(database: Path) -> None:
    """What is wrong beneath the schema is told by a code that says less: it counted as a disk that is away for a while, at each start."""
    database.write_bytes(database.read_bytes()[: 40 * PAGE])
    recovered = await make_sound(database, FakeClock())
    assert recovered is not None
    assert recovered.trouble in SAID_OF_THE_SCHEMA
    assert await orders_in(database.parent) >= 0


def a_full_card(work: Callable[..., object], error: Exception, nth: int) -> Callable[..., object]:
    """That many times there is room for it."""
    done: list[object] = []

    def bounded(*of: Path) -> object:
        done.append(of)
        if len(done) > nth:
            raise error
        return work(*of)

    return bounded


NO_ROOM = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("module", "name", "work", "error", "nth"),
    [
        (shutil, "copyfile", shutil.copyfile, NO_ROOM, 1),
        (saving, "salvage", salvage, sqlite3.OperationalError("database or disk is full"), 1),
    ],
    ids=["no copy", "no database"],
)
async def test_what_one_way_saved_is_kept_where_there_is_no_room_for_another(
    module: object,
    name: str,
    work: Callable[..., object],
    error: Exception,
    nth: int,
    database: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with database.open("r+b") as file:
        file.seek(database.stat().st_size // PAGE // 2 * PAGE)
        file.write(b"\xa5" * 8 * PAGE)
    monkeypatch.setattr(module, name, a_full_card(work, error, nth))
    recovered = await make_sound(database, FakeClock())
    assert recovered is not None
    assert recovered.salvaged.gaps
    assert await orders_in(database.parent) > ORDERS * 0.8


async def test_without_room_for_any_the_database_stays_in_its_place(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing begins anew for want of room: who makes some has all that can be saved."""
    database.write_bytes(database.read_bytes()[: 40 * PAGE])
    found = database.read_bytes()
    monkeypatch.setattr(shutil, "copyfile", a_full_card(shutil.copyfile, NO_ROOM, 0))
    with pytest.raises(OSError, match="No space left"):
        await make_sound(database, FakeClock())
    assert database.read_bytes() == found
    assert recovery_note.unseen(database) is None


async def test_copies_go_when_nobody_needs_them_any_more(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All were kept to the end: a dozen times the database, on a card that may have no more room than for two."""
    database.write_bytes(database.read_bytes()[: 40 * PAGE])
    most: list[int] = []

    def watched(source: Path, target: Path) -> Salvaged:
        [folder] = database.parent.glob(".tether-recover-*")
        most.append(sum(1 for file in folder.rglob("*") if file.is_file() and not file.name.endswith("-wal")))
        return salvage(source, target)

    monkeypatch.setattr(saving, "salvage", watched)
    await make_sound(database, FakeClock())
    assert len(most) > 2
    assert max(most) <= 3, "what was found, what is worked on, and the best so far"


async def test_a_note_that_can_not_be_read_keeps_no_service_from_starting(database: Path) -> None:
    """Memory that is nobody's gives what a bad sector gives."""
    for note in (recovery_note._path(database), mark_of(database)):
        note.symlink_to("/proc/self/mem")
    note = recovery_note.unseen(database)
    assert note is not None
    assert note.recovered.trouble == "what was wrong can't be read any more"
    assert "can't be read (Input/output error)" in pick_up(database)
    assert pick_up(database) == ""
