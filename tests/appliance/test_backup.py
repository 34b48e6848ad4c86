"""Backups and the way back, on real files: what is restored is proved, what may have been sent since is not sent again."""

import random
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from daemon.appliance.opening import openers_of
from daemon.appliance.restore import Candidate, Wanted, candidate
from daemon.config import Backup, ConfigError, Settings
from daemon.keys.keyring import keyring
from daemon.upkeep.archive import Manifest, config_of, pack
from daemon.upkeep.backup import back_up
from daemon.upkeep.backup_note import last_backup
from daemon.upkeep.backup_store import Folder, keeping
from daemon.upkeep.errors import BackupError
from daemon.upkeep.seal import seal, unseal
from daemon.upkeep.seal_header import Header
from outbox.errors import AlreadyRunning
from outbox.model import State
from outbox.outcome import Accepted
from outbox.pages import cursor_of
from outbox.proof import prove, trouble_with
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import MAIL, SENT, accept_one, due_ids, open_own_box, planned, send, state_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "tether.toml").write_text('[store]\nname = "Balloon Loft"\n[backup]\nto = "kept"\n')
    return Settings(file=tmp_path / "tether.toml", backup=Backup(to="kept", keep=3))


async def a_day(folder: Path, clock: FakeClock) -> None:
    """One message sent, one that waits, one that is under way, one for tomorrow."""
    async with open_own_box(folder, clock) as box:
        await send(box, await accept_one(box, planned("sent"), id="e1", ref="B-1"), Accepted("P1"), SENT)
        await accept_one(box, planned("waits"), id="e2", ref="B-2")
        away = await accept_one(box, planned("away"), id="e3", ref="B-3")
        await box.spool.begin(away.seq, channel="twilio", via_index=0, medium="sms", address="+447700900123")
        await accept_one(box, planned("later", due_at=clock.now() + 86_400_000), id="e4", ref="B-4")
        await box.consent.stop("sms", "+447700900999", reason="STOP", actor="customer")


async def made(settings: Settings, clock: FakeClock) -> str:
    async with keeping(settings, clock) as store:
        return (await back_up(settings, store, clock)).name


def brought(settings: Settings, name: str, clock: FakeClock):  # type: ignore[no-untyped-def]
    async def fetch(target: Path, most: int) -> None:
        shutil.copyfile(settings.folder / "kept" / name, target)

    wanted = Wanted(name=name, openers=openers_of(settings), is_kept=True)
    return candidate(settings, wanted, fetch, clock=clock, rng=random.Random(3))


def opened(settings: Settings, name: str) -> Path:
    """The archive's own files, in a folder."""
    keys = keyring(settings)
    plain, folder = settings.folder / "plain.tar.gz", settings.folder / "unpacked"
    unseal(settings.folder / "kept" / name, name, plain, keys.trusts, [keys.own.identity])
    folder.mkdir()
    subprocess.run(["tar", "-xzf", plain, "-C", folder], check=True)
    return folder


def sealed_again(settings: Settings, name: str, folder: Path) -> None:
    """What a box with a failing disk, or a bug, might sign: its own seal on files that are not what they should be."""
    key = keyring(settings).own
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    archive = settings.folder / "again.tar.gz"
    pack(archive, folder / "tether.db", None, release="0.1.0", made_at=manifest.made_at, proof=manifest.proof)
    target = settings.folder / "kept" / name
    target.unlink()
    header = Header(name=name, release="0.1.0", made_at=manifest.made_at, key=key.public, epoch="", seq=0, hash="")
    seal(archive, target, key, (), header)


async def test_what_is_restored_is_what_was_there(settings: Settings) -> None:
    clock = FakeClock()
    await a_day(settings.folder, clock)
    before = prove(settings.database)
    name = await made(settings, clock)
    settings.database.unlink()
    async with brought(settings, name, clock) as found:
        assert found.proved.manifest.proof == before
        restored = await found.put_in_place(send_waiting=True)
    assert restored.aside is None
    assert restored.proof.first_bad is None
    async with open_own_box(settings.folder, clock) as box:
        since = await box.audit.list(limit=500, oldest_first=True, cursor=cursor_of(before.entries))
        kinds = [row.kind for row in since.items]
        assert kinds == ["epoch.began", "attempt.unknown", "message.unknown", "promises.carried", "backup.restored"]
        assert await box.consent.blocked("sms", "+447700900999")
        assert (await box.audit.verify()).ok
        assert await due_ids(box, now=clock.now()) == ["waits"]


async def test_what_is_made_after_a_repair_that_lost_an_entry_can_be_restored(settings: Settings) -> None:
    """Each night's backup was made, and none of them could be put back."""
    clock = FakeClock()
    await a_day(settings.folder, clock)
    with closing(sqlite3.connect(settings.database, isolation_level=None)) as db:
        db.execute("DELETE FROM audit WHERE seq = 3")
    name = await made(settings, clock)
    async with brought(settings, name, clock) as found:
        restored = await found.put_in_place(send_waiting=False)
    assert (restored.proof.first_bad, restored.proof.counts["message"]) == (3, 4)


async def test_what_may_have_been_sent_since_is_not_sent_again(settings: Settings) -> None:
    clock = FakeClock()
    await a_day(settings.folder, clock)
    name = await made(settings, clock)
    await clock.advance(600)
    async with brought(settings, name, clock) as found:
        assert (found.proved.doubtful, found.proved.later) == (2, 1)
        assert (await found.put_in_place(send_waiting=False)).cancelled == 2
    async with open_own_box(settings.folder, clock) as box:
        states = {id: await state_of(box, id) for id in ("sent", "waits", "away", "later")}
        assert states == {
            "sent": State.SENT,
            "waits": State.CANCELLED,
            "away": State.CANCELLED,
            "later": State.QUEUED,
        }
        await box.spool.retry("waits", actor="ada")
        assert await due_ids(box, now=clock.now()) == ["waits"]


async def test_by_a_clock_before_the_backup_nothing_counts_as_not_due_yet(settings: Settings) -> None:
    """A new machine without the time: what waited then was kept as due in fifty years, and sent again once the time was set."""
    clock = FakeClock()
    await a_day(settings.folder, clock)
    name = await made(settings, clock)
    settings.database.unlink()
    clock.step(-clock.now() / 1000)
    async with brought(settings, name, clock) as found:
        assert (found.proved.doubtful, found.proved.later) == (3, 0)
        assert (await found.put_in_place(send_waiting=False)).cancelled == 3
    clock.step(1_795_600_000)
    async with open_own_box(settings.folder, clock) as box:
        assert await due_ids(box, now=clock.now()) == []


async def test_a_restored_database_begins_another_epoch(settings: Settings) -> None:
    clock = FakeClock()
    await a_day(settings.folder, clock)
    name = await made(settings, clock)
    async with brought(settings, name, clock) as found:
        restored = await found.put_in_place(send_waiting=False)
    with closing(sqlite3.connect(settings.database)) as db:
        epochs = db.execute("SELECT id, reason FROM epoch ORDER BY first_seq").fetchall()
    assert len(epochs) == 2
    assert epochs[1] == (restored.epoch, f"restored from {name}")


async def test_what_it_replaces_is_kept_aside_and_can_be_opened(settings: Settings) -> None:
    clock = FakeClock()
    await a_day(settings.folder, clock)
    name = await made(settings, clock)
    async with open_own_box(settings.folder, clock) as box:
        await accept_one(box, planned("newer"), id="e9", ref="B-9")
    async with brought(settings, name, clock) as found:
        restored = await found.put_in_place(send_waiting=False)
    assert restored.aside is not None
    assert trouble_with(restored.aside, whole=True) == ""
    assert prove(restored.aside).counts["message"] == 5
    assert prove(settings.database).counts["message"] == 4


async def test_a_look_at_a_backup_changes_nothing(settings: Settings) -> None:
    clock = FakeClock()
    await a_day(settings.folder, clock)
    name = await made(settings, clock)
    before = settings.database.read_bytes()
    async with brought(settings, name, clock) as found:
        assert found.proved.manifest.proof.counts["message"] == 4
    assert settings.database.read_bytes() == before
    assert not list(settings.folder.glob(".tether-*"))


async def test_it_is_refused_while_the_service_runs(settings: Settings) -> None:
    clock = FakeClock()
    await a_day(settings.folder, clock)
    name = await made(settings, clock)
    async with open_own_box(settings.folder, clock):
        with pytest.raises(AlreadyRunning):
            await _enter(settings, name, clock)


async def _enter(settings: Settings, name: str, clock: FakeClock) -> Candidate:
    async with brought(settings, name, clock) as found:
        return found


async def test_a_backup_is_made_while_others_write(settings: Settings) -> None:
    clock = FakeClock()
    await a_day(settings.folder, clock)
    async with open_own_box(settings.folder, clock) as box:
        await accept_one(box, planned("one"), id="e10", ref="B-10")
        name = await made(settings, clock)
        await accept_one(box, planned("two"), id="e11", ref="B-11")
    async with brought(settings, name, clock) as found:
        assert found.proved.manifest.proof.counts["message"] == 5


async def test_the_oldest_go(settings: Settings) -> None:
    clock = FakeClock()
    await a_day(settings.folder, clock)
    (settings.folder / "kept").mkdir()
    other = settings.folder / "kept" / "holiday.jpg"
    other.write_text("not ours")
    names = []
    for _ in range(5):
        names.append(await made(settings, clock))
        await clock.advance(86_400)
    async with keeping(settings, clock) as store:
        assert list(await store.names()) == names[-3:]
    assert other.exists()


async def test_what_a_clock_that_was_ahead_named_is_not_the_newest_for_good(settings: Settings) -> None:
    """The stick was read as two years later for a week: from then on each new backup took the place of the one before it."""
    clock = FakeClock()
    await a_day(settings.folder, clock)
    ahead = FakeClock(clock.now() + 730 * 86_400_000)
    early = []
    for _ in range(3):
        early.append(await made(settings, ahead))
        await ahead.advance(86_400)
    names: list[str] = []
    for _ in range(3):
        names.append(await made(settings, clock))
        async with keeping(settings, clock) as store:
            assert (await store.names())[-1] == names[-1]
        await clock.advance(86_400)
    async with keeping(settings, clock) as store:
        assert list(await store.names()) == names
    assert not {*early} & {*names}
    async with keeping(settings, FakeClock(0)) as store:
        assert list(await store.names()) == names, "a new card's clock is not set: all lie ahead"


async def test_a_backup_holds_the_configuration_and_no_secret(settings: Settings) -> None:
    (settings.folder / ".env").write_text("TWILIO_AUTH_TOKEN=hush-hush-hush\n")
    await a_day(settings.folder, FakeClock())
    name = await made(settings, FakeClock())
    unpacked = opened(settings, name)
    assert config_of(settings.folder / "plain.tar.gz") == (settings.folder / "tether.toml").read_text()
    assert sorted(path.name for path in unpacked.iterdir()) == ["manifest.json", "tether.db", "tether.toml"]
    assert not any(b"hush-hush-hush" in path.read_bytes() for path in unpacked.iterdir())


async def test_it_is_for_the_owner_alone(settings: Settings) -> None:
    await a_day(settings.folder, FakeClock())
    archive = settings.folder / "kept" / await made(settings, FakeClock())
    assert archive.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("place", ["middle", "cut", "nonsense"])
async def test_a_spoilt_backup_is_refused_and_nothing_is_replaced(settings: Settings, place: str) -> None:
    clock = FakeClock()
    await a_day(settings.folder, clock)
    name = await made(settings, clock)
    archive = settings.folder / "kept" / name
    whole = bytearray(archive.read_bytes())
    if place == "middle":
        whole[len(whole) // 2] ^= 0xFF
    elif place == "cut":
        del whole[-200:]
    else:
        whole = bytearray(b"\x00" * 1000)
    archive.write_bytes(whole)
    before = settings.database.read_bytes()
    with pytest.raises(BackupError):
        await _enter(settings, name, clock)
    assert settings.database.read_bytes() == before


async def test_a_backup_whose_audit_was_changed_is_refused(settings: Settings) -> None:
    """The seal is right and an entry was changed: the chain and the manifest's head still tell."""
    clock = FakeClock()
    await a_day(settings.folder, clock)
    name = await made(settings, clock)
    folder = opened(settings, name)
    with sqlite3.connect(folder / "tether.db") as db:
        db.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 2")
    db.close()
    sealed_again(settings, name, folder)
    with pytest.raises(BackupError, match="audit does not hold from entry 2"):
        await _enter(settings, name, clock)


async def test_a_backup_that_lacks_rows_is_refused(settings: Settings) -> None:
    clock = FakeClock()
    await a_day(settings.folder, clock)
    name = await made(settings, clock)
    folder = opened(settings, name)
    with sqlite3.connect(folder / "tether.db") as db:
        db.execute("DELETE FROM consent")
    db.close()
    sealed_again(settings, name, folder)
    with pytest.raises(BackupError, match="does not hold what its manifest says"):
        await _enter(settings, name, clock)


async def test_a_backup_of_a_newer_tether_is_refused(settings: Settings) -> None:
    clock = FakeClock()
    await a_day(settings.folder, clock)
    with sqlite3.connect(settings.database) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    name = await made(settings, clock)
    with pytest.raises(BackupError, match="install that one first"):
        await _enter(settings, name, clock)


async def test_a_damaged_database_is_not_backed_up_and_no_older_backup_goes(settings: Settings) -> None:
    clock = FakeClock()
    await a_day(settings.folder, clock)
    first = await made(settings, clock)
    size = settings.database.stat().st_size
    with settings.database.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xa5" * (size // 4))
    await clock.advance(60)
    with pytest.raises(Exception, match="damaged"):
        await made(settings, clock)
    assert [path.name for path in (settings.folder / "kept").iterdir()] == [first]
    noted = last_backup(settings)
    assert noted is not None
    assert "damaged" in noted.error
    assert noted.succeeded_at == clock.now() - 60_000


async def test_a_stick_that_is_not_there_is_not_replaced_by_the_card(settings: Settings, tmp_path: Path) -> None:
    await a_day(settings.folder, FakeClock())
    stick = tmp_path / "media" / "usb"
    elsewhere = msgspec.structs.replace(settings, backup=Backup(to=str(stick)))
    with pytest.raises(BackupError, match="is the stick plugged in"):
        await made(elsewhere, FakeClock())
    assert not stick.exists()


async def test_a_stick_that_forgets_what_it_is_given_is_noticed(settings: Settings) -> None:
    """It takes every write and gives back another file."""

    class Forgetful(Folder):
        async def get(self, name: str, target: Path, *, most: int | None = None) -> None:
            target.write_bytes((settings.folder / "kept" / name).read_bytes()[:-500])

    clock = FakeClock()
    await a_day(settings.folder, clock)
    (settings.folder / "kept").mkdir()
    with pytest.raises(BackupError):
        await back_up(settings, Forgetful(settings.folder / "kept", clock), clock)


async def test_without_a_place_it_says_where_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[backup\] to"):
        await made(Settings(file=tmp_path / "tether.toml"), FakeClock())


async def test_mail_addresses_of_a_forgotten_person_leave_the_next_backup(settings: Settings) -> None:
    clock = FakeClock()
    await a_day(settings.folder, clock)
    async with open_own_box(settings.folder, clock) as box:
        await box.people.forget("+447700900123", actor="owner")
    content = (opened(settings, await made(settings, clock)) / "tether.db").read_bytes()
    assert MAIL.encode() not in content
    assert b"447700900123" not in content
