"""Damage to the database file: noticed, set aside, and saved as far as it can be read; the service comes up taking events."""

import asyncio
import errno
import os
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from daemon.config import Settings
from daemon.keys.box_key import BoxKey
from daemon.upkeep import saving
from daemon.upkeep.copies import asides, remove_overdue
from daemon.upkeep.recover import make_sound, mark_damaged, mark_path, record
from outbox import salvage as salvaging
from outbox.model import State, Transition
from outbox.outcome import Accepted, Deferred, Outcome, Unknown
from outbox.proof import trouble_with
from outbox.salvage import TableReader, salvage
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import (
    NOW,
    SENT,
    accept_one,
    begin,
    due_ids,
    message_of,
    open_box,
    planned,
    plans,
    posted,
    send,
)

KEY = BoxKey.from_words("legal winner thank year wave sausage worth useful legal winner thank yellow")

ORDERS = 400
PAGE = 1024


async def a_week(folder: Path) -> Path:
    """Many orders, half of them told, some that wait, an opt-out."""
    async with open_box(folder) as box:
        for number in range(ORDERS):
            message = await accept_one(box, planned(f"m{number}"), id=f"e{number}", ref=f"B-{number}")
            if number % 2:
                await send(box, message, Accepted(f"P{number}"), SENT)
        await box.consent.stop("sms", "+447700900999", reason="STOP", actor="customer")
    return folder / "tether.db"


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(a_week(tmp_path_factory.mktemp("week")))


@pytest.fixture
def database(week: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "tether.db"
    shutil.copyfile(week, copy)
    return copy


def spoil(database: Path, first: int, count: int, seed: int = 5) -> None:
    """Overwrite pages with noise, as a dying card does."""
    with database.open("r+b") as file:
        file.seek(first * PAGE)
        file.write(random.Random(seed).randbytes(count * PAGE))


async def test_a_sound_database_is_left_alone(database: Path) -> None:
    before = database.read_bytes()
    assert await make_sound(database, FakeClock()) is None
    assert database.read_bytes() == before
    assert await make_sound(database.with_name("none.db"), FakeClock()) is None


async def test_the_log_is_read_where_the_database_s_name_is_a_link(tmp_path: Path) -> None:
    """It was moved to a disk of its own: its log lies there, with all that came since it was last brought in."""
    disk, name = tmp_path / "disk", tmp_path / "tether.db"
    disk.mkdir()
    name.symlink_to(disk / "tether.db")
    database = await a_week(disk)
    async with open_box(disk) as box:
        await accept_one(box, planned("last"), id="last", ref="B-LAST")
        left = {file: file.read_bytes() for file in (database, database.with_name("tether.db-wal"))}
    for file, content in left.items():
        file.write_bytes(content)
    spoil(database, 20, 1)
    recovered = await make_sound(name, FakeClock())
    assert recovered is not None
    assert recovered.aside is not None
    async with open_box(tmp_path) as box:
        assert await box.views.orders_by_ref(["B-LAST"])
    assert name.is_symlink()
    assert asides(name) == [recovered.aside]


async def test_what_was_set_aside_by_a_clock_that_is_not_set_is_kept_as_long_as_any(database: Path) -> None:
    """After a power cut the clock stands where it was made: what is all that is left of lost orders was removed as old five minutes later."""
    written = FakeClock().now() / 1000
    os.utime(database, (written, written))
    spoil(database, 20, 20)
    os.utime(database, (written, written))
    recovered = await make_sound(database, FakeClock(now=60_000))
    assert recovered is not None
    assert recovered.aside is not None
    settings, clock = Settings(file=database.with_name("tether.toml")), FakeClock()
    await clock.advance(29 * 86_400)
    await remove_overdue(settings, clock, [])
    assert recovered.aside.exists()
    await clock.advance(86_400)
    await remove_overdue(settings, clock, [])
    assert not recovered.aside.exists()


@pytest.mark.parametrize("with_program", [True, False], ids=["sqlite3", "rows only"])
@pytest.mark.parametrize("place", [0.1, 0.3, 0.5, 0.7, 0.9])
async def test_a_few_lost_pages_cost_a_few_rows(
    database: Path, place: float, with_program: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if with_program and shutil.which("sqlite3") is None:
        pytest.skip("no sqlite3 program here")
    if not with_program:
        monkeypatch.setattr(saving.shutil, "which", lambda name: None)
    pages = database.stat().st_size // PAGE
    spoil(database, int(pages * place), 3)
    recovered = await make_sound(database, FakeClock())
    if recovered is None:
        assert trouble_with(database, whole=True) == "", "noise in a page that nothing uses"
        return
    assert trouble_with(database, whole=True) == ""
    rows = recovered.salvaged.rows
    assert rows["orders"] > ORDERS * 0.8
    assert rows["message"] > ORDERS * 0.8
    assert recovered.aside.exists()
    async with open_box(database.parent) as box:
        await record(box, recovered, KEY, FakeClock())
        message = await accept_one(box, planned("new"), id="new", ref="B-new")
        assert "new" in [due.message.id for due in await box.spool.due("twilio", now=NOW, limit=ORDERS)]
        await send(box, message, Accepted("P-new"), SENT)


async def test_whatever_page_of_the_schema_is_lost_the_rows_are_saved(week: Path, tmp_path: Path) -> None:
    """Those too on which a long definition goes on: with one of them all orders were lost, though every row was there."""
    with closing(sqlite3.connect(week)) as db:
        try:
            found = db.execute("SELECT pageno FROM dbstat WHERE name IN ('sqlite_schema', 'sqlite_master')").fetchall()
        except sqlite3.OperationalError:
            pytest.skip("this SQLite can't say which pages hold the schema")
    assert len(found) > 5
    for (page,) in found:
        database = tmp_path / str(page) / "tether.db"
        database.parent.mkdir()
        shutil.copyfile(week, database)
        spoil(database, page - 1, 1, seed=page)
        recovered = await make_sound(database, FakeClock())
        assert recovered is not None
        assert recovered.salvaged.rows["orders"] > ORDERS * 0.8, f"page {page}"
        assert recovered.salvaged.rows["message"] > ORDERS * 0.8, f"page {page}"


async def test_every_page_in_turn_may_be_lost(week: Path, tmp_path: Path) -> None:
    """Whatever page it is: something is saved where it can be, the file is sound, and an event is taken."""
    pages = week.stat().st_size // PAGE
    for page in range(1, pages, max(1, pages // 24)):
        folder = tmp_path / str(page)
        folder.mkdir()
        database = folder / "tether.db"
        shutil.copyfile(week, database)
        spoil(database, page, 1, seed=page)
        await make_sound(database, FakeClock())
        assert trouble_with(database, whole=True) == "", f"page {page}"
        async with open_box(folder) as box:
            await accept_one(box, planned("new"), id="new", ref="B-new")
            assert (await message_of(box, "new")).id == "new", f"page {page}"


async def test_a_file_of_noise_costs_what_was_in_it_and_not_the_service(database: Path) -> None:
    spoil(database, 0, database.stat().st_size // PAGE)
    recovered = await make_sound(database, FakeClock())
    assert recovered is not None
    assert recovered.salvaged.rows["orders"] == 0
    async with open_box(database.parent) as box:
        await accept_one(box, planned("new"), id="new", ref="B-new")


def test_a_table_that_begins_nowhere_is_not_searched(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of looks into a file of which nothing was left took seconds."""
    asked: list[str] = []
    opened = salvaging.open_damaged

    def watched(source: Path) -> sqlite3.Connection:
        db = opened(source)
        db.set_trace_callback(asked.append)
        return db

    monkeypatch.setattr(salvaging, "open_damaged", watched)
    with closing(sqlite3.connect(database)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'orders'").fetchone()
    with database.open("r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(bytes(PAGE))
    saved = salvage(database, tmp_path / "saved.db")
    assert (saved.rows["orders"], saved.gaps) == (0, 1)
    assert not [one for one in asked if 'FROM "orders"' in one]
    assert [one for one in asked if 'FROM "audit"' in one]


def test_a_card_that_dies_under_it_costs_the_tables_and_not_the_start(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_: object) -> bool:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(salvaging, "_has_root", dying)
    saved = salvage(database, tmp_path / "saved.db")
    assert saved.rows["orders"] == 0
    assert saved.gaps > 10


def test_what_was_read_whole_between_two_lost_ends_is_not_read_again(database: Path, tmp_path: Path) -> None:
    """A sound stretch was halved again and again, until the tries were used up that the damaged ones wanted."""
    with closing(sqlite3.connect(database)) as db:
        asked: list[str] = []
        db.set_trace_callback(asked.append)
        seqs = [row[0] for row in TableReader(db, "orders", ["seq"], ["seq"])._between(0, 2**20)]
    assert sorted(set(seqs)) == list(range(1, ORDERS + 1))
    assert len(seqs) == ORDERS, "each once"
    assert len(asked) < 30


async def test_the_owner_is_told_and_the_audit_says_where_it_broke(database: Path) -> None:
    pages = database.stat().st_size // PAGE
    spoil(database, pages // 2, 4)
    recovered = await make_sound(database, FakeClock())
    assert recovered is not None
    assert "tether restore latest" in recovered.words
    async with open_box(database.parent) as box:
        await record(box, recovered, KEY, FakeClock())
        page = await box.audit.list(kind="database.recovered", limit=5)
        assert page.items[0].detail["aside"] == recovered.aside.name
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT reason FROM epoch ORDER BY first_seq DESC LIMIT 1").fetchone() == (
            "recovered from damage",
        )


async def test_what_met_damage_while_it_worked_is_looked_at_whole(database: Path) -> None:
    """An index that does not agree with its table passes the quick look; the note from the last run asks for the whole one."""
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, '(order_seq, open)', '(order_seq, state)') WHERE name = 'message_of_order'"
        )
    assert await make_sound(database, FakeClock()) is None
    mark_damaged(database)
    recovered = await make_sound(database, FakeClock())
    assert recovered is not None
    assert recovered.salvaged.rows["message"] == ORDERS
    assert not mark_path(database).exists()


async def test_a_line_whose_first_message_is_lost_goes_on(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box, planned("first"), id="e1", ref="B-1")
        await accept_one(box, planned("second", policy=planned().policy), id="e2", ref="B-1", type="payment.confirmed")
        assert await due_ids(box) in (["first"], ["second"])
    database = tmp_path / "tether.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        (first,) = db.execute("SELECT min(seq) FROM message WHERE state = 'queued'").fetchone()
        db.execute("DELETE FROM message WHERE seq = ?", (first,))
        left = db.execute("SELECT count(*) FROM message WHERE state = 'queued'").fetchone()[0]
    saved = tmp_path / "saved" / "tether.db"
    saved.parent.mkdir()
    salvage(database, saved)
    async with open_box(saved.parent) as box:
        assert len(await due_ids(box)) == left


async def test_nobody_waits_for_what_may_have_arrived_after_a_repair_either(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        first = await accept_one(box, planned("first", trigger="refund.issued"), id="e1")
        await send(box, first, Unknown("cut"), Transition(state=State.QUEUED, possible_duplicate=True))
        await accept_one(box, planned("second"), id="e2")
    (tmp_path / "saved").mkdir()
    salvage(tmp_path / "tether.db", tmp_path / "saved" / "tether.db")
    async with open_box(tmp_path / "saved") as box:
        assert await due_ids(box) == ["first", "second"]


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "without its newest events"])
async def test_two_orders_of_one_number_stay_two(tmp_path: Path, cut: bool) -> None:
    """Nobody was told that the order is ready for what still waited for who had the number before; and where the event was lost with which
    they got it, it went to that one."""
    async with open_box(tmp_path) as box:
        await box.spool.accept(posted("a1", "order.completed", "42", customer={"name": "Ada"}), plans())
        await accept_one(box, planned("a", trigger="refund.issued"), id="a2", type="refund.issued", ref="42")
        await box.spool.accept(posted("b1", "order.placed", "43"), plans())
        await box.spool.accept(posted("k1", "order.placed", "42", customer={"name": "Kofi"}), plans())
        if not cut:
            await accept_one(box, planned("k"), id="k2", ref="42")
    with closing(sqlite3.connect(tmp_path / "tether.db", isolation_level=None)) as db:
        if cut:
            db.execute("DELETE FROM event WHERE id IN ('b1', 'k1')")
    (tmp_path / "saved").mkdir()
    salvage(tmp_path / "tether.db", tmp_path / "saved" / "tether.db")
    async with open_box(tmp_path / "saved") as box:
        if cut:
            await accept_one(box, planned("k"), id="k2", ref="42")
        dues = await box.spool.due("twilio", now=NOW, limit=9)
        assert {due.message.id: due.order.customer.name for due in dues} == {"a": "Ada", "k": "Kofi"}


async def test_opt_outs_outlive_the_key_of_their_digests(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.consent.stop("sms", "+447700900999", reason="STOP", actor="customer")
    with closing(sqlite3.connect(tmp_path / "tether.db", isolation_level=None)) as db:
        db.execute("DELETE FROM secret")
    saved = tmp_path / "saved" / "tether.db"
    saved.parent.mkdir()
    assert salvage(tmp_path / "tether.db", saved).optouts_lost == 0
    async with open_box(saved.parent) as box:
        assert await box.consent.blocked("sms", "+447700900999")


async def test_what_was_under_way_without_a_trace_is_for_staff(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box, planned("away"), id="e1", ref="B-1")
        await box.spool.begin(message.seq, channel="twilio", via_index=0, medium="sms", address="+447700900123")
    with closing(sqlite3.connect(tmp_path / "tether.db", isolation_level=None)) as db:
        db.execute("DELETE FROM attempt")
    saved = tmp_path / "saved" / "tether.db"
    saved.parent.mkdir()
    salvage(tmp_path / "tether.db", saved)
    async with open_box(saved.parent) as box:
        assert (await message_of(box, "away")).state == "unknown"
        assert await box.spool.unknowns(now=NOW + 10**9, limit=10) == []


@pytest.mark.parametrize(
    "before", [None, Deferred("busy"), Unknown("cut")], ids=["the only", "after no", "after doubt"]
)
async def test_what_is_not_known_to_have_arrived_and_lost_its_attempt_is_for_staff(
    tmp_path: Path, before: Outcome | None
) -> None:
    """Nobody can be asked about it: looking for its attempt ended the service at each start, or went on without end."""
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        if before is not None:
            await send(box, message, before, Transition(state=State.QUEUED))
        await send(box, message, Unknown("cut"), Transition(state=State.UNKNOWN, due_at=NOW))
    with closing(sqlite3.connect(tmp_path / "tether.db")) as db:
        db.execute("DELETE FROM attempt WHERE seq = (SELECT max(seq) FROM attempt)")
        db.commit()
    (tmp_path / "saved").mkdir()
    salvage(tmp_path / "tether.db", tmp_path / "saved" / "tether.db")
    async with open_box(tmp_path / "saved") as box:
        assert await box.spool.unknowns(now=NOW, limit=9) == []
        assert (await message_of(box, "m1")).state is State.UNKNOWN
        again = await box.spool.retry("m1", actor="Mia")
        assert again.possible_duplicate


async def test_staff_are_told_why_it_is_for_them(tmp_path: Path) -> None:
    """Screens tell by the code: "tried again by Mia" stood where the record of its attempt was damaged."""
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await send(box, message, Deferred("busy"), Transition(state=State.FAILED))
        await begin(box, await box.spool.retry("m1", actor="Mia"))
    with closing(sqlite3.connect(tmp_path / "tether.db", isolation_level=None)) as db:
        db.execute("DELETE FROM attempt WHERE n = 2")
    (tmp_path / "saved").mkdir()
    salvage(tmp_path / "tether.db", tmp_path / "saved" / "tether.db")
    async with open_box(tmp_path / "saved") as box:
        reason = (await message_of(box, "m1")).reason
        assert (str(reason), reason.code, reason.args) == ("the record of its attempt was damaged", "", {})


async def test_what_was_under_way_and_lost_its_newest_attempt_is_for_staff(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await send(box, message, Deferred("busy"), Transition(state=State.QUEUED))
        await begin(box, message)
    with closing(sqlite3.connect(tmp_path / "tether.db")) as db:
        db.execute("DELETE FROM attempt WHERE n = 2")
        db.commit()
    (tmp_path / "saved").mkdir()
    salvage(tmp_path / "tether.db", tmp_path / "saved" / "tether.db")
    async with open_box(tmp_path / "saved") as box:
        assert await box.spool.rescue() == 0
        assert (await message_of(box, "m1")).state is State.UNKNOWN
        assert (await box.spool.retry("m1", actor="Mia")).possible_duplicate
