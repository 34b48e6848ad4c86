"""A backup that is not made is known, with the reason: to whoever asked for it, and beside the database to the doctor and the team's watch."""

import errno
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
import structlog

from daemon.appliance.doctor import examine
from daemon.config import Backup, ConfigError, Settings
from daemon.runtime.housekeeping import Housekeeping
from daemon.upkeep import mounts as mount_tables
from daemon.upkeep.backup import back_up, back_up_there
from daemon.upkeep.backup_note import backup_trouble, last_backup
from daemon.upkeep.backup_store import Folder
from daemon.upkeep.errors import BackupError
from tests.appliance.test_doctor import examination
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import accept_one, open_own_box


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "tether.toml").touch()
    return Settings(file=tmp_path / "tether.toml", backup=Backup(to="kept"))


async def a_shop(folder: Path, clock: FakeClock) -> None:
    async with open_own_box(folder, clock) as box:
        await accept_one(box)


@pytest.mark.parametrize(
    ("to", "words"),
    [("s3://loft", "BACKUP_ACCESS_KEY_ID"), ("tether.toml/kept", "Not a directory"), ("/dev/null", "is not there")],
)
async def test_whatever_keeps_a_backup_from_being_made_is_noted(settings: Settings, to: str, words: str) -> None:
    """The doctor and the team went on hearing of the last one that was."""
    clock = FakeClock()
    await a_shop(settings.folder, clock)
    await back_up_there(settings, clock)
    elsewhere = msgspec.structs.replace(settings, backup=Backup(to=to))
    with pytest.raises((BackupError, ConfigError), match=words):
        await back_up_there(elsewhere, clock)
    noted = last_backup(settings)
    assert noted is not None
    assert words in noted.error
    assert noted.succeeded_at == clock.now()


async def test_backups_that_were_never_made_are_told(settings: Settings) -> None:
    """Their timer was never enabled, and only who asked the doctor knew."""
    clock = FakeClock()
    await a_shop(settings.folder, clock)
    os.utime(settings.folder / "tether.toml", (clock.now() / 1000, clock.now() / 1000))
    clock.step(2 * 86_400)
    assert backup_trouble(settings, clock.now()) == ""
    clock.step(86_400)
    assert backup_trouble(settings, clock.now()).startswith("no backup was ever made")
    await back_up_there(settings, clock)
    assert backup_trouble(settings, clock.now()) == ""


@pytest.mark.parametrize("days", [365, None])
async def test_no_wrong_clock_and_no_missing_file_hides_that_none_was_made(
    settings: Settings, days: int | None
) -> None:
    """The configuration was written by a clock that was a year ahead, or is gone since: nothing would have been said until then."""
    clock = FakeClock()
    await a_shop(settings.folder, clock)
    file = settings.folder / "tether.toml"
    if days is None:
        file.unlink()
    else:
        os.utime(file, (clock.now() / 1000 + days * 86_400,) * 2)
    assert backup_trouble(settings, clock.now()).startswith("no backup was ever made")


async def test_a_mount_point_without_its_stick_is_no_place_for_backups(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stick came off, its folder is still there and the service's own: backups went to the card, and everybody was told that they were made."""
    stick = tmp_path / "my stick"
    (stick / "loft").mkdir(parents=True)
    named = str(stick).replace(" ", r"\040")
    table, mounts = tmp_path / "fstab", tmp_path / "mountinfo"
    table.write_text(f"# the shop's\nUUID=1 / ext4 defaults 0 1\nUUID=2 none swap\nUUID=3 {named} vfat nofail 0 0\n")
    mounts.write_text("21 1 8:2 / / rw - ext4 /dev/root rw\n")
    monkeypatch.setattr(mount_tables, "TO_BE_MOUNTED", table)
    monkeypatch.setattr(mount_tables, "MOUNTED", mounts)
    clock = FakeClock()
    await a_shop(settings.folder, clock)
    away = msgspec.structs.replace(settings, backup=Backup(to=str(stick / "loft")))
    with pytest.raises(BackupError, match=r"nothing is mounted at .*my stick: is the stick plugged in"):
        await back_up_there(away, clock)
    assert list((stick / "loft").iterdir()) == []
    with mounts.open("a") as file:
        file.write(f"36 21 8:17 / {named} rw,relatime - vfat /dev/sda1 rw\n")
    assert (await back_up_there(away, clock)).name
    await back_up_there(settings, clock)


async def test_a_backup_leaves_the_room_that_events_need(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it was made, tills were told that the disk is full."""
    clock = FakeClock()
    await a_shop(settings.folder, clock)
    disk, size = os.statvfs(settings.folder), settings.database.stat().st_size
    free = settings.data.reserve + size
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=free, f_frsize=1, f_flag=disk.f_flag))
    with pytest.raises(BackupError, match="make room"):
        await back_up_there(settings, clock)
    free += 2 * size
    await back_up_there(settings, clock)


def test_a_folder_that_the_service_may_write_to_is_no_disk_by_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd binds what stands in ReadWritePaths (/media, /mnt) onto itself: whoever has their stick at /mnt itself always saw it mounted."""
    stick, table, mounts = tmp_path / "mnt", tmp_path / "fstab", tmp_path / "mountinfo"
    stick.mkdir()
    table.write_text(f"UUID=3 {stick} vfat nofail 0 0\n")
    mounts.write_text(f"21 1 8:2 / / rw - ext4 /dev/root rw\n40 21 8:2 {stick} {stick} rw - ext4 /dev/root rw\n")
    monkeypatch.setattr(mount_tables, "TO_BE_MOUNTED", table)
    monkeypatch.setattr(mount_tables, "MOUNTED", mounts)
    with pytest.raises(BackupError, match="nothing is mounted at"):
        Folder(stick, FakeClock()).workspace()
    with mounts.open("a") as file:
        file.write(f"41 40 8:17 / {stick} rw - vfat /dev/sda1 rw\n")
    assert Folder(stick, FakeClock()).workspace() == stick


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "may the service's user write there"),
        (errno.EROFS, "systemd lets the service write below /media and /mnt only"),
    ],
)
async def test_a_stick_that_may_not_be_written_to_is_noted(settings: Settings, number: int, remedy: str) -> None:
    """Its mount point is there without it, and root's."""

    class Roots(Folder):
        async def names(self) -> Sequence[str]:
            raise OSError(number, os.strerror(number), "/media/usb")

    clock = FakeClock()
    await a_shop(settings.folder, clock)
    (settings.folder / "kept").mkdir()
    with pytest.raises(BackupError, match=f"/media/usb can't be written: {os.strerror(number)}: {remedy}"):
        await back_up(settings, Roots(settings.folder / "kept", clock), clock)
    noted = last_backup(settings)
    assert noted is not None
    assert os.strerror(number) in noted.error


async def test_a_stick_whose_files_are_all_root_s_keeps_a_backup(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAT knows neither owners nor modes: the service may write there, by how it is mounted (umask=000), and change the mode of nothing."""

    def not_mine(path: Path, mode: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))

    clock = FakeClock()
    await a_shop(settings.folder, clock)
    monkeypatch.setattr(Path, "chmod", not_mine)
    made = await back_up_there(settings, clock)
    assert [path.name for path in (settings.folder / "kept").iterdir()] == [made.name]
    assert backup_trouble(settings, clock.now()) == ""


async def test_a_stick_that_dies_while_it_is_written_to_is_noted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(file: object, content: bytes) -> int:
        raise OSError(errno.EIO, "Input/output error")

    clock = FakeClock()
    await a_shop(settings.folder, clock)
    monkeypatch.setattr("daemon.upkeep.seal._Hashing.write", dying)
    with pytest.raises(BackupError, match="is the stick full, or dying"):
        await back_up_there(settings, clock)
    noted = last_backup(settings)
    assert noted is not None
    assert "is the stick full, or dying" in noted.error


async def test_what_can_t_be_noted_leaves_the_note_before(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk made it empty: as if there had been neither a backup nor a failure."""
    clock = FakeClock()
    await a_shop(settings.folder, clock)
    await back_up_there(settings, clock)
    before = last_backup(settings)

    def full(path: Path, content: bytes) -> int:
        path.open("wb").close()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BackupError, match="is not there"):
        await back_up_there(msgspec.structs.replace(settings, backup=Backup(to="/dev/null")), clock)
    assert last_backup(settings) == before


async def test_a_home_that_nobody_has_ends_neither_the_service_nor_the_doctor(settings: Settings) -> None:
    """Five minutes after each start the service ended of it; the doctor said that this should not have happened, and nothing else."""
    elsewhere = msgspec.structs.replace(settings, backup=Backup(to="~nobody-of-that-name/kept"))
    clock = FakeClock()
    await a_shop(settings.folder, clock)
    async with open_own_box(settings.folder, clock) as box:
        assert await Housekeeping(box, lambda: elsewhere, clock, lambda: True).round() == 0
    async with examination(elsewhere, clock=clock) as case:
        found = await examine(case)
    assert {each.check for each in found} > {"permissions", "clock", "database"}
    assert not [each for each in found if "should not have happened" in each.summary]
    [told] = [each for each in found if each.check == "config"]
    assert "backup.to: '~nobody-of-that-name/kept'" in told.summary


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")
@pytest.mark.parametrize(("mode", "left_out"), [(0o644, "nl/order.ready.sms.j2"), (0o311, "nl")])
async def test_texts_that_the_service_may_not_look_at_cost_no_backup(mode: int, left_out: str) -> None:
    """A folder of them that may be listed and not entered (`chmod -R 644`): each night's failed, "may the service's user write there?". One that
    may not be listed was left out without a word."""
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        os.chown(folder, 1, 2)
        for locale in ("nl", "en"):
            (folder / "templates" / locale).mkdir(parents=True)
            (folder / "templates" / locale / "order.ready.sms.j2").write_text("{{ order.ref }}")
        (folder / "templates").chmod(0o755)
        (folder / "templates/nl").chmod(mode)
        clock, settings = FakeClock(), Settings(file=folder / "tether.toml", backup=Backup(to="kept"))
        os.seteuid(1)
        try:
            await a_shop(folder, clock)
            with structlog.testing.capture_logs() as told:
                await back_up_there(settings, clock)
        finally:
            os.seteuid(0)
        [said] = [each["texts"] for each in told if "own texts are not in the backup" in each["event"]]
        assert said == [left_out]
