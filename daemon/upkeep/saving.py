"""What can be read of a damaged database: several ways are tried, and the one that saves most is kept.

Reading row by row (outbox.salvage), with the log and without it, with the schema of a new database in the place of a lost one
(outbox.graft), and SQLite's own recovery (`sqlite3 FILE .recover`, where that program is installed).
"""

import contextlib
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec
import structlog

from daemon.upkeep.swap import copy_readable
from outbox.errors import OutboxError
from outbox.graft import graft
from outbox.log_file import log_of, trouble_with_log
from outbox.losses import WORDS, lost_with
from outbox.proof import trouble_with
from outbox.salvage import salvage
from outbox.salvaged import Salvaged

log = structlog.get_logger(__name__)

RECOVER_SECONDS = 600
WORTH = ("orders", "event", "message", "audit", "consent", "token")
"""Whose rows are counted when attempts at saving are compared."""


def save(damaged: Path, folder: Path) -> tuple[Salvaged, Path]:
    """The best that could be had. One that read every table from end to end is not bettered, nor any once nothing more can be written.
    Only the first reads all that there is, and can tell what is whole: what the others don't miss may have been left out before."""
    kept = folder / "saved.db"
    attempts = _attempts(_found(damaged, folder), folder)
    first, path = next(attempts)
    best = first
    path.replace(kept)
    lost = first.lost if not trouble_with_log(damaged) else frozenset(WORDS)
    if not best.gaps:
        return msgspec.structs.replace(best, lost=lost), kept
    try:
        for saved, path in attempts:
            if _worth(saved) > _worth(best):
                best = saved
                path.replace(kept)
            if not saved.gaps:
                break
    except (OSError, sqlite3.Error, OutboxError) as error:
        log.error("no further way of saving could be tried", error=str(error))
    fewer = lost_with(name for name, count in first.rows.items() if best.rows[name] < count)
    return msgspec.structs.replace(best, lost=best.lost | lost | fewer), kept


def _worth(saved: Salvaged) -> int:
    return sum(saved.rows.get(name, 0) for name in WORTH)


def _found(damaged: Path, folder: Path) -> Path:
    """What can be read of it, with its log where that is its own. What was set aside stays as it was found, and a card that dies is asked
    once."""
    found = folder / "found.db"
    copy_readable(damaged, found)
    log_file = log_of(damaged)
    if log_file.exists() and not trouble_with_log(damaged):
        copy_readable(log_file, log_of(found))
    return found


def _attempts(found: Path, folder: Path) -> Iterator[tuple[Salvaged, Path]]:
    """What each way of saving gives that is sound; the copies it needed go before the next one. An empty source always gives a sound
    database, without rows."""
    for way in (_with_log, _without_log, _grafted, _empty):
        with tempfile.TemporaryDirectory(dir=folder) as own:
            for source in way(found, Path(own)):
                path = source.with_name(f"{source.name}.saved")
                saved = salvage(source, path)
                if not trouble_with(path, whole=True, rows=True):
                    yield saved, path


def _with_log(found: Path, folder: Path) -> Iterator[Path]:
    log_file, logged = log_of(found), folder / "logged.db"
    if log_file.exists():
        shutil.copyfile(found, logged)
        shutil.copyfile(log_file, log_of(logged))
        yield logged
        yield from _recovered(logged)


def _without_log(found: Path, folder: Path) -> Iterator[Path]:
    bare = folder / "bare.db"
    shutil.copyfile(found, bare)
    yield bare
    yield from _recovered(bare)


def _grafted(found: Path, folder: Path) -> Iterator[Path]:
    grafted = folder / "grafted.db"
    shutil.copyfile(found, grafted)
    for made in _made(grafted, graft):
        yield made
        yield from _recovered(made)


def _empty(found: Path, folder: Path) -> Iterator[Path]:
    empty = folder / "empty.db"
    empty.touch()
    yield empty


def _recovered(damaged: Path) -> Iterator[Path]:
    yield from _made(damaged.with_suffix(".recovered"), lambda target: _recover_by_program(damaged, target))


def _made(target: Path, make: Callable[[Path], object]) -> Iterator[Path]:
    """The file, where that way of making it leads to one."""
    try:
        make(target)
        with contextlib.closing(sqlite3.connect(target)) as db:
            made = bool(db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    except (subprocess.TimeoutExpired, sqlite3.Error, ValueError):
        return
    if made:
        yield target


def _recover_by_program(damaged: Path, target: Path) -> None:
    """SQLite's own recovery finds rows whose pages lost their place in the tree, where that program can be had."""
    program = shutil.which("sqlite3")
    if program is None:
        return
    script = target.with_suffix(".sql")
    with script.open("wb") as said:
        _run([program, "-batch", str(damaged), ".recover --ignore-freelist"], said, subprocess.DEVNULL)
    with script.open("rb") as told:
        _run([program, "-batch", str(target)], subprocess.DEVNULL, told)
    script.unlink()


def _run(command: list[str], said: IO[bytes] | int, told: IO[bytes] | int) -> None:
    """Whatever its exit code: it ends with one when there was something that it could not save, and what it saved is what counts."""
    subprocess.run(  # noqa: S603 - a program of the system's, on files of our own
        command, stdin=told, stdout=said, stderr=subprocess.DEVNULL, timeout=RECOVER_SECONDS, check=False
    )
