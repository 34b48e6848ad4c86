"""Root works in a folder that is the service's: what lies there may have been laid by whoever got into the service."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from daemon.appliance.install import DATA, WRITABLE, Installer
from daemon.appliance.machine import Machine, Ran
from daemon.appliance.packaged import PACKAGE_UNIT, PLACES, system_files
from daemon.appliance.unit import TIMER, UNIT
from daemon.config import Data, Settings
from daemon.upkeep.errors import InstallError
from tests.support.fake_clock import FakeClock
from tests.support.releases import release


class Willing(Machine):
    """Every program does as it is told."""

    async def run(self, *command: Any, **options: Any) -> Ran | None:
        return Ran(0, "")


@pytest.mark.parametrize("name", [name for name in PLACES if name.endswith(".service")])
def test_the_database_may_lie_where_the_unit_lets_the_service_write(name: str) -> None:
    """In a unit that tells of a failure and may write less, the doctor told the team that a disk which is fine is dying."""
    unit = system_files()[PLACES[name]]
    [places] = [line.partition("=")[2] for line in unit.splitlines() if line.startswith("ReadWritePaths=")]
    assert (DATA, *(place.lstrip("-") for place in places.split())) == WRITABLE


async def test_a_link_in_the_data_folder_gives_nothing_away(tmp_path: Path) -> None:
    """`tether upgrade` has the same done: /etc/shadow became the service's."""
    if os.geteuid() != 0:
        pytest.skip("giving files away takes root")
    machine = Willing(tmp_path)
    for folder in ("run/systemd/system", "etc/tether", "var/lib/tether"):
        machine.path(folder).mkdir(parents=True)
    machine.path("etc/tether/tether.toml").touch()
    shadow, data = machine.path("etc/shadow"), machine.path("var/lib/tether")
    shadow.touch(mode=0o600)
    (data / "tether.db").touch()
    (data / "notes.txt").symlink_to(shadow)
    os.chown(data, 1, 2)
    settings = Settings(data=Data(path=Path("/var/lib/tether/tether.db")))
    await Installer(machine, FakeClock()).install(
        settings, executable=Path("/bin/true"), wheel=None, links=None, start=False
    )
    assert (data / "tether.db").stat().st_uid == 1
    assert shadow.stat().st_uid == 0


async def test_the_package_s_service_is_not_shadowed(tmp_path: Path) -> None:
    """A unit under /etc came before the package's own for good, and `tether uninstall` would not take it away again."""
    if os.geteuid() != 0:
        pytest.skip("installing takes root")
    machine = Willing(tmp_path)
    for folder in ("run/systemd/system", "etc/tether", "usr/lib/systemd/system"):
        machine.path(folder).mkdir(parents=True)
    for file in ("etc/tether/tether.toml", PACKAGE_UNIT):
        machine.path(file).touch()
    settings = Settings(data=Data(path=Path("/var/lib/tether/tether.db")))
    with pytest.raises(InstallError, match=r"came with the Debian package.*sudo tether reload"):
        await Installer(machine, FakeClock()).install(
            settings, executable=Path("/bin/true"), wheel=None, links=None, start=False
        )
    assert not machine.path("etc/systemd").exists()


async def test_what_a_wheel_installed_makes_way_for_the_package_that_came_later(tmp_path: Path) -> None:
    """Its unit shadowed the package's for good: upgrades by apt changed nothing that ran, and `uninstall` refused."""
    told: list[tuple[str, ...]] = []

    class Noting(Willing):
        async def run(self, *command: Any, **options: Any) -> Ran | None:
            told.append(tuple(map(str, command)))
            return Ran(0, "")

    machine = Noting(tmp_path)
    own = machine.path(f"/{PLACES[UNIT]}")
    for file in (machine.path(PACKAGE_UNIT), own):
        file.parent.mkdir(parents=True)
        file.touch()
    with pytest.raises(InstallError, match="apt purge"):
        await Installer(machine, FakeClock()).uninstall(purge=True)
    await Installer(machine, FakeClock()).uninstall(purge=False)
    assert not own.exists()
    assert ("systemctl", "enable", "--now", UNIT, TIMER) in told
    with pytest.raises(InstallError, match="came with the Debian package"):
        await Installer(machine, FakeClock()).uninstall(purge=False)


class Building(Willing):
    """Environments are folders with nothing in them."""

    async def run(self, *command: Any, **options: Any) -> Ran | None:
        if "venv" in command:
            Path(command[-1]).mkdir()
        return Ran(0, "")


@pytest.mark.parametrize("taken", [False, True])
async def test_what_a_wheel_installed_is_a_command(tmp_path: Path, taken: bool) -> None:
    """Every page and message says `sudo tether`, and there was none; what somebody else calls so stays theirs."""
    if os.geteuid() != 0:
        pytest.skip("installing takes root")
    machine = Building(tmp_path)
    for folder in ("run/systemd/system", "etc/tether", "var/lib/tether", "usr/local/bin"):
        machine.path(folder).mkdir(parents=True)
    machine.path("etc/tether/tether.toml").touch()
    command = machine.path("/usr/local/bin/tether")
    if taken:
        command.write_text("#!/bin/sh\n")
    settings = Settings(data=Data(path=Path("/var/lib/tether/tether.db")))
    wheel = release(tmp_path, "0" * 64)
    for _ in range(2):
        done = await Installer(machine, FakeClock()).install(
            settings, executable=None, wheel=wheel, links=None, start=False
        )
        assert [step for step in done.steps if "/usr/local/bin/tether" in step]
        assert command.is_symlink() is not taken
    if not taken:
        assert command.readlink() == Path("/opt/tether/venv/bin/tether")
    await Installer(machine, FakeClock()).uninstall(purge=False)
    assert command.exists() is taken
    assert not command.is_symlink()


async def test_where_no_command_can_be_named_the_service_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/usr/local can only be read on some machines: there no release was ever well, for want of a convenience."""
    if os.geteuid() != 0:
        pytest.skip("installing takes root")
    machine, symlink_to = Building(tmp_path), Path.symlink_to
    for folder in ("run/systemd/system", "etc/tether", "var/lib/tether"):
        machine.path(folder).mkdir(parents=True)
    machine.path("etc/tether/tether.toml").touch()

    def link(path: Path, target: str) -> None:
        if path == machine.path("/usr/local/bin/tether"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        symlink_to(path, target)

    monkeypatch.setattr(Path, "symlink_to", link)
    settings = Settings(data=Data(path=Path("/var/lib/tether/tether.db")))
    done = await Installer(machine, FakeClock()).install(
        settings, executable=None, wheel=release(tmp_path, "0" * 64), links=None, start=False
    )
    assert "can't be made (Read-only file system): the command of what was installed is" in done.steps[-1]


async def test_an_installation_whose_service_does_not_start_says_why(tmp_path: Path) -> None:
    """It said where one might look. The nights' backups wait for no start that works."""
    if os.geteuid() != 0:
        pytest.skip("installing takes root")
    started: list[str] = []

    class Taken(Willing):
        async def run(self, *command: Any, **options: Any) -> Ran | None:
            if command[:2] == ("systemctl", "start"):
                started.extend(command[2:])
            if command[:2] == ("systemctl", "restart"):
                return Ran(1, "Job for tether.service failed.")
            return Ran(0, "tether: 127.0.0.1:8787 is taken" if command[0] == "journalctl" else "")

    machine = Taken(tmp_path)
    for folder in ("run/systemd/system", "etc/tether", "var/lib/tether"):
        machine.path(folder).mkdir(parents=True)
    machine.path("etc/tether/tether.toml").touch()
    settings = Settings(data=Data(path=Path("/var/lib/tether/tether.db")))
    with pytest.raises(InstallError, match=r"installed and does not run: .*Job for tether.*\n.*8787 is taken"):
        await Installer(machine, FakeClock()).install(
            settings, executable=Path("/bin/true"), wheel=None, links=None, start=True
        )
    assert started == [TIMER]


async def test_installing_by_the_command_has_the_units_start_the_release_itself(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("installing takes root")
    machine = Willing(tmp_path)
    for folder in ("run/systemd/system", "etc/tether", "var/lib/tether", "usr/local/bin"):
        machine.path(folder).mkdir(parents=True)
    machine.path("etc/tether/tether.toml").touch()
    command = machine.path("/usr/local/bin/tether")
    command.symlink_to("/opt/tether/venv/bin/tether")
    settings = Settings(data=Data(path=Path("/var/lib/tether/tether.db")))
    await Installer(machine, FakeClock()).install(settings, executable=command, wheel=None, links=None, start=False)
    unit = machine.path(f"/{PLACES[UNIT]}").read_text()
    assert "\nExecStart=/opt/tether/venv/bin/tether run " in unit


async def test_a_database_of_root_s_on_a_disk_of_its_own_is_not_started_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new disk, and a restore before the service's user was there: "it is installed and does not run", after a minute and a half."""
    if os.geteuid() != 0:
        pytest.skip("installing takes root")
    machine, disk = Willing(tmp_path), tmp_path / "mnt/ssd"
    for folder in ("run/systemd/system", "etc/tether", "var/lib/tether", "mnt/ssd"):
        machine.path(folder).mkdir(parents=True)
    machine.path("etc/tether/tether.toml").touch()
    os.chown(machine.path("var/lib/tether"), 1, 2)
    monkeypatch.setattr("daemon.appliance.install.WRITABLE", (str(tmp_path),))
    database, key = disk / "tether.db", disk / "tether.db.key"
    for file in (database, key):
        file.touch(mode=0o600)
    settings = Settings(data=Data(path=database))
    monkeypatch.setattr("daemon.appliance.install.not_mounted", lambda database: absent)

    async def install() -> None:
        await Installer(machine, FakeClock()).install(
            settings, executable=Path("/bin/true"), wheel=None, links=None, start=False
        )

    absent = "nothing is mounted there: is the disk plugged in?"
    with pytest.raises(InstallError, match="is the disk plugged in"):
        await install()
    absent = ""
    with pytest.raises(InstallError, match=f"`sudo chown tether: {disk} {database} {key}`"):
        await install()
    os.chown(disk, 1, 2)
    with pytest.raises(InstallError, match=f"`sudo chown tether: {database} {key}`"):
        await install()
    for file in (database, key):
        os.chown(file, 1, 2)
    (disk / "tether.db.copy").touch(mode=0o600)
    await install()
