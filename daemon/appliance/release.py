"""Releases side by side under /opt/tether: each in a virtual environment of its own, and one link that says which is in force."""

import asyncio
import ctypes
import os
import shutil
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from daemon.appliance.machine import Machine
from daemon.appliance.trust import WHEEL
from daemon.upkeep.errors import InstallError
from daemon.upkeep.swap import sync_folder

HOME = "/opt/tether"
LINK = "venv"
INSTALL_SECONDS = 1800.0
"""On the smallest Pi."""
LOCK = "requirements.lock"
LOCK_IN_WHEEL = "daemon/_requirements.lock"
MAX_LOCK = 4 * 2**20


def lock_in(wheel: Path) -> bytes:
    """The requirements.lock that a wheel carries. Raises InstallError."""
    try:
        with zipfile.ZipFile(wheel) as opened, opened.open(LOCK_IN_WHEEL) as file:
            lock = file.read(MAX_LOCK + 1)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InstallError(
            f"{wheel.name} carries no {LOCK}, so nothing says which libraries belong to it: {error}"
        ) from error
    if len(lock) > MAX_LOCK:
        raise InstallError(f"{wheel.name} carries a {LOCK} of more than {MAX_LOCK // 2**20} MiB")
    return lock


class Releases:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._home = machine.path(HOME)

    @property
    def link(self) -> Path:
        return self._home / LINK

    def current(self) -> Path | None:
        """The release in force; None: there is none."""
        return self._home / self.link.readlink() if self.link.is_symlink() else None

    async def build(self, wheel: Path, *, links: Path | None = None) -> Path:
        """Install a wheel into an environment of its own, beside the others: first the libraries that the lock inside it pins, each by its
        hash, then the wheel itself. `links`: a folder of wheels, instead of an index. It is all on the disk when this returns. Raises
        InstallError; then nothing is left of it."""
        match = WHEEL.fullmatch(wheel.name)
        if match is None or not wheel.is_file():
            raise InstallError(f"{wheel} is no wheel of Tether (tether_box-VERSION-py3-none-any.whl)")
        pinned = lock_in(wheel)
        release = self._free_name(match[1])
        release.parent.mkdir(parents=True, exist_ok=True)
        try:
            await self._must(
                [sys.executable, "-m", "venv", release], "python3-venv is needed: apt install python3-venv"
            )
            source = ["--no-index", f"--find-links={links}"] if links else []
            pip: list[str | Path] = [
                release / "bin/python",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--only-binary=:all:",
            ]
            lock = release / LOCK
            lock.write_bytes(pinned)
            await self._must(
                [*pip, *source, "--require-hashes", "--requirement", lock],
                "is the line up? --links installs from a folder of wheels; a library whose hash is another is not taken",
            )
            await self._must([*pip, "--no-deps", "--no-index", wheel.absolute()], "the wheel can't be installed")
            await self._must([release / "bin/tether", "--help"], "the wheel does not run here")
            # pip syncs nothing: a power cut after the switch left a release of empty files
            await asyncio.to_thread(sync_disk, release)
        except (InstallError, asyncio.CancelledError):
            shutil.rmtree(release, ignore_errors=True)
            raise
        except OSError as error:
            shutil.rmtree(release, ignore_errors=True)
            raise InstallError(f"{release} can't be written: {error.strerror}") from error
        return release

    def put_in_force(self, release: Path) -> None:
        """One rename, on the disk when this returns: there is always a release behind the link."""
        fresh = self._home / f"{LINK}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.path.relpath(release, self._home))
        fresh.replace(self.link)
        sync_folder(self._home)

    def forget_but(self, *kept: Path | None) -> Sequence[str]:
        """Remove other releases; returns their names."""
        folder, names = self._home / "releases", []
        for release in sorted(folder.iterdir()) if folder.is_dir() else ():
            if release not in kept:
                shutil.rmtree(release, ignore_errors=True)
                names.append(release.name)
        return names

    def remove(self) -> None:
        shutil.rmtree(self._home, ignore_errors=True)

    def _free_name(self, version: str) -> Path:
        folder = self._home / "releases"
        names = (version, *(f"{version}-{number}" for number in range(2, 1000)))
        return next(folder / name for name in names if not (folder / name).exists())

    async def _must(self, command: Sequence[str | Path], remedy: str) -> None:
        ran = await self._machine.run(*command, seconds=INSTALL_SECONDS)
        if ran is None or ran.code != 0:
            said = ran.said[-600:] if ran is not None else f"{command[0]} is not there"
            raise InstallError(f"`{' '.join(map(str, command))}` failed ({remedy}):\n{said}")


def sync_disk(folder: Path) -> None:
    """Make all durable that was written to the disk on which it lies, and wait for no other (syncfs(2)): a stick may hang. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
    finally:
        os.close(handle)
