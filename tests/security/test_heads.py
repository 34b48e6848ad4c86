"""Somebody with root's patience and the database's file: they cut off what shows them, and compute the chain anew, so that it holds.

What the record ended with before is in the heartbeat's log, in a mail, on the stick: that they can't call back, and the key that signed
it is not in the database.
"""

import asyncio
import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import msgspec
import pytest

from daemon.appliance.opening import openers_of
from daemon.appliance.restore import Wanted, candidate
from daemon.config import Backup, Settings
from daemon.keys.box_key import BoxKey
from daemon.keys.heads import Head, heads_in, signed, vouch
from daemon.keys.keyring import keyring
from daemon.upkeep.backup import back_up
from daemon.upkeep.backup_store import keeping
from daemon.upkeep.heads import RecordHeads, compared, heads_of_file, heads_path, note, told
from daemon.upkeep.recover import make_sound, record
from outbox.audit import verify_export
from outbox.chain import START, link
from outbox.errors import StorageDamaged
from outbox.heads import Break, End, Standing, newest_end
from outbox.proof import prove
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import open_own_box
from tests.support.shop import open_shop

EVIL = BoxKey.from_words("legal winner thank year wave sausage worth useful legal winner thank yellow")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(file=tmp_path / "tether.toml", backup=Backup(to="kept"))


async def recorded(settings: Settings, entries: int, clock: FakeClock | None = None) -> Head:
    """So many entries more, and the head that went out after them."""
    async with open_own_box(settings.folder, clock) as box:
        for number in range(entries):
            await box.audit.append("channel.paused", detail={"n": number})
        head = await RecordHeads(box, lambda: settings, clock or FakeClock()).told()
    assert head is not None
    return head


async def test_a_note_that_was_damaged_takes_the_next_head(settings: Settings) -> None:
    """A dying card: the service ended at each beat of the heart."""
    await recorded(settings, 3)
    heads_path(settings).write_bytes(b"\xa5" * 512)
    later = await recorded(settings, 3)
    assert list(told(settings, keyring(settings)).ends) == [later.end]


def cut_and_rehashed(database: Path, entries: int) -> None:
    """Take the newest entries away, change one before, and make the chain hold again."""
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        last = db.execute("SELECT max(seq) FROM audit").fetchone()[0] - entries
        db.execute("DELETE FROM audit WHERE seq > ?", (last,))
        db.execute("UPDATE audit SET actor = 'nobody' WHERE seq = ?", (last,))
        (epoch,) = db.execute("SELECT id FROM epoch ORDER BY first_seq LIMIT 1").fetchone()
        before = START
        rows = db.execute("SELECT seq, at, kind, actor, order_ref, message_id, detail FROM audit ORDER BY seq")
        for row in rows.fetchall():
            before = link(before, epoch, *row)
            db.execute("UPDATE audit SET hash = ? WHERE seq = ?", (before, row[0]))
    assert prove(database).first_bad is None


async def test_a_beginning_that_was_cut_off_is_found(settings: Settings) -> None:
    """Whoever writes to the database says that headquarters has what they take away."""
    await recorded(settings, 30)
    with closing(sqlite3.connect(settings.database, isolation_level=None)) as db:
        (hash,) = db.execute("SELECT hash FROM audit WHERE seq = 20").fetchone()
        db.execute("DELETE FROM audit WHERE seq <= 20")
        base = json.dumps({"seq": 20, "hash": hash.hex()})
        db.execute("INSERT INTO note (key, value) VALUES ('audit.base', ?)", (base,))
    assert prove(settings.database).first_bad == 21


@pytest.mark.parametrize("note", ["{", "[]", '{"seq": "x"}', '{"seq": 20, "hash": "zz"}'])
async def test_a_note_of_the_beginning_that_is_none_is_damage(settings: Settings, note: str) -> None:
    """Whoever writes to the database would have the check end in a crash, which the owner takes for a fault of the program."""
    await recorded(settings, 3)
    with closing(sqlite3.connect(settings.database, isolation_level=None)) as db:
        db.execute("INSERT INTO note (key, value) VALUES ('audit.base', ?)", (note,))
    with pytest.raises(StorageDamaged, match="where the record begins"):
        prove(settings.database)


HONEST = json.dumps({"up_to": 1, "hash": START.hex()})


@pytest.mark.parametrize(
    ("detail", "first_bad"),
    [(HONEST, None)] + [(odd, 2) for odd in ("{", "[]", '"x"', "{}", '{"up_to": 1}', '{"up_to": [1], "hash": 1}')],
)
def test_a_word_for_the_beginning_that_is_none_vouches_for_nothing(detail: str, first_bad: int | None) -> None:
    """An export that somebody wrote: its chain needs no key, its beginning does not hold all the same."""
    entry = {"epoch": "e", "seq": 2, "at": 1, "kind": "audit.taken_out", "actor": "tether"}
    entry |= {"order_ref": "", "message_id": "", "detail": detail}
    digest = link(START, *entry.values()).hex()  # type: ignore[arg-type]
    lines = [{"begins_after": {"seq": 1, "hash": START.hex()}}, entry | {"hash": digest}]
    assert verify_export([json.dumps(line).encode() for line in lines]).first_bad == first_bad


def standings(settings: Settings, *heads: Head) -> list[Standing]:
    keys = keyring(settings)
    return [each.standing for each in compared(settings, [head.end for head in heads], keys)]


@pytest.mark.parametrize("layout", [{"indent": 2}, {"separators": (",", ":")}, {"sort_keys": True}])
async def test_the_api_s_answer_counts_however_it_was_laid_out(settings: Settings, layout: dict[str, object]) -> None:
    """The owner keeps what GET /v1/audit/head answered, as curl, jq or a script wrote it down."""
    head = await recorded(settings, 3)
    kept = settings.folder / "head.json"
    kept.write_text(json.dumps({"head": msgspec.to_builtins(head)}, **layout))  # type: ignore[arg-type]
    assert heads_of_file(kept, keyring(settings).trusts) == [head.end]


async def test_two_hundred_entries_cut_and_rehashed_are_found(settings: Settings) -> None:
    early = await recorded(settings, 50)
    head = await recorded(settings, 250)
    assert standings(settings, early, head) == [Standing.HOLDS, Standing.HOLDS]
    cut_and_rehashed(settings.database, 200)
    assert standings(settings, early, head) == [Standing.HOLDS, Standing.CUT]
    cut_and_rehashed(settings.database, 55)
    assert standings(settings, early, head) == [Standing.CUT, Standing.CUT]


async def test_filled_up_again_it_is_found_all_the_same(settings: Settings) -> None:
    head = await recorded(settings, 30)
    cut_and_rehashed(settings.database, 10)
    await recorded(settings, 40)
    assert standings(settings, head) == [Standing.CHANGED]


async def test_the_heads_that_went_out_are_noted_and_the_backups_tell_them_too(settings: Settings) -> None:
    """They take the note away as well: the stick still has its word."""
    await recorded(settings, 30)
    clock = FakeClock()
    async with keeping(settings, clock) as store:
        await back_up(settings, store, clock)
    keys = keyring(settings)
    assert len(told(settings, keys).ends) == 3  # the note's, the backup's, and the backup's note
    heads_path(settings).unlink()
    cut_and_rehashed(settings.database, 10)
    found = compared(settings, told(settings, keys).ends, keys)
    assert [each.standing for each in found] == [Standing.CUT]


async def test_a_head_of_their_own_counts_for_nothing(settings: Settings) -> None:
    """They cut, and write into the note a head that fits what is left."""
    head = await recorded(settings, 30)
    cut_and_rehashed(settings.database, 10)
    end = newest_end(settings.database)
    assert end is not None
    for forged in (signed(end, EVIL), msgspec.structs.replace(head, seq=end.seq, hash=end.hash)):
        note(settings, forged)
    went_out = told(settings, keyring(settings))
    assert (list(went_out.ends), went_out.forged) == ([head.end], 2)


def mailed(head: Head, encoding: str) -> str:
    """The day's mail as a mail program saves it: no line of it is longer than a server must take (RFC 5322)."""
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = "Balloon Loft: the day's record"
    mail.set_content(f"Keep this mail.\n\n{head.line}\n", cte=encoding)
    return mail.as_string()


@pytest.mark.parametrize(
    "kept",
    [
        lambda head: head.line,
        lambda head: mailed(head, "quoted-printable"),
        lambda head: mailed(head, "base64"),
        lambda head: mailed(head, "7bit"),
        lambda head: f"Dear owner,\r\n\r\nthe record:\r\n> {head.line[:70]}\r\n> {head.line[70:]}\r\n\r\nBye",
        lambda head: f"2026-11-24 POST /uuid 200\n{head.line}\n",
    ],
    ids=["line", "quoted-printable", "base64", "7bit", "quoted mail", "log"],
)
async def test_a_head_is_found_wherever_it_was_kept(settings: Settings, kept: Callable[[Head], str]) -> None:
    head = await recorded(settings, 3)
    file = settings.folder / "kept.txt"
    file.write_text(kept(head), newline="")
    assert list(heads_of_file(file, keyring(settings).trusts)) == [head.end]


@pytest.mark.parametrize(
    ("change", "why"), [("seq", "does not fit"), ("key", "does not fit"), ("other", "another box")]
)
async def test_a_kept_head_that_is_none_is_told(settings: Settings, change: str, why: str) -> None:
    head = await recorded(settings, 3)
    made = {
        "seq": msgspec.structs.replace(head, seq=2),
        "key": msgspec.structs.replace(head, key=EVIL.public),
        "other": signed(head.end, EVIL),
    }[change]
    file = settings.folder / "kept.txt"
    file.write_text(made.line)
    with pytest.raises(ValueError, match=why):
        heads_of_file(file, keyring(settings).trusts)
    file.write_text("nothing of that kind")
    with pytest.raises(ValueError, match="no head"):
        heads_of_file(file, keyring(settings).trusts)


async def restored(settings: Settings, clock: FakeClock) -> Head:
    """Backed up, gone on, and restored: the head that had gone out before."""
    await recorded(settings, 20, clock)
    async with keeping(settings, clock) as store:
        name = (await back_up(settings, store, clock)).name
    head = await recorded(settings, 15, clock)

    async def fetch(target: Path, most: int) -> None:
        shutil.copyfile(settings.folder / "kept" / name, target)

    wanted = Wanted(name=name, openers=openers_of(settings), is_kept=True)
    async with candidate(settings, wanted, fetch, clock=clock, rng=random.Random(5)) as one:
        await one.put_in_place(send_waiting=False)
    return head


async def test_what_a_restore_left_behind_is_no_alarm(settings: Settings) -> None:
    head = await restored(settings, FakeClock())
    assert standings(settings, head) == [Standing.SET_ASIDE]
    later = await recorded(settings, 30)
    assert standings(settings, head, later) == [Standing.SET_ASIDE, Standing.HOLDS]
    cut_in_the_new_epoch(settings.database)
    assert standings(settings, later) == [Standing.CUT]


def cut_in_the_new_epoch(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("DELETE FROM audit WHERE seq > (SELECT max(seq) - 5 FROM audit)")


@pytest.mark.parametrize("by", ["nobody", "a key of their own", "another break's signature"])
async def test_a_restore_that_the_box_s_key_did_not_sign_excuses_nothing(settings: Settings, by: str) -> None:
    """They cut, begin an epoch, and write that a restore did it."""
    clock = FakeClock()
    head = await recorded(settings, 40, clock)
    cut_and_rehashed(settings.database, 30)
    async with open_own_box(settings.folder, clock) as box:
        kept = await box.audit.end()
        epoch = await box.audit.begin_epoch("restored from tether-20261124T000000Z.backup")
        lie = Break(epoch, kept, head.end, clock.now())
        own = keyring(settings).own
        detail = {
            "nobody": {"vouched": {**msgspec.to_builtins(lie), "key": own.public, "signature": ""}},
            "a key of their own": vouch(EVIL, "backup.restored", lie),
            "another break's signature": {
                "vouched": {
                    **msgspec.to_builtins(lie),
                    "key": own.public,
                    "signature": vouch(own, "database.recovered", lie)["vouched"]["signature"],
                }
            },
        }[by]
        await box.audit.append("backup.restored", detail=detail)
    assert standings(settings, head) == [Standing.CHANGED if newest(settings) >= head.seq else Standing.CUT]


@pytest.mark.parametrize("detail", ["", "{", "[]", "1", '{"vouched": {"at": {}}}'])
async def test_a_restore_in_words_that_nobody_can_read_excuses_nothing(settings: Settings, detail: str) -> None:
    """They write the entry into the file by hand, so that the check ends in a traceback instead of its finding."""
    head = await recorded(settings, 40, FakeClock())
    with closing(sqlite3.connect(settings.database, isolation_level=None)) as db:
        db.execute(
            "UPDATE audit SET kind = 'backup.restored', detail = ? WHERE seq = (SELECT max(seq) - 1 FROM audit)",
            (detail,),
        )
        db.execute("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
    assert standings(settings, head) == [Standing.CUT]


def newest(settings: Settings) -> int:
    end = newest_end(settings.database)
    return end.seq if end else 0


async def test_what_was_lost_to_damage_is_no_alarm_either(settings: Settings) -> None:
    clock = FakeClock()
    head = await recorded(settings, 400, clock)
    with closing(sqlite3.connect(settings.database)) as db:
        size = db.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(settings.database.read_bytes())
    at = content.rindex(b'{"n":399}') // size * size
    content[at : at + size] = b"\xa5" * size
    settings.database.write_bytes(content)
    recovered = await make_sound(settings.database, clock)
    assert recovered is not None
    async with open_own_box(settings.folder, clock) as box:
        await record(box, recovered, keyring(settings).own, clock)
    assert standings(settings, head) == [Standing.SET_ASIDE]


async def test_the_commands_find_it(tmp_path: Path) -> None:
    """As an owner types them: with the mail they kept, and with what went out by itself."""
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"], extra='[backup]\nto = "kept"\n')
        for name in ("till-1", "till-2", "till-3"):
            await asyncio.to_thread(shop.tether, "token", "new", name, "--scope", "events")
        await asyncio.to_thread(shop.tether, "backup")
        export = tmp_path / "audit.jsonl"
        await asyncio.to_thread(shop.tether, "audit", "export", "--output", str(export))
        (tmp_path / "mail.txt").write_text(export.read_text().splitlines()[-1])
        good = await asyncio.to_thread(shop.tether, "audit", "verify", "--head", str(tmp_path / "mail.txt"))
        assert "the record holds" in good.stdout
        cut_and_rehashed(tmp_path / "tether.db", 2)
        for arguments in ([], ["--head", str(tmp_path / "mail.txt")], ["--head", str(export)]):
            found = await asyncio.to_thread(shop.tether, "audit", "verify", *arguments, check=False)
            assert (found.returncode, "the record ends before it" in found.stderr) == (1, True), found.stderr
        doctor = await asyncio.to_thread(shop.tether, "doctor", "--offline", "--json", check=False)
        problems = [each["summary"] for each in json.loads(doctor.stdout) if each["level"] == "problem"]
        assert any("entries were cut off" in summary for summary in problems)


async def test_an_export_says_by_its_head_that_it_is_whole(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"])
        for name in ("till-1", "till-2", "till-3"):
            await asyncio.to_thread(shop.tether, "token", "new", name, "--scope", "events")
        export = tmp_path / "audit.jsonl"
        await asyncio.to_thread(shop.tether, "audit", "export", "--output", str(export))
        lines = export.read_text().splitlines(keepends=True)
        (head,) = heads_in(lines[-1])
        assert head.end.seq == len(lines) - 1

        async def said(*kept: str) -> tuple[int, str]:
            export.write_text("".join(kept))
            done = await asyncio.to_thread(shop.tether, "audit", "verify", "--file", str(export), check=False)
            return done.returncode, done.stdout + done.stderr

        assert "its head is signed by this box" in (await said(*lines))[1]
        assert await said(*lines[:-1]) == (
            1,
            "tether: it ends without a signed head: its end was cut off, or an earlier release made it\n",
        )
        assert "entries were changed, added or cut off" in (await said(*lines[:-2], lines[-1]))[1]
        assert "behind the signed head" in (await said(*lines, lines[-2]))[1]
        begins = json.dumps({"begins_after": {"seq": 1, "hash": json.loads(lines[0])["hash"]}})
        assert "entry 2 does not follow" in (await said(begins + "\n", *lines[1:]))[1], "its beginning was cut off"
        forged = signed(End(head.epoch, head.seq - 1, json.loads(lines[-3])["hash"], head.at), EVIL)
        assert f"signed by {EVIL.public}: compare" in (await said(*lines[:-2], forged.line + "\n"))[1]
        sheet = tmp_path / "audit.csv"
        await asyncio.to_thread(shop.tether, "audit", "export", "--format", "csv", "--output", str(sheet))
        assert "record.head" in sheet.read_text().splitlines()[-1]
