"""A store whose database lies on a disk of its own (a USB SSD), which a card outlives: it is not begun anew on the card while that is away."""

import random
from pathlib import Path

import pytest

from daemon.appliance.checks.database import check_database
from daemon.appliance.finding import Level
from daemon.appliance.opening import Openers
from daemon.appliance.restore import Wanted, candidate
from daemon.config import Data, Settings
from daemon.runtime.app import open_offline, serve
from daemon.upkeep import mounts as tables
from daemon.upkeep.errors import BackupError
from outbox.clock import SystemClock
from outbox.errors import StorageBusy
from tests.appliance.test_doctor import examination


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it should be mounted, and is not: it came too late (nofail), or not at all."""
    ssd = tmp_path / "ssd"
    ssd.mkdir()
    (tmp_path / "fstab").write_text(f"UUID=1 / ext4 defaults 0 1\nUUID=2 {ssd} ext4 nofail 0 2\n")
    (tmp_path / "mountinfo").write_text("21 1 8:2 / / rw - ext4 /dev/root rw\n")
    monkeypatch.setattr(tables, "TO_BE_MOUNTED", tmp_path / "fstab")
    monkeypatch.setattr(tables, "MOUNTED", tmp_path / "mountinfo")
    return ssd


@pytest.fixture
def settings(tmp_path: Path, disk: Path) -> Settings:
    return Settings(file=tmp_path / "tether.toml", data=Data(path=disk / "tether.db"))


async def test_neither_the_service_nor_a_command_begins_anew_on_the_card(settings: Settings, disk: Path) -> None:
    """Orders and opt-outs seemed gone, and new ones were beneath the disk once it was there. No ConfigError (78): systemd tries again."""
    with pytest.raises(StorageBusy, match=rf"nothing is mounted at {disk}, .*: is the disk plugged in\?"):
        await serve(
            settings, lambda: settings, clock=SystemClock(), rng=random.Random(1), ready=lambda url: pytest.fail(url)
        )
    with pytest.raises(StorageBusy, match="nothing is mounted at"):
        async with open_offline(settings):
            """As a command does it."""
    assert list(disk.iterdir()) == []


async def test_a_restore_puts_nothing_on_the_card_beneath(settings: Settings, disk: Path) -> None:
    """It would be hidden once the disk is there, and the old database in force."""
    wanted = Wanted(name="latest", openers=Openers(), is_kept=True)

    async def fetch(archive: Path, most: int) -> None:
        pytest.fail("nothing is fetched")

    with pytest.raises(BackupError, match=rf"nothing is mounted at {disk}"):
        async with candidate(settings, wanted, fetch, clock=SystemClock(), rng=random.Random(1)):
            """As `tether restore` does it."""
    assert list(disk.iterdir()) == []


async def test_the_doctor_says_so(settings: Settings, disk: Path) -> None:
    async with examination(settings) as case:
        [found] = await check_database(case)
    assert (found.level, f"nothing is mounted at {disk}" in found.summary) == (Level.PROBLEM, True)


async def test_the_service_starts_once_it_is_mounted(settings: Settings, disk: Path, tmp_path: Path) -> None:
    with (tmp_path / "mountinfo").open("a") as file:
        file.write(f"36 21 8:17 / {disk} rw,relatime - ext4 /dev/sda1 rw\n")
    async with open_offline(settings):
        assert (disk / "tether.db").exists()


def test_what_lies_on_a_disk_of_its_own_is_mounted_whatever_the_tables_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A bind of /srv/x/var/lib/tether to /var/lib/tether looks in them like what systemd binds onto itself."""
    other = Path("/proc")
    (tmp_path / "fstab").write_text(f"UUID=2 {other} ext4 nofail 0 2\n")
    (tmp_path / "mountinfo").write_text(
        f"21 1 8:2 / / rw - ext4 /dev/root rw\n40 21 8:2 {other} {other} rw - ext4 /dev/sda rw\n"
    )
    monkeypatch.setattr(tables, "TO_BE_MOUNTED", tmp_path / "fstab")
    monkeypatch.setattr(tables, "MOUNTED", tmp_path / "mountinfo")
    assert tables.bare_mount_point(other / "tether.db") is None
