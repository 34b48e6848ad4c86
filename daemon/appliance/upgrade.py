"""`tether upgrade`: a release that is signed beside the old one, a safety copy, the switch, a look whether it is well, and the way back by itself.

Going back keeps the database, so that no event taken meanwhile is lost, unless the new release had changed its schema: then the safety
copy takes its place (`going_back`), and what the new release had is set aside.
"""

import asyncio
import os
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from daemon.appliance.going_back import put_back
from daemon.appliance.install import Installer
from daemon.appliance.machine import Machine
from daemon.appliance.release import Releases
from daemon.appliance.trust import is_older, signature_of, trusted_keys
from daemon.appliance.trust import prove as prove_signed
from daemon.appliance.unit import UNIT, Unit, as_started, check_start
from daemon.config import ConfigError, Settings
from daemon.upkeep.errors import InstallError
from outbox.clock import Clock
from outbox.errors import KeyChanged, KeyMissing, OutboxError
from outbox.lock import private
from outbox.proof import copy_of, prove


class Upgraded(msgspec.Struct, frozen=True):
    before: str
    after: str
    safety_copy: str


class Upgrade:
    def __init__(self, machine: Machine, clock: Clock, settings: Settings) -> None:
        self._machine = machine
        self._clock = clock
        self._settings = settings
        self._unit = Unit(machine, clock)
        self._releases = Releases(machine)

    async def run(self, wheel: Path, *, links: Path | None, key: Path | None, older: bool) -> Upgraded:
        """Only to a release that the shipped key (or the one in `key`) has signed, and to an older one only if that is meant. Raises
        InstallError: what was begun was undone, and the text says why and what runs now. Raises ConfigError where the service runs and could
        not start again, on whatever release: it is not stopped then."""
        keys = trusted_keys(key)
        with tempfile.TemporaryDirectory(prefix="tether-upgrade-") as folder:
            own = _taken(wheel, Path(folder))
            version = prove_signed(own, wheel.name, signature_of(own), keys)
            old = self._releases.current()
            if old is None:
                raise InstallError(
                    "no release is installed under /opt/tether: `tether install --wheel`, or `apt upgrade` for the Debian package"
                )
            if is_older(version, old.name) and not older:
                raise InstallError(
                    f"{version} is older than {old.name}, which runs: an old release is signed as well as a new one, and has its weaknesses. "
                    "`--older` if you mean it"
                )
            if await self._unit.is_active():
                self._settings = await self._as_it_runs()
            new = await self._releases.build(own, links=links)
        return await _to_its_end(self._switch(old, new))

    async def _as_it_runs(self) -> Settings:
        """With the secrets that the service has: once it is stopped, nobody can tell those that systemd alone handed it."""
        Installer(self._machine, self._clock).look(self._settings)
        try:
            started = await as_started(self._machine, self._settings)
            check_start(started)
        except (ConfigError, KeyMissing, KeyChanged) as error:
            raise ConfigError(
                f"nothing was changed, since the service that runs could not start again: {error}"
            ) from error
        return started

    async def _switch(self, old: Path, new: Path) -> Upgraded:
        await self._unit.systemctl("stop", UNIT)
        try:
            copy = await self._safety_copy()
        except (OutboxError, OSError, sqlite3.Error) as error:
            self._releases.forget_but(old)
            trouble = await self._start()
            raise InstallError(
                f"the database could not be copied, so {old.name} runs on: {error}"
                + (f"\nand it did not start again: {trouble}" if trouble else "")
            ) from error
        try:
            self._releases.put_in_force(new)
        except OSError as error:
            trouble = f"it can't be put in force: {error}"
        else:
            trouble = await self._lay_units(new) or await self._start()
        if trouble:
            raise InstallError(await self._go_back(old, new, copy, trouble))
        self._releases.forget_but(old, new)
        return Upgraded(old.name, new.name, str(copy or "none: there was no database"))

    async def _lay_units(self, release: Path) -> str:
        """The release's own; what is wrong, "" for nothing."""
        try:
            units = await self._machine.run(
                release / "bin/tether", "install", "--executable", self._releases.link / "bin/tether", "--no-start"
            )
        except OSError as error:
            return str(error)
        if units is None or units.code != 0:
            return units.said if units else f"{release}/bin/tether is not there"
        return ""

    async def _start(self) -> str:
        """What is wrong with the service once it is started; "" for nothing."""
        return await self._unit.start(self._settings, "start", "--no-block")

    async def _go_back(self, old: Path, new: Path, copy: Path | None, why: str) -> str:
        """The service is started whatever is met on the way, on the new release where the old one can't be put in force any more."""
        await self._machine.run("systemctl", "stop", UNIT, seconds=120)
        if stuck := self._put_back_in_force(old):
            words = f"{new.name} is not well, and {old.name} can't be put in force again ({stuck}), so {new.name} is started once more: {why}"
            trouble = await self._start()
            return words + (f"\nand it does not run: {trouble}" if trouble else "")
        self._releases.forget_but(old)  # its room may be what the database needs
        words = f"{new.name} is not well, so {old.name} runs again: {why}"
        try:
            words += await self._old_database(copy)
        except (OutboxError, OSError, ConfigError, sqlite3.Error) as error:
            words += f"\nThe database from before could not be put back ({error}); it is {copy}"
        if units := await self._lay_units(old):
            words += f"\nIts units could not be put back: {units}"
        trouble = await self._start()
        return words + (f"\nand the old release does not run either: {trouble}" if trouble else "")

    def _put_back_in_force(self, old: Path) -> str:
        """Why another one still is; "" where none is."""
        try:
            if self._releases.current() != old:
                self._releases.put_in_force(old)
        except OSError as error:
            return "" if self._releases.current() == old else str(error)
        return ""

    async def _old_database(self, copy: Path | None) -> str:
        if copy is None or not await asyncio.to_thread(_differ, copy, self._settings.database):
            return ""
        owner = copy.stat()
        words = await put_back(self._settings, self._clock, copy, made_at=round(owner.st_mtime * 1000))
        _same_owner(self._settings.database, owner.st_uid, owner.st_gid)
        return words

    async def _safety_copy(self) -> Path | None:
        database = self._settings.database
        if not database.exists():
            return None
        real = database.resolve()
        copy = real.with_name(f"{real.name}.before-upgrade")
        copy.unlink(missing_ok=True)
        private(copy)
        try:
            await asyncio.to_thread(copy_of, database, copy)
        except (OutboxError, OSError, sqlite3.Error):
            copy.unlink()
            raise
        owner = database.stat()
        _same_owner(copy, owner.st_uid, owner.st_gid)
        return copy


async def _to_its_end(switch: Coroutine[Any, Any, Upgraded]) -> Upgraded:
    """Ctrl-C in the middle of it, or a connection that drops, would leave the service stopped, or on a release at which nobody looked: that
    waits."""

    async def ended() -> Upgraded | InstallError | OSError:
        try:
            return await switch
        except (InstallError, OSError) as error:
            return error

    loop = asyncio.get_running_loop()
    for number in (signal.SIGHUP, signal.SIGTERM):
        loop.add_signal_handler(number, _wait)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(ended(), name="upgrade")
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(task)
    for number in (signal.SIGHUP, signal.SIGTERM):
        loop.remove_signal_handler(number)
    outcome = task.result()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _wait() -> None:
    """What a signal would end goes on."""


def _taken(wheel: Path, folder: Path) -> Path:
    """A copy that nobody else can change between the look at its signature and its being installed."""
    own = folder / wheel.name
    try:
        shutil.copyfile(wheel, own)
        if signature_of(wheel).exists():
            shutil.copyfile(signature_of(wheel), signature_of(own))
    except OSError as error:
        raise InstallError(f"{wheel} can't be read: {error.strerror}") from error
    return own


def _differ(copy: Path, database: Path) -> bool:
    return prove(copy).schema != prove(database).schema


def _same_owner(file: Path, uid: int, gid: int) -> None:
    os.chown(file, uid, gid)
    file.chmod(0o600)
