"""A repair that may have lost what was promised: it says what, and texts to customers wait where opt-outs may be among it."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from daemon.keys.box_key import BoxKey
from daemon.upkeep.recover import make_sound, record
from outbox.lock import Lock
from outbox.log_file import log_of
from outbox.outcome import Accepted
from tests.support.damage import PAGE
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import SENT, accept_one, open_box, planned, send

KEY = BoxKey.from_words("legal winner thank year wave sausage worth useful legal winner thank yellow")


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    """Some orders that were told, and an opt-out."""
    async with open_box(tmp_path) as box:
        for number in range(30):
            message = await accept_one(box, planned(f"m{number}"), id=f"e{number}", ref=f"B-{number}")
            await send(box, message, Accepted(f"P{number}"), SENT)
        await box.consent.stop("sms", "+447700900999", reason="STOP", actor="customer")
    return tmp_path / "tether.db"


def lose_page(database: Path, table: str = "consent") -> None:
    """One on which its rows lie."""
    with closing(sqlite3.connect(database)) as db:
        try:
            pages = db.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,)).fetchall()
        except sqlite3.OperationalError:
            pytest.skip("no dbstat in this SQLite")
    with database.open("r+b") as file:
        file.seek((pages[len(pages) // 2][0] - 1) * PAGE)
        file.write(random.Random(5).randbytes(PAGE))


def lose_file(database: Path) -> None:
    Lock.path_for(database).touch()
    database.unlink()


def lose_log(database: Path) -> None:
    log_of(database).write_bytes(b"noise" * 4096)


def lose_row(database: Path) -> None:
    """Its page says that it has none: what is read is whole, and not all."""
    with closing(sqlite3.connect(database)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'consent'").fetchone()
    with database.open("r+b") as file:
        file.seek((root - 1) * PAGE + 3)
        file.write((0).to_bytes(2))


@pytest.mark.parametrize("lose", [lose_page, lose_row, lose_file, lose_log])
async def test_opt_outs_that_may_be_lost_are_told_and_texts_wait_for_staff(
    lose: Callable[[Path], None], database: Path
) -> None:
    """All orders were there, so staff said that they knew, and who had written STOP was texted at the next event."""
    lose(database)
    recovered = await make_sound(database, FakeClock())
    assert recovered is not None
    assert "lost may be opt-outs (who wants no more may be written to)" in recovered.words
    async with open_box(database.parent) as box:
        await record(box, recovered, KEY, FakeClock())
        [entry] = (await box.audit.list(kind="database.recovered", limit=5)).items
        assert "optouts" in entry.detail["lost"]
        assert await box.confirmation.awaited() is not None
        assert await box.confirmation.confirm(actor="Mia") == 0


async def test_texts_go_on_where_no_opt_out_can_be_lost(database: Path) -> None:
    lose_page(database, "attempt")
    recovered = await make_sound(database, FakeClock())
    assert recovered is not None
    assert "opt-outs" not in recovered.words
    async with open_box(database.parent) as box:
        await record(box, recovered, KEY, FakeClock())
        assert await box.confirmation.awaited() is None
