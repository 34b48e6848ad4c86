"""The shop's own texts in a backup, and out of one: without them a new card would send the shipped ones, and nobody would be told."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import structlog

from daemon.config import Settings
from daemon.planner.template_files import shipped_templates

log = structlog.get_logger(__name__)

MOST_BYTES = 2 * 2**20
"""In a backup, of all of them."""


def own_texts(settings: Settings) -> Mapping[str, bytes]:
    """By their names in the folder of `[templates] path`. What can't be read, or has no room, is left out and logged: the orders count more."""
    found: dict[str, bytes] = {}
    left_out: list[str] = []
    room = MOST_BYTES
    for name, file in _files(settings.own_templates):
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
        log.warning("some of the shop's own texts are not in the backup", texts=left_out)
    return found


def bring_back(settings: Settings, texts: Mapping[str, bytes]) -> Sequence[str]:
    """Write them where the shop has none of its own; the names of those that were. Raises OSError."""
    folder = settings.own_templates
    if any(_files(folder)):
        return ()
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)
    return sorted(texts)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    if folder.resolve() == shipped_templates().resolve():
        return
    for file in sorted(folder.glob("*/*.j2")):
        if file.is_file():
            yield file.relative_to(folder).as_posix(), file
