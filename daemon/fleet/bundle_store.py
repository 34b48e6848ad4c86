"""Bundles on the disk, each in a folder of its own beside the database, and a link that says which is in force. The link is exchanged in one
rename: after a power cut it is the old one or the new one, and either is whole."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from daemon import published
from daemon.fleet.bundle import Manifest

MANIFEST = "manifest.json"
KEPT = 3


class BundleStore:
    def __init__(self, database: Path) -> None:
        self.folder = database.parent / published.FOLDER
        self._database = database

    def current(self) -> Manifest | None:
        folder = published.in_force(self._database)
        return None if folder is None else _manifest(folder)

    def put(self, manifest: Manifest, files: Mapping[str, bytes]) -> Path:
        """All of it is on the disk once this returns. Raises OSError."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        place = self.folder / f"{manifest.group}-{manifest.version}"
        fresh = self.folder / f".{place.name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        for name, content in files.items():
            path = fresh / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(path, content)
        _write(fresh / MANIFEST, msgspec.json.encode(manifest))
        for folder in (*fresh.rglob("*"), fresh):
            if folder.is_dir():
                _sync(folder)
        if place.exists():
            shutil.rmtree(place)
        fresh.rename(place)
        _sync(self.folder)
        return place

    def switch(self, place: Path | None) -> None:
        """That one is in force from now on; None: none is. Raises OSError."""
        current = self.folder / published.CURRENT
        if place is None:
            current.unlink(missing_ok=True)
        else:
            fresh = self.folder / f".{published.CURRENT}.new"
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(place.name)
            fresh.replace(current)
        _sync(self.folder)

    def place_of(self, name: str) -> Path | None:
        """Of a bundle by its name (`all/7`), if it is still here."""
        place = self.folder / name.replace("/", "-")
        return place if name and _manifest(place) is not None else None

    def clear(self, keep: set[str]) -> None:
        """Only the newest few stay, those named, and the one in force."""
        inforce = published.in_force(self._database)
        places = [path for path in self.folder.iterdir() if path.is_dir() and not path.is_symlink()]
        newest = sorted((path for path in places if path.name[0] != "."), key=lambda path: path.stat().st_mtime_ns)[
            -KEPT:
        ]
        kept = {name.replace("/", "-") for name in keep} | {path.name for path in newest}
        for path in places:
            if path.name not in kept and path.resolve() != inforce:
                shutil.rmtree(path, ignore_errors=True)


def _manifest(place: Path) -> Manifest | None:
    try:
        return msgspec.json.decode((place / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError):
        return None


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
