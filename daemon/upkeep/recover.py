"""A damaged database is noticed at the start, set aside, and saved as far as it can be read, so that the service comes up taking events.

What is tried then is `daemon.upkeep.saving`. What became of it is noted beside the database before anything is put in its place, and told
at each start until staff have seen it (`daemon.upkeep.recovery_note`).
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import structlog

from daemon.keys.box_key import BoxKey
from daemon.keys.heads import vouch
from daemon.upkeep import recovery_note
from daemon.upkeep.mounts import bare_mount_point
from daemon.upkeep.recovery_note import Recovered
from daemon.upkeep.swap import put_in_place, set_aside
from outbox import Outbox
from outbox.clock import Clock
from outbox.confirmation import RestoredFrom
from outbox.errors import StorageBusy, StorageDamaged
from outbox.heads import Break
from outbox.lock import Lock
from outbox.log_file import log_of, trouble_with_log
from outbox.losses import OPTOUTS, WORDS
from outbox.proof import trouble_with
from outbox.salvaged import Salvaged

log = structlog.get_logger(__name__)

RECOVERED = "database.recovered"
LOOK_SECONDS = 10.0
"""How long a start may wait for the look at all pages; what it has not seen by then is taken as sound until it proves otherwise."""
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
    from daemon.upkeep.saving import save  # with all that can be tried: no other start needs it

    log.error("the database is damaged; saving what can be read", database=str(database), trouble=trouble)
    aside = set_aside(database, "damaged", now, fold=False)
    with tempfile.TemporaryDirectory(prefix=".tether-recover-", dir=database.resolve().parent) as folder:
        saved, path = save(aside, Path(folder))
        recovered = Recovered(trouble=trouble, aside=aside, salvaged=saved)
        recovery_note.write(database, recovered, now)
        put_in_place(path, database)
    log.error("the database was recovered", result=recovered.words)
    return recovered
