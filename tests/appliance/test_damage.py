"""Every kind of damage, by seeds: the service comes up taking events, what was lost is said at each start until staff know, and nothing
begins anew in silence."""

import asyncio
import errno
import os
import random
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import pytest

from daemon.config import Settings
from daemon.keys.box_key import BoxKey
from daemon.runtime.app import Service, open_service
from daemon.upkeep import recover, recovery_note, saving
from daemon.upkeep.copies import asides
from daemon.upkeep.recover import make_sound, record
from daemon.upkeep.saving import save
from outbox import Outbox
from outbox.errors import KeyChanged, StorageBusy, StorageDamaged
from outbox.log_file import log_of
from outbox.model import State, Transition
from outbox.outcome import Accepted, Unknown
from outbox.proof import trouble_with
from outbox.salvage import salvage
from tests.support.damage import KINDS, PAGE, nothing_in_it
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import (
    KEY,
    NOW,
    SENT,
    accept_one,
    begin,
    due_ids,
    message_of,
    open_box,
    planned,
    send,
)
from tests.support.shop import event, open_shop

ORDERS = 24
SEEDS = int(os.environ.get("DAMAGE_SEEDS", "52"))
"""200 were tried; the suite takes as many as it has time for."""


async def _two_days(folder: Path) -> None:
    async with open_box(folder) as box:
        for number in range(ORDERS):
            message = await accept_one(box, planned(f"m{number}"), id=f"e{number}", ref=f"B-{number}")
            if number % 2:
                await send(box, message, Accepted(f"P{number}"), SENT)
        await box.consent.stop("sms", "+447700900999", reason="STOP", actor="customer")


async def _another(folder: Path) -> None:
    """A database of some other box, whose log is taken while it is open."""
    file = folder / "other.db"
    async with Outbox.open(file, clock=FakeClock(), rng=random.Random(99), keys=KEY, reserve=0) as box:
        await accept_one(box, planned("x"), id="x", ref="X-1")
        shutil.copyfile(file.with_name("other.db-wal"), folder / "another.db-wal")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    asyncio.run(_two_days(folder))
    asyncio.run(_another(folder))
    return folder


def laid_out(model: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    shutil.copyfile(model / "another.db-wal", folder / "another.db-wal")
    return Path(shutil.copyfile(model / "tether.db", folder / "tether.db"))


async def started(folder: Path) -> int:
    """As a start does it; returns how many orders there are, once an event was taken."""
    database = folder / "tether.db"
    await make_sound(database, FakeClock())
    async with open_box(folder) as box:
        note = recovery_note.unseen(database)
        if note is not None and not note.is_recorded:
            await record(box, note.recovered, BoxKey.new(), FakeClock())
        before = len((await box.views.orders(statuses=(), search=None, since=None, limit=500, cursor=None)).items)
        fresh = f"new{before}"
        await accept_one(box, planned(fresh), id=fresh, ref=f"B-{fresh}")
        assert (await message_of(box, fresh)).id == fresh
        await box.audit.verify()
    return before


@pytest.mark.parametrize("kind", KINDS)
async def test_the_service_comes_up_and_says_what_it_lost(
    kind: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(-(-SEEDS // len(KINDS))):
        with_program = seed % 2 == 0
        if not with_program:
            monkeypatch.setattr(saving.shutil, "which", lambda name: None)
        database = laid_out(model, tmp_path / str(seed))
        KINDS[kind](database, random.Random(f"{kind}{seed}"))
        try:
            orders = await started(database.parent)
        except KeyChanged:
            assert kind == "flipped_bits", "the one value that can't be told from another box's"
            continue
        finally:
            monkeypatch.undo()
        told = recovery_note.unseen(database)
        assert orders == ORDERS or told is not None, f"seed {seed}: {ORDERS - orders} orders went in silence"
        assert trouble_with(database, whole=True, rows=True) == "", f"seed {seed}"
        assert await started(database.parent) == orders + 1, f"seed {seed}: the second start is like the first"
        assert recovery_note.unseen(database) == told, f"seed {seed}: it is told until staff have seen it"


async def test_a_lost_first_page_costs_nothing(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first page says where the tables are: without SQLite's own program too, a new database's says it again."""
    monkeypatch.setattr(saving.shutil, "which", lambda name: None)
    database = laid_out(model, tmp_path)
    with database.open("r+b") as file:
        file.write(bytes(PAGE))
    assert await started(tmp_path) == ORDERS
    async with open_box(tmp_path) as box:
        assert await box.consent.blocked("sms", "+447700900999")


async def test_a_record_that_lost_its_end_begins_its_next_epoch_where_it_ends(model: Path, tmp_path: Path) -> None:
    """An epoch that began after what is left of the record would name entries that come to be only now."""
    database = laid_out(model, tmp_path)
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("INSERT INTO epoch (first_seq, id, at, reason) VALUES (40, 'later', 0, 'restored')")
        db.execute("DELETE FROM audit WHERE seq > 20")
    saved = tmp_path / "saved" / "tether.db"
    saved.parent.mkdir()
    salvage(database, saved)
    async with open_box(saved.parent) as box:
        await box.audit.begin_epoch("recovered from damage")
        await accept_one(box, planned("new"), id="new", ref="B-new")
        assert (await box.audit.verify()).ok
    with closing(sqlite3.connect(saved)) as db:
        epochs = db.execute("SELECT first_seq, reason FROM epoch ORDER BY first_seq").fetchall()
    assert epochs == [(1, "created"), (21, "recovered from damage")]


async def test_what_was_set_aside_stays_as_it_was_found(model: Path, tmp_path: Path) -> None:
    database = laid_out(model, tmp_path)
    KINDS["the_log_of_another"](database, random.Random(1))
    found, log = database.read_bytes(), database.with_name("tether.db-wal").read_bytes()
    recovered = await make_sound(database, FakeClock())
    assert recovered is not None
    assert recovered.trouble == "its log (-wal) belongs to another database"
    assert recovered.aside is not None
    assert recovered.aside.read_bytes() == found
    assert recovered.aside.with_name(recovered.aside.name + "-wal").read_bytes() == log
    assert recovered.salvaged.rows["orders"] == ORDERS


async def test_starts_that_can_not_repair_it_for_want_of_room_set_it_aside_once(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Systemd starts it every few seconds: each start made one more name, all of them listed as copies."""
    database, clock = laid_out(model, tmp_path), FakeClock()
    nothing_in_it(database, random.Random(1))
    log = Path(shutil.copyfile(tmp_path / "another.db-wal", tmp_path / "tether.db-wal")).read_bytes()

    def full(damaged: Path, folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as now:
        now.setattr(saving, "save", full)
        for _ in range(3):
            with pytest.raises(OSError, match="No space left"):
                await make_sound(database, clock)
            await clock.advance(60)
        [aside] = asides(database)
        now.setattr(saving, "save", save)
        now.setattr(
            recover, "put_in_place", lambda *_: (tmp_path / "tether.db-wal").unlink() or full(database, tmp_path)
        )
        with pytest.raises(OSError, match="No space left"):
            await make_sound(database, clock)
    assert await make_sound(database, clock) is not None
    assert asides(database) == [aside]
    assert log_of(aside).read_bytes() == log, "it is there still, whatever the power cut in the middle took away"


async def test_a_database_that_is_gone_is_begun_anew_and_told(model: Path, tmp_path: Path) -> None:
    database = laid_out(model, tmp_path)
    async with open_box(tmp_path):
        pass
    database.unlink()
    assert await started(tmp_path) == 0
    note = recovery_note.unseen(database)
    assert note is not None
    assert "the database was gone, and a new one was begun" in note.recovered.words
    async with open_box(tmp_path) as box:
        [entry] = (await box.audit.list(kind="database.recovered", limit=5)).items
        assert entry.detail["trouble"] == recover.GONE


async def test_a_crash_before_the_record_is_made_up_for_at_the_next_start(model: Path, tmp_path: Path) -> None:
    database = laid_out(model, tmp_path)
    nothing_in_it(database, random.Random(1))
    assert await make_sound(database, FakeClock()) is not None
    assert await make_sound(database, FakeClock()) is None, "what lies there now is sound"
    await started(tmp_path)
    async with open_box(tmp_path) as box:
        assert len((await box.audit.list(kind="database.recovered", limit=5)).items) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_may_not_be_read_is_not_damaged(model: Path, tmp_path: Path) -> None:
    database = laid_out(model, tmp_path)
    database.chmod(0)
    with pytest.raises(StorageBusy):
        trouble_with(database)


async def test_a_file_that_can_not_be_opened_is_not_damaged(tmp_path: Path) -> None:
    (tmp_path / "tether.db").mkdir()
    with pytest.raises(StorageBusy, match=r"look at the disk .* and at who owns the file"):
        trouble_with(tmp_path / "tether.db")


GARBLED = [
    ("token", "scopes"),
    ("note", "value"),
    ("epoch", "reason"),
    ("message", "reason"),
    ("message", "reason_args"),
    ("audit", "actor"),
    ("consent", "reason"),
]


def garble(database: Path, table: str, column: str) -> None:
    """A bit of one text is flipped: its page is sound, and it is no text any more."""
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("INSERT INTO token (name, digest, scopes, created_at) VALUES ('till', x'00', 'events', 0)")
        db.execute("INSERT INTO note (key, value) VALUES ('zone', 'GB')")
        db.execute(f"UPDATE {table} SET {column} = CAST(x'7bc3' AS TEXT)")


@pytest.mark.parametrize(("table", "column"), GARBLED)
async def test_a_bit_that_flipped_in_a_text_is_found_and_mended(
    table: str, column: str, model: Path, tmp_path: Path
) -> None:
    """SQLite's own checks pass it over, and whoever read it fell: at each start, or each time that somebody looked."""
    database = laid_out(model, tmp_path)
    garble(database, table, column)
    assert trouble_with(database, whole=True, rows=True) == f"{table}: a text in it can't be read"
    assert await started(tmp_path) == ORDERS
    assert recovery_note.unseen(database) is not None
    assert trouble_with(database, whole=True, rows=True) == ""


@pytest.mark.parametrize(("table", "column"), [("message", "reason_args"), ("quarantine", "headers")])
async def test_a_value_that_is_none_any_more_is_left_out(table: str, column: str, model: Path, tmp_path: Path) -> None:
    database = laid_out(model, tmp_path)
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute(
            "INSERT INTO quarantine (at, source, state, reason, retry, times, cut, digest, headers, body)"
            " VALUES (1, 'shop', 'waiting', 'odd', 0, 1, 0, x'00', '{}', x'00')"
        )
        db.execute(f"UPDATE {table} SET {column} = '{{' WHERE seq = 1")
    assert trouble_with(database, whole=True, rows=True) == f"{table} 1: its {column} can't be read"
    assert await started(tmp_path) == ORDERS
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM quarantine)").fetchone()[1] == 1
    assert trouble_with(database, whole=True, rows=True) == ""


async def test_damage_that_is_met_at_opening_is_mended_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bounded look at a large database did not come so far, and would not the next time either."""
    settings = Settings(file=tmp_path / "tether.toml")
    monkeypatch.setattr(recover, "LOOK_SECONDS", -1.0)

    async def opened() -> None:
        async with open_service(settings, clock=FakeClock(), rng=random.Random(1), reread=lambda: settings):
            """As a start does it."""

    await opened()
    garble(settings.database, "token", "scopes")
    assert await make_sound(settings.database, FakeClock()) is None
    with pytest.raises(StorageDamaged):
        await opened()
    recovered = await make_sound(settings.database, FakeClock())
    assert recovered is not None
    assert recovered.trouble == "token: a text in it can't be read"
    await opened()


Read = Callable[[Outbox], Awaitable[object]]
UNREADABLE: Mapping[str, tuple[str, str, Read]] = {
    "what is due": ("message", "body", lambda box: box.spool.due("twilio", now=NOW, limit=9)),
    "what waits": ("message", "addresses", lambda box: box.spool.waiting("twilio", after=0, limit=9)),
    "what waits, with its event": ("event", "raw", lambda box: box.spool.waiting("twilio", after=0, limit=9)),
    "what is to be looked up": ("orders", "body", lambda box: box.spool.unknowns(now=NOW, limit=9)),
    "receipts": ("attempt", "sent", lambda box: box.receipts.due(now=NOW, limit=9)),
    "the board": ("orders", "body", lambda box: box.views.orders(limit=9)),
    "the board, by status": ("orders", "body", lambda box: box.views.orders(statuses=["order.ready"], limit=9)),
    "an order": ("orders", "body", lambda box: box.views.orders_by_ref(["B-1"])),
    "its story": ("event", "raw", lambda box: box.views.story("B-1")),
    "messages": ("message", "reason_args", lambda box: box.views.messages(limit=9)),
    "attempts": ("attempt", "sent", lambda box: box.views.attempts(["m1", "m2", "m3"])),
    "texts that left": ("attempt", "sent", lambda box: box.views.texts_since(NOW - 1000, ["twilio"])),
    "the record": ("audit", "detail", lambda box: box.audit.list(limit=9)),
    "events to be planned again": ("event", "raw", lambda box: box.replay.since(0, limit=9)),
    "what headquarters is told": ("message", "addresses", lambda box: box.fleet.changed(0, look=99)),
    "what nobody understood": ("quarantine", "headers", lambda box: box.quarantine.list(limit=9)),
}


@pytest.mark.parametrize("what", UNREADABLE)
async def test_who_reads_a_value_that_is_none_any_more_has_met_damage(what: str, tmp_path: Path) -> None:
    """JSON in which one bit flipped: the service ended over it, without a note for the next start, or answered 500 for good."""
    table, column, read = UNREADABLE[what]
    async with open_box(tmp_path) as box:
        for number in (1, 2, 3):
            message = await accept_one(box, planned(f"m{number}"), id=f"e{number}", ref=f"B-{number}")
            if number == 2:
                attempt = await begin(box, message)
                await box.spool.settle(attempt, Accepted("P2"), SENT, poll_at=NOW)
            if number == 3:
                await send(box, message, Unknown("cut"), Transition(state=State.UNKNOWN, due_at=NOW))
        await box.quarantine.keep("shop", b"{", headers={}, reason="odd")
    with closing(sqlite3.connect(tmp_path / "tether.db", isolation_level=None)) as db:
        kind = db.execute("SELECT type FROM pragma_table_info(?) WHERE name = ?", (table, column)).fetchone()[0]
        db.execute(f"UPDATE {table} SET {column} = CAST('z' AS {kind})")
    async with open_box(tmp_path) as box:
        told: list[StorageDamaged] = []
        box.when_damaged(told.append)
        with pytest.raises(StorageDamaged):
            await read(box)
        assert len(told) == 1


async def test_a_message_that_can_not_be_read_is_mended_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bounded look did not come so far: each start ended over the same message, until systemd gave up."""
    settings = Settings(file=tmp_path / "tether.toml")
    monkeypatch.setattr(recover, "LOOK_SECONDS", -1.0)

    def service() -> AbstractAsyncContextManager[Service]:
        return open_service(settings, clock=FakeClock(), rng=random.Random(1), reread=lambda: settings)

    async with service() as started:
        await accept_one(started.box, planned("m1"), id="e1", ref="B-1")
        await accept_one(started.box, planned("m2"), id="e2", ref="B-2")
    with closing(sqlite3.connect(settings.database, isolation_level=None)) as db:
        db.execute("UPDATE message SET body = CAST('z' AS BLOB) WHERE id = 'm1'")
    assert await make_sound(settings.database, FakeClock()) is None
    async with service() as started:
        with pytest.raises(StorageDamaged):
            await started.box.spool.due("twilio", now=NOW, limit=9)
        assert started.stop.is_set()
    recovered = await make_sound(settings.database, FakeClock())
    assert recovered is not None
    assert recovered.trouble == "message 1: its body can't be read"
    async with service() as started:
        assert await due_ids(started.box) == ["m2"]


async def test_staff_hear_of_it_at_each_start_until_they_say_that_they_know(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"])
        await shop.start()
        assert await shop.post(event(1)) == 202
        await shop.stop()
        (tmp_path / "tether.db").write_text("not a database")
        for _ in range(2):
            await shop.start()
            [trouble] = [each for each in (await shop.get("/v1/status"))["trouble"] if each["what"] == "database"]
            assert "the database was damaged (file is not a database); saved were 0 orders" in trouble["why"]
            await shop.stop()
        await shop.start()
        said = shop.tether("status", "--seen", check=False)
        assert "the database was damaged (" not in said.stdout
        assert "opt-outs may be lost with it: texts to customers wait" in said.stdout
        assert "texts go out again" in shop.tether("restore", "--confirm").stdout
        await shop.stop()
        await shop.start()
        assert (await shop.get("/v1/status"))["trouble"] == []
        assert [each["kind"] for each in (await shop.get("/v1/audit", kind="database"))["items"]] == [
            "database.recovery_seen",
            "database.recovered",
        ]
