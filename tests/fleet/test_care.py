"""Keeping headquarters: a backup by PostgreSQL's own tools, a restore that is older than what stores told since, and a new release's schema while
stores go on."""

import os
import pty
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from daemon.hq import answers
from daemon.hq.config import Postgres as PostgresTable
from daemon.hq.database import FOLDER, migrate, opened
from daemon.hq.engines import postgres_programs
from tests.support.engines import Postgres
from tests.support.fleet_world import World

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.engines


def run(program: str, *words: str, into: Path | None = None, out_of: Path | None = None) -> None:
    """One of PostgreSQL's own programs."""
    with (into or Path("/dev/null")).open("wb") as out, (out_of or Path("/dev/null")).open("rb") as given:
        done = subprocess.run(
            [postgres_programs() / program, *words], stdin=given, stdout=out, stderr=subprocess.PIPE, check=False, timeout=60
        )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()


async def test_a_backup_is_restored_and_stores_send_what_it_lacks(
    fleet: World, postgres_server: Postgres, tmp_path: Path
) -> None:
    soho = await fleet.add_store("soho")
    soho.connect()
    fleet.start_hq()
    await soho.happen(3)
    await fleet.await_archived(soho)
    run("pg_dump", "--format=custom", "--dbname", fleet.settings.postgres.dsn, into=tmp_path / "hq.dump")
    await soho.happen(4, first=10)
    await fleet.await_archived(soho)
    await fleet.stop_hq()

    name = f"restored{abs(hash(tmp_path)) % 10**9}"
    dsn = postgres_server.make_database(name)
    try:
        run("pg_restore", "--no-owner", "--dbname", dsn, out_of=tmp_path / "hq.dump")
        fleet.settings = msgspec.structs.replace(fleet.settings, postgres=PostgresTable(dsn))
        assert not await fleet.archived(soho), "the backup is older than the last messages"
        fleet.start_hq()
        await fleet.await_archived(soho)
        async with opened(dsn) as db:
            verdict = await answers.verify(db, None)
            assert verdict.ok
            (store,) = await answers.stores(db, datetime.now(UTC))
            assert (store.forks, store.gaps) == (0, 0)
        await fleet.stop_hq()
    finally:
        await soho.disconnect()
        postgres_server.drop_database(name)


async def test_a_new_releases_schema_is_put_in_place_while_stores_go_on(
    fleet: World, postgres_server: Postgres, tmp_path: Path
) -> None:
    """The archive is the first release's, with stores in it that joined then; they tell NATS meanwhile."""
    name = f"old{abs(hash(tmp_path)) % 10**9}"
    dsn = postgres_server.make_database(name)
    fleet.settings = msgspec.structs.replace(fleet.settings, postgres=PostgresTable(dsn))
    try:
        async with opened(dsn) as db:
            await db.execute((FOLDER / "migrations/0001_initial.sql").read_bytes())
            await db.execute("CREATE TABLE schema_version (version integer PRIMARY KEY)")
            await db.execute("INSERT INTO schema_version VALUES (1)")
            await db.execute("INSERT INTO store (name, grp) VALUES ('camden', 'canary')")
        soho = await fleet.add_store("soho")
        soho.connect()
        await soho.happen(3)
        assert await migrate(dsn) == 1
        newest = int(sorted((FOLDER / "migrations").glob("*.sql"))[-1].name[:4])
        assert await migrate(dsn) == newest, "and once is enough"
        fleet.start_hq()
        await fleet.await_archived(soho)
        assert await fleet.sql("SELECT grp, canary FROM store WHERE name = 'camden'") == [("", True)]
        await fleet.stop_hq()
        await soho.disconnect()
    finally:
        postgres_server.drop_database(name)


def test_files_of_the_schema_are_numbered_without_a_hole() -> None:
    """Two with one number, or one that was left out, would be passed over in silence by who has the later one."""
    numbers = [int(path.name[:4]) for path in sorted((FOLDER / "migrations").glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_init_asks_an_owner_for_what_was_not_given(tmp_path: Path) -> None:
    """On a terminal; a mistake is said and asked again."""
    said, (terminal, theirs) = b"", pty.openpty()
    words = [sys.executable, "-m", "daemon", "hq", "init", str(tmp_path / "hq")]
    process = subprocess.Popen(words, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    answers = [b"Balloon Loft\n", b"http://hq.example\n", b"https://hq.example:8788\n", b"a b\n", b"hq1.example\n"]
    with suppress(OSError):  # the terminal is gone with the process
        while chunk := os.read(terminal, 4096):
            said += chunk
            while answers and said.count(b"]: ") > 5 - len(answers):
                os.write(terminal, answers.pop(0))
    os.close(terminal)
    assert process.wait(20) == 0, said
    assert b"stores join over https only" in said
    assert b"three (or five) servers" in said
    text = (tmp_path / "hq/hq.toml").read_text()
    assert 'name = "Balloon Loft"' in text
    assert "single = true" in text


def test_init_without_a_terminal_says_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "hq", "init", str(tmp_path / "hq")], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )  # fmt: skip
    assert done.returncode == 2
    assert "give --name, --url and --server" in done.stderr
    assert not (tmp_path / "hq").exists()
