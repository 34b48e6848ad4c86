"""A repair that may have lost what was promised: it says what, and texts to customers wait where opt-outs may be among it."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from daemon.keys.box_key import BoxKey
from daemon.upkeep import recovery_note
from daemon.upkeep.recover import make_sound, record
from daemon.upkeep.recovery_note import Recovered
from outbox.confirmation import RestoredFrom
from outbox.fleet_consent import Heard
from outbox.lock import Lock
from outbox.log_file import log_of
from outbox.outcome import Accepted
from outbox.salvaged import Salvaged
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


async def test_texts_wait_where_it_may_be_lost_that_they_do(database: Path) -> None:
    """They waited for staff after a restore, and that they do lay on a page that the card spoilt."""
    async with open_box(database.parent) as box:
        await box.confirmation.ask(RestoredFrom("tether-1.backup", 0, 0))
    lose_page(database, "note")
    recovered = await make_sound(database, FakeClock())
    assert recovered is not None
    async with open_box(database.parent) as box:
        await record(box, recovered, KEY, FakeClock())
        assert await box.confirmation.awaited() is not None


async def test_in_a_fleet_all_opt_outs_are_heard_again_where_some_may_be_lost(database: Path) -> None:
    async with open_box(database.parent) as box:
        await box.fleet.hear([Heard("k1", "d" * 32, "sms", 7, True, 0, "soho", "STOP")])
    lose_page(database)
    recovered = await make_sound(database, FakeClock())
    assert recovered is not None
    async with open_box(database.parent) as box:
        await record(box, recovered, KEY, FakeClock())
        assert await box.fleet.heard_up_to() == 0


def at(days: int) -> FakeClock:
    """Past the moments at which the files were written, so that each is set aside under a name of its own."""
    return FakeClock(4_000_000_000_000 + days * 86_400_000)


async def test_what_a_repair_lost_is_told_after_a_second_one_too(database: Path) -> None:
    """The power failed, or the card, before the first was on record: the second found a whole table of opt-outs, and who had written STOP was
    texted at the next event."""
    lose_page(database)
    first = await make_sound(database, at(1))
    lose_page(database, "attempt")
    second = await make_sound(database, at(2))
    assert first is not None
    assert second is not None
    assert "opt-outs" not in second.words
    note = recovery_note.unseen(database)
    assert note is not None
    assert "lost may be opt-outs (who wants no more may be written to)" in note.words
    assert all(each.aside is not None and each.aside.name in note.words for each in (first, second))
    async with open_box(database.parent) as box:
        await record(box, note.recovered, KEY, FakeClock())
        [entry] = (await box.audit.list(kind="database.recovered", limit=5)).items
        assert "optouts" in entry.detail["lost"]
        assert await box.confirmation.awaited() is not None


async def test_what_staff_have_not_seen_is_told_on_and_not_asked_about_again(database: Path) -> None:
    """They say that texts may go out, and not that they have seen why those waited: another page would have all wait once more."""
    lose_page(database)
    first = await make_sound(database, at(1))
    assert first is not None
    async with open_box(database.parent) as box:
        await record(box, first, KEY, FakeClock())
    for days in (2, 3):
        lose_page(database, "attempt")
        assert await make_sound(database, at(days)) is not None
        note = recovery_note.unseen(database)
        assert note is not None
        assert "lost may be opt-outs" in note.words
        assert not note.recovered.salvaged.lost, "what the record is to say"


async def test_a_repair_that_came_to_no_end_counts_its_losses_once(database: Path, tmp_path: Path) -> None:
    aside = tmp_path / "tether.db.damaged-1"
    lost = Salvaged(rows={}, dropped=0, optouts_lost=3, lost=frozenset({"optouts"}))
    cut = Recovered(trouble="a page", aside=aside, salvaged=lost)
    for recovered, told in ((cut, 3), (cut, 3), (msgspec.structs.replace(cut, aside=tmp_path / "2"), 6)):
        recovery_note.write(database, recovered, 0)
        note = recovery_note.unseen(database)
        assert note is not None
        assert f"{told} opt-outs are lost" in note.words
