"""`tether install` and `uninstall`: the service on a machine with systemd, and the machine as it was before."""

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from daemon.appliance.machine import Machine
from daemon.appliance.ownership import lets
from daemon.appliance.packaged import COMMAND, EXECUTABLE, PACKAGE_UNIT, PLACES, system_files
from daemon.appliance.release import HOME, Releases
from daemon.appliance.unit import TIMER, UNIT, Unit
from daemon.config import Settings
from daemon.keys.keyring import key_path
from daemon.upkeep.errors import InstallError
from daemon.upkeep.recover import not_mounted
from daemon.upkeep.swap import SIDE_FILES
from outbox.clock import Clock

CONFIG = "/etc/tether"
DATA = "/var/lib/tether"
WRITABLE = (DATA, "/media", "/mnt")
"""Where the unit lets the service write (StateDirectory, ReadWritePaths)."""
USER = "tether"
STAFF = "tether-staff"
"""Whose members may work at the counter by the socket."""
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - where the unit can't see anything (ProtectHome, PrivateTmp)


class Installed(msgspec.Struct, frozen=True):
    """What was done, a sentence each."""

    steps: Sequence[str]


class Installer:
    def __init__(self, machine: Machine, clock: Clock) -> None:
        self._machine = machine
        self._unit = Unit(machine, clock)
        self._releases = Releases(machine)
        self._steps: list[str] = []

    async def install(
        self, settings: Settings, *, executable: Path | None, wheel: Path | None, links: Path | None, start: bool
    ) -> Installed:
        """Put everything in its place, start the service and see that it runs. May be repeated. Raises InstallError."""
        self.look(settings)
        command = await self._command(executable, wheel, links)
        for place, text in system_files(command).items():
            self._write(place, text)
        await self._must("systemd-sysusers", "/etc/sysusers.d/tether.conf")
        env = self._machine.path(f"{CONFIG}/.env")
        if not env.exists():
            env.touch(mode=0o600)
        await self._must("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/tether.conf")
        self._give_data()
        self._look_at_disk(settings)
        await self._machine.run("udevadm", "control", "--reload")
        await self._unit.systemctl("daemon-reload")
        self._did(f"user {USER}, {DATA}, units, the udev rule for modems")
        if command == EXECUTABLE:
            self._name_command()
        if start:
            await self._start(settings)
        return Installed(self._steps)

    async def uninstall(self, *, purge: bool) -> Installed:
        """Take the service away. The configuration and the data stay, unless `purge`. The Debian package's, which came later and lay beneath it,
        takes its place."""
        if not await self._unit.is_there():
            raise InstallError(
                "the service is not installed here (or came with the Debian package: `apt remove tether`)"
            )
        is_packaged = self._machine.path(PACKAGE_UNIT).exists()
        if is_packaged and (purge or not self._machine.path(f"/{PLACES[UNIT]}").exists()):
            raise InstallError("the service came with the Debian package: `apt remove tether` (or `apt purge tether`)")
        for unit in (TIMER, UNIT):
            await self._machine.run("systemctl", "disable", "--now", unit, seconds=120)
        for place in PLACES.values():
            self._machine.path(f"/{place}").unlink(missing_ok=True)
        if _is_link_of_ours(command := self._machine.path(COMMAND)):
            command.unlink()
        await self._unit.systemctl("daemon-reload")
        await self._machine.run("udevadm", "control", "--reload")
        self._releases.remove()
        self._did("the service, its units, its user's memberships and its programs are gone")
        if is_packaged:
            await self._unit.systemctl("enable", "--now", UNIT, TIMER)
            self._did("the Debian package's service runs in its place, on the same data")
        elif purge:
            for folder in (CONFIG, DATA):
                shutil.rmtree(self._machine.path(folder), ignore_errors=True)
            await self._machine.run("userdel", USER)
            await self._machine.run("groupdel", STAFF)
            self._did(f"{CONFIG}, {DATA} and the user {USER} are gone")
        else:
            self._did(f"{CONFIG} and {DATA} are kept; --purge removes them too")
        return Installed(self._steps)

    def look(self, settings: Settings) -> None:
        """Whether units can be put here that start the service on this configuration. Raises InstallError."""
        if os.geteuid() != 0:
            raise InstallError("this takes root: use sudo")

        if self._machine.path(PACKAGE_UNIT).exists():
            raise InstallError(
                "the service is installed already: it came with the Debian package, which `apt` upgrades. "
                "`sudo tether reload` puts a changed configuration in force"
            )
        if not self._machine.path("/run/systemd/system").is_dir():
            raise InstallError("systemd does not run here; run `tether run` under a supervisor of your own")
        if not self._machine.path(f"{CONFIG}/tether.toml").is_file():
            raise InstallError(
                f"{CONFIG}/tether.toml is not there yet: `sudo tether init --config {CONFIG}/tether.toml` writes it"
            )
        if not any(settings.database.is_relative_to(place) for place in WRITABLE):
            raise InstallError(
                f'the service may write under {", ".join(WRITABLE)} only: set [data] path = "{DATA}/tether.db" in {CONFIG}/tether.toml '
                f"(it is {settings.database}; move the file along)"
            )

    # ------------------------------------------------------------ steps

    async def _command(self, executable: Path | None, wheel: Path | None, links: Path | None) -> str:
        if wheel is not None:
            release = await self._releases.build(wheel, links=links)
            self._releases.put_in_force(release)
            self._did(f"{wheel.name} is installed in {release}")
            return EXECUTABLE
        if executable is None:
            raise InstallError(
                "say what is to run: --wheel tether_box-….whl (a new environment under /opt/tether), or --executable PATH"
            )
        command = executable.absolute()
        if _is_link_of_ours(command):
            return EXECUTABLE
        if not os.access(command, os.X_OK):
            raise InstallError(f"{command} is no program")
        if any(str(command.resolve()).startswith(f"{place}/") for place in HIDDEN):
            raise InstallError(
                f"the service can't see {command} (it is shut out of {', '.join(HIDDEN)}): install it elsewhere, such as {HOME}"
            )
        return str(command)

    def _write(self, place: str, text: str) -> None:
        path = self._machine.path(f"/{place}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)

    def _name_command(self) -> None:
        """What others put in its place stays; without it the service runs as well."""
        place = self._machine.path(COMMAND)
        if not os.path.lexists(place):
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(EXECUTABLE)
            except OSError as error:
                why = f"{COMMAND} can't be made ({error.strerror})"
                self._did(f"{why}: the command of what was installed is {EXECUTABLE}")
                return
        if _is_link_of_ours(place):
            self._did(f"the command `tether` ({COMMAND})")
        else:
            self._did(f"{COMMAND} is something else and was left: the command of what was installed is {EXECUTABLE}")

    def _give_data(self) -> None:
        """What a command of root's made there before belongs to the service from now on; what its user had a link lead to does not."""
        folder = self._machine.path(DATA)
        if folder.is_dir():
            owner = folder.stat()
            for entry in folder.iterdir():
                os.chown(entry, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def _look_at_disk(self, settings: Settings) -> None:
        """One of the database's own is its owner's to give, and what root put there: other things may lie on it. Raises InstallError."""
        database = settings.database
        if database.is_relative_to(DATA):
            return
        if absent := not_mounted(database):
            raise InstallError(absent)
        files = [database.with_name(f"{database.name}{suffix}") for suffix in ("", *SIDE_FILES, ".lock")]
        needed = {**dict.fromkeys((database.parent, *files), stat.S_IWOTH), key_path(settings): stat.S_IROTH}
        service = self._machine.path(DATA).stat()
        shut = " ".join(str(each) for each, what in needed.items() if each.exists() and not lets(each, service, what))
        if shut:
            raise InstallError(
                f"the service's user may not write the database {database}, or beside it: `sudo chown {USER}: {shut}`, then this once more"
            )

    async def _start(self, settings: Settings) -> None:
        await self._unit.systemctl("enable", UNIT, TIMER)
        await self._unit.systemctl("start", TIMER)
        if trouble := await self._unit.start(settings, "restart"):
            raise InstallError(f"it is installed and does not run: {trouble}")
        self._did("the service runs and takes events; a backup is made every night")

    async def _must(self, *command: str) -> None:
        ran = await self._machine.run(*command)
        if ran is None or ran.code != 0:
            raise InstallError(f"`{' '.join(command)}` failed: {ran.said if ran else 'it is not there'}")

    def _did(self, step: str) -> None:
        self._steps.append(step)


def _is_link_of_ours(path: Path) -> bool:
    return path.is_symlink() and path.readlink() == Path(EXECUTABLE)
