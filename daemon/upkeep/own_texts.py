"""The shop's own texts in a backup, and out of one: without them a new card would send the shipped ones, and nobody would be told."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import structlog

from daemon.config import Settings
from daemon.planner.template_files import shipped_templates
from daemon.upkeep.swap import sync_folder

log = structlog.get_logger(__name__)

MOST_BYTES = 2 * 2**20
"""In a backup, of all of them."""


def own_texts(settings: Settings) -> Mapping[str, bytes]:
    """By their names in the folder of `[templates] path`. What can't be read, or has no room, is left out and logged: the orders count more."""
    found: dict[str, bytes] = {}
    left_out: list[str] = []
    room = MOST_BYTES
    folder = settings.own_templates
    for file in _files(folder):
        name = file.relative_to(folder).as_posix()
        try:
            text = file.read_bytes() if file.stat().st_size <= room else None
        except OSError:
            text = None
        if text is None:
            left_out.append(name)
        else:
            found[name] = text
            room -= len(text)
    if left_out:
        log.warning("some of the shop's own texts are not in the backup", folder=str(folder), texts=left_out)
    return found


def bring_back(settings: Settings, texts: Mapping[str, bytes]) -> Sequence[str]:
    """Write them where the shop has none of its own, for the service to read whoever writes them; the names of those that were. All are on the
    disk before the first has its name, so a full one takes none. Raises OSError."""
    folder = settings.own_templates
    if not texts or any(_files(folder)):
        return ()
    mask = os.umask(0o022)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".tether-restore-", dir=folder) as fresh:
            _put(folder, Path(fresh), texts)
    finally:
        os.umask(mask)
    return sorted(texts)


def _put(folder: Path, fresh: Path, texts: Mapping[str, bytes]) -> None:
    for number, text in enumerate(texts.values()):
        with (fresh / str(number)).open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    places = [folder / name for name in texts]
    locales = {place.parent for place in places}
    for locale in locales:
        locale.mkdir(exist_ok=True)
    for number, place in enumerate(places):
        (fresh / str(number)).replace(place)  # a link that has its name is not followed
    for each in (*locales, folder):
        sync_folder(each)


def _files(folder: Path) -> Iterator[Path]:
    """A folder stands for those in it, where this user may not look into it."""
    if folder.resolve() == shipped_templates().resolve():
        return
    for locale in _in(folder, "[!.]*"):
        yield from (file for file in _in(locale, "*.j2") if file == locale or _may_be_one(file))


def _in(folder: Path, names: str) -> Iterator[Path]:
    """Its entries of such names; itself, where it can't be looked into."""
    try:
        yield from sorted(each for each in folder.iterdir() if each.match(names))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:
        yield folder


def _may_be_one(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:
        return True
