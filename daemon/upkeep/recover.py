"""A damaged database is noticed at the start, set aside, and saved as far as it can be read, so that the service comes up taking events.

Several ways are tried, and the one that saves most is kept: reading row by row (outbox.salvage), with the log and without it, with the
schema of a new database in the place of a lost one (outbox.graft), and SQLite's own recovery (`sqlite3 FILE .recover`, where that
program is installed). What became of it is noted beside the database before anything is put in its place, and told at each start
until staff have seen it (`daemon.upkeep.recovery_note`).
"""

import asyncio
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

from daemon.keys.box_key import BoxKey
from daemon.keys.heads import vouch
from daemon.upkeep import recovery_note
from daemon.upkeep.mounts import bare_mount_point
from daemon.upkeep.recovery_note import Recovered
from daemon.upkeep.swap import copy_readable, put_in_place, set_aside
from outbox import Outbox
from outbox.clock import Clock
from outbox.confirmation import RestoredFrom
from outbox.errors import OutboxError, StorageBusy, StorageDamaged
from outbox.graft import graft
from outbox.heads import Break
from outbox.lock import Lock
from outbox.log_file import log_of, trouble_with_log
from outbox.losses import OPTOUTS, WORDS, lost_with
from outbox.proof import trouble_with
from outbox.salvage import Salvaged, salvage

log = structlog.get_logger(__name__)

RECOVERED = "database.recovered"
LOOK_SECONDS = 10.0
"""How long a start may wait for the look at all pages; what it has not seen by then is taken as sound until it proves otherwise."""
RECOVER_SECONDS = 600
WORTH = ("orders", "event", "message", "audit", "consent", "token")
"""Whose rows are counted when attempts at saving are compared."""
GONE, EMPTY = "it is gone", "it is empty"
REMEDY = (
    "start the service (`sudo systemctl start tether`), which saves what can be saved and says what is lost; "
    "`tether restore latest` goes back to a backup"
)


def mark_path(database: Path) -> Path:
    """A note that damage was met while the service worked: the next start looks at every page, however long it takes."""
    return database.with_name(database.name + ".damaged")


def mark_damaged(database: Path) -> None:
    """Have the next start look at every page. Where there is no room for the note, that look is bounded as ever."""
    with contextlib.suppress(OSError):
        mark_path(database).touch()


async def make_sound(database: Path, clock: Clock) -> Recovered | None:
    """To be called before the database is opened. None: nothing was wrong with it. Raises AlreadyRunning, OSError, sqlite3.Error."""
    return await asyncio.to_thread(_make_sound, database, clock)


async def look(database: Path, clock: Clock) -> None:
    """Whether a start would have something to mend, within the same time: nothing is. Raises StorageDamaged, which says what to do, and
    AlreadyRunning, OSError."""
    await asyncio.to_thread(_look_only, database, clock)


def not_mounted(database: Path) -> str:
    """Why it must not be begun on the card: it lies on a disk that is not there just now. "" otherwise."""
    bare = bare_mount_point(database)
    if bare is None:
        return ""
    return (
        f"nothing is mounted at {bare}, where the database {database} lies: is the disk plugged in? `sudo mount {bare}` says more. "
        f"Where it is to lie on the card, take {bare} out of /etc/fstab"
    )


def ruined(database: Path) -> str:
    """What must not be opened, since whoever did would begin anew in silence, or lose what is left of the log: why; "" otherwise."""
    if not database.exists():
        return GONE if _was_here(database) else ""
    return trouble_with_log(database) if database.stat().st_size else EMPTY


async def record(box: Outbox, recovered: Recovered, key: BoxKey, clock: Clock) -> None:
    """It is another history from here on, and the audit says why; the box's own key stands behind that. Where opt-outs may be lost, texts
    wait until staff have looked, and in a fleet all stores' are heard again."""
    kept = await box.audit.end()
    epoch = await box.audit.begin_epoch("recovered from damage")
    now, salvaged = clock.now(), recovered.salvaged
    detail = {
        **vouch(key, RECOVERED, Break(epoch, kept, None, now)),
        "trouble": recovered.trouble,
        "aside": recovered.aside.name if recovered.aside else "",
        "saved": dict(salvaged.rows),
        "dropped": salvaged.dropped,
        "optouts_lost": salvaged.optouts_lost,
        "lost": sorted(salvaged.lost),
    }
    await box.audit.append(RECOVERED, detail=detail)
    if OPTOUTS in salvaged.lost:
        await box.confirmation.ask(RestoredFrom("", now, now))
        await box.fleet.hear_again()
    await asyncio.to_thread(recovery_note.recorded, box.path)


def _make_sound(database: Path, clock: Clock) -> Recovered | None:
    with _owned(database) as is_there:
        if not is_there:
            return None
        marked = mark_path(database).exists()
        trouble = _trouble(database, clock, whole=marked)
        recovered = _mended(database, trouble, clock.now()) if trouble else None
        mark_path(database).unlink(missing_ok=True)
        return recovered


def _look_only(database: Path, clock: Clock) -> None:
    with _owned(database) as is_there:
        if not is_there:
            return
        met = "damage was met in it while it was in use" if mark_path(database).exists() else ""
        if trouble := met or _trouble(database, clock, whole=False):
            what = "gone" if trouble == GONE else f"damaged ({trouble})"
            raise StorageDamaged(f"the database {database} is {what}, and nothing was done: {REMEDY}")


@contextlib.contextmanager
def _owned(database: Path) -> Iterator[bool]:
    """Whether there is one, or was; then it is ours meanwhile. Raises StorageBusy where its disk is not mounted."""
    if absent := not_mounted(database):
        raise StorageBusy(absent)
    if not database.exists() and not _was_here(database):
        yield False
        return
    lock = Lock(database)
    lock.take()
    try:
        yield True
    finally:
        lock.release()


def _was_here(database: Path) -> bool:
    return Lock.path_for(database.resolve()).exists() or log_of(database).exists()


def _trouble(database: Path, clock: Clock, *, whole: bool) -> str | None:
    """`whole`: all of it, however long that takes."""
    end = clock.monotonic() + LOOK_SECONDS

    def go_on() -> bool:
        return whole or clock.monotonic() < end

    return ruined(database) or trouble_with(database, whole=whole, rows=True, go_on=go_on)


def _mended(database: Path, trouble: str, now: int) -> Recovered:
    return _begin_anew(database, now) if trouble == GONE else _repair(database, trouble, now)


def _begin_anew(database: Path, now: int) -> Recovered:
    """There was one, and somebody took it away: a new one begins, and says so."""
    aside = set_aside(database, "damaged", now, fold=False) if log_of(database).exists() else None
    real = database.resolve()
    for file in (log_of(real), real.with_name(real.name + "-shm")):
        file.unlink(missing_ok=True)
    nothing = Salvaged(rows={}, dropped=0, optouts_lost=0, lost=frozenset(WORDS))
    recovered = Recovered(trouble=GONE, aside=aside, salvaged=nothing)
    recovery_note.write(database, recovered, now)
    log.error("the database is gone; a new one is begun", database=str(database))
    return recovered


def _repair(database: Path, trouble: str, now: int) -> Recovered:
    log.error("the database is damaged; saving what can be read", database=str(database), trouble=trouble)
    aside = set_aside(database, "damaged", now, fold=False)
    with tempfile.TemporaryDirectory(prefix=".tether-recover-", dir=database.resolve().parent) as folder:
        saved, path = _save(aside, Path(folder))
        recovered = Recovered(trouble=trouble, aside=aside, salvaged=saved)
        recovery_note.write(database, recovered, now)
        put_in_place(path, database)
    log.error("the database was recovered", result=recovered.words)
    return recovered


# ---------------------------------------------------------------- the ways of saving


def _save(damaged: Path, folder: Path) -> tuple[Salvaged, Path]:
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
