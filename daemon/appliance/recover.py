"""A damaged database is noticed at the start, set aside, and saved as far as it can be read, so that the service comes up taking events.

Two ways are tried, and the one that saves more is kept: SQLite's own recovery (`sqlite3 FILE .recover`, where that program is
installed), and reading row by row (outbox.salvage).
"""

import asyncio
import contextlib
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path
from typing import IO

import msgspec
import structlog

from daemon.appliance.swap import put_in_place, set_aside
from outbox import Outbox
from outbox.clock import Clock
from outbox.lock import Lock
from outbox.proof import trouble_with
from outbox.salvage import Salvaged, salvage

log = structlog.get_logger(__name__)

LOOK_SECONDS = 10.0
"""How long a start may wait for the look at all pages; what it has not seen by then is taken as sound until it proves otherwise."""
RECOVER_SECONDS = 600
WORTH = ("orders", "event", "message", "audit", "consent", "token")
"""Whose rows are counted when two attempts at saving are compared."""


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    trouble: str
    aside: Path
    salvaged: Salvaged

    @property
    def words(self) -> str:
        rows = self.salvaged.rows
        lost = f"; {self.salvaged.optouts_lost} opt-outs are lost" if self.salvaged.optouts_lost else ""
        return (
            f"the database was damaged ({self.trouble}); saved were {rows.get('orders', 0)} orders and "
            f"{rows.get('message', 0)} messages{lost}. The damaged file is {self.aside.name}; `tether restore latest` goes back to a backup"
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


async def record(box: Outbox, recovered: Recovered) -> None:
    """It is another history from here on, and the audit says why."""
    await box.audit.begin_epoch("recovered from damage")
    detail = {
        "trouble": recovered.trouble,
        "aside": recovered.aside.name,
        "saved": dict(recovered.salvaged.rows),
        "dropped": recovered.salvaged.dropped,
        "optouts_lost": recovered.salvaged.optouts_lost,
    }
    await box.audit.append("database.recovered", detail=detail)


def _make_sound(database: Path, clock: Clock) -> Recovered | None:
    if not database.exists():
        return None
    lock = Lock(database)
    lock.take()
    try:
        marked = mark_path(database).exists()
        end = clock.monotonic() + LOOK_SECONDS
        trouble = trouble_with(database, whole=marked, go_on=lambda: marked or clock.monotonic() < end)
        recovered = _repair(database, trouble, clock.now()) if trouble else None
        mark_path(database).unlink(missing_ok=True)
        return recovered
    finally:
        lock.release()


def _repair(database: Path, trouble: str, now: int) -> Recovered:
    log.error("the database is damaged; saving what can be read", database=str(database), trouble=trouble)
    aside = set_aside(database, "damaged", now)
    with tempfile.TemporaryDirectory(prefix=".tether-recover-", dir=database.parent) as folder:
        saved, path = _save(aside, Path(folder))
        put_in_place(path, database)
    recovered = Recovered(trouble=trouble, aside=aside, salvaged=saved)
    log.error("the database was recovered", result=recovered.words)
    return recovered


def _save(damaged: Path, folder: Path) -> tuple[Salvaged, Path]:
    by_rows = folder / "by_rows.db"
    attempts = [(salvage(damaged, by_rows), by_rows)]
    raw = folder / "raw.db"
    if _sqlite_recovers(damaged, raw):
        by_pages = folder / "by_pages.db"
        attempts.append((salvage(raw, by_pages), by_pages))
    return max(attempts, key=lambda attempt: sum(attempt[0].rows.get(name, 0) for name in WORTH))


def _sqlite_recovers(damaged: Path, raw: Path) -> bool:
    """SQLite's own recovery finds rows whose pages lost their place in the tree. False where it can't be had, or finds nothing."""
    program = shutil.which("sqlite3")
    if program is None:
        return False
    script = raw.with_suffix(".sql")
    try:
        with script.open("wb") as said:
            _run([program, "-batch", str(damaged), ".recover --ignore-freelist"], said, subprocess.DEVNULL)
        with script.open("rb") as told:
            _run([program, "-batch", str(raw)], subprocess.DEVNULL, told)
        with contextlib.closing(sqlite3.connect(raw)) as db:
            return bool(db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    except (subprocess.TimeoutExpired, sqlite3.Error):
        return False


def _run(command: list[str], said: IO[bytes] | int, told: IO[bytes] | int) -> None:
    """Whatever its exit code: it ends with one when there was something that it could not save, and what it saved is what counts."""
    subprocess.run(  # noqa: S603 - a program of the system's, on files of our own
        command, stdin=told, stdout=said, stderr=subprocess.DEVNULL, timeout=RECOVER_SECONDS, check=False
    )
