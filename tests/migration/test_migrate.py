"""A database of any earlier schema becomes this release's, with its data, and a copy of what it was; a newer one is refused."""

import sqlite3
from pathlib import Path

import pytest

from outbox.errors import SchemaTooNew
from outbox.migrate import migrate, migrations
from tests.support.outbox_box import accept_one, open_box, planned, send, state_of

FIRST = migrations()[0]
PRESENT = migrations()[-1][0]
NEXT = (
    PRESENT + 1,
    f"ALTER TABLE note ADD COLUMN at INTEGER NOT NULL DEFAULT 0;\nPRAGMA user_version = {PRESENT + 1};",
)


def version(db: sqlite3.Connection) -> int:
    found: int = db.execute("PRAGMA user_version").fetchone()[0]
    return found


@pytest.fixture
def db(tmp_path: Path):  # type: ignore[no-untyped-def]
    connection = sqlite3.connect(tmp_path / "tether.db", isolation_level=None)
    yield connection
    connection.close()


def test_the_files_are_numbered_without_gaps_and_say_their_number() -> None:
    steps = migrations()
    assert [number for number, _ in steps] == list(range(1, len(steps) + 1))
    for number, script in steps:
        assert script.rstrip().endswith(f"PRAGMA user_version = {number};")


def test_a_new_database_needs_no_backup(tmp_path: Path, db: sqlite3.Connection) -> None:
    assert migrate(db, tmp_path / "tether.db", [FIRST]) == 0
    assert version(db) == 1
    assert not list(tmp_path.glob("*.bak"))
    assert migrate(db, tmp_path / "tether.db", [FIRST]) is None


async def test_an_earlier_schema_is_brought_up_to_date_with_its_data(tmp_path: Path) -> None:
    path = tmp_path / "tether.db"
    async with open_box(tmp_path) as box:
        await send(box, await accept_one(box, planned()))
        await box.notes.set("k", "v")
    db = sqlite3.connect(path, isolation_level=None)
    assert migrate(db, path, [*migrations(), NEXT]) == PRESENT
    assert db.execute("SELECT key, value, at FROM note").fetchall() == [("k", "v", 0)]
    assert version(db) == PRESENT + 1
    db.close()
    copy = tmp_path / f"tether.db.v{PRESENT}.bak"
    assert copy.is_file()
    restored = tmp_path / "restored"
    restored.mkdir()
    copy.rename(restored / "tether.db")
    async with open_box(restored) as box:
        assert await state_of(box, "m1") == "sent"
        assert (await box.audit.verify()).ok


def test_a_step_that_fails_leaves_what_was(tmp_path: Path, db: sqlite3.Connection) -> None:
    path = tmp_path / "tether.db"
    migrate(db, path, [FIRST])
    broken = (2, "CREATE TABLE half (a INTEGER) STRICT;\nCREATE TABLE note (key TEXT);\nPRAGMA user_version = 2;")
    with pytest.raises(sqlite3.OperationalError, match="note"):
        migrate(db, path, [FIRST, broken])
    assert version(db) == 1
    assert db.execute("SELECT name FROM sqlite_schema WHERE name = 'half'").fetchall() == []


async def test_a_newer_schema_is_refused_untouched(tmp_path: Path) -> None:
    async with open_box(tmp_path):
        pass
    db = sqlite3.connect(tmp_path / "tether.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    before = (tmp_path / "tether.db").read_bytes()
    with pytest.raises(SchemaTooNew, match="99"):
        async with open_box(tmp_path):
            pass
    assert (tmp_path / "tether.db").read_bytes() == before


async def test_every_migration_leads_to_the_same_schema_as_a_new_database(
    tmp_path: Path, db: sqlite3.Connection
) -> None:
    def schema(of: sqlite3.Connection) -> list[tuple[str, str]]:
        return of.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").fetchall()

    for step in range(1, len(migrations()) + 1):
        migrate(db, tmp_path / "tether.db", migrations()[:step])
    new = tmp_path / "new"
    async with open_box(new):
        pass
    fresh = sqlite3.connect(new / "tether.db")
    assert schema(db) == schema(fresh)
    fresh.close()
