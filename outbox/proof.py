"""What a database file that nobody has opened proves of itself: its pages, its audit's chain, and how much is in it.

For backups, for what is restored from them, and for `tether doctor`. It only reads, in the calling thread: call it in one of its own.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path

import msgspec

from outbox.audit_base import WHOLE, is_vouched, read_base
from outbox.chain import link
from outbox.faults import in_our_words, is_no_damage
from outbox.migrate import migrations
from outbox.queries import Queries
from outbox.readable import garbled, unreadable

_SQL = Queries("proof.sql")

STEPS_BETWEEN_LOOKS = 20_000
"""Steps of SQLite's machine between two looks at the clock."""
BUSY_SECONDS = 5.0
MOST_TOLD = 5


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """`entries` up to `head` hang together when `first_bad` is None."""

    schema: int
    entries: int
    epoch: str = ""
    seq: int = 0
    """The newest entry's."""
    head: str
    """The newest entry's hash: who has it can tell that nothing before it was changed."""
    newest_at: int
    """When (ms) the newest entry was made; 0 without any."""
    first_bad: int | None
    counts: Mapping[str, int]
    """Rows by table."""


def trouble_with(
    path: Path, *, whole: bool = False, rows: bool = False, go_on: Callable[[], bool] = lambda: True
) -> str | None:
    """What SQLite finds wrong with the file; "" for nothing, None when `go_on` ended the search before its end.

    `whole` also compares indexes with tables, which takes several times as long. `rows` also reads what stands in the rows, in a
    database of this release's schema. Raises StorageBusy where the file can't be opened, which says nothing of what is in it.
    """
    stopped = False

    def look() -> int:
        nonlocal stopped
        stopped = stopped or not go_on()
        return int(stopped)

    try:
        with closing(opened_to_read(path)) as db:
            db.set_progress_handler(look, STEPS_BETWEEN_LOOKS)
            found = [str(row[0]) for row in db.execute(_SQL["whole" if whole else "quick"])]
            if found == ["ok"] and rows:
                found = list(islice(_unreadable(db, go_on), MOST_TOLD)) or found
    except sqlite3.DatabaseError as error:
        if not stopped and is_no_damage(error):
            raise in_our_words(error) from error
        return None if stopped else str(error)
    except UnicodeDecodeError:
        return "its schema can't be read"
    return "" if found == ["ok"] else "; ".join(found)[:500]


def _unreadable(db: sqlite3.Connection, go_on: Callable[[], bool]) -> Iterator[str]:
    lost = [f"{table}: a text in it can't be read" for table in garbled(db, go_on)]
    if lost:
        yield from lost
    elif db.execute(_SQL["schema"]).fetchone()[0] == migrations()[-1][0]:
        for table, column, seq in unreadable(db, go_on):
            yield f"{table} {seq}: its {column} can't be read"


def prove(path: Path) -> Proof:
    """Compute the audit's chain anew and count. Raises StorageDamaged, StorageBusy; OutboxError's text says which file."""
    try:
        with closing(opened_to_read(path)) as db:
            base = read_base(next((value for (value,) in db.execute(_SQL["base"])), None))
            before, entries, newest_at, first_bad, last_epoch, last_seq = base.before, 0, 0, None, "", 0
            vouched = base == WHOLE
            for epoch, seq, at, kind, actor, order_ref, message_id, detail, digest in db.execute(_SQL["entries"]):
                before = link(before, epoch, seq, at, kind, actor, order_ref, message_id, detail)
                entries, newest_at, last_epoch, last_seq = entries + 1, at, epoch, seq
                if first_bad is None and (seq != base.seq + entries or digest != before):
                    first_bad = min(seq, base.seq + entries)
                before = digest
                vouched = vouched or (first_bad is None and is_vouched(base, kind, detail))
            if first_bad is None and not vouched:
                first_bad = base.seq + 1
            tables = [name for (name,) in db.execute(_SQL["tables"])]
            counts = {name: int(db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]) for name in tables}  # noqa: S608
            schema = int(db.execute(_SQL["schema"]).fetchone()[0])
    except sqlite3.Error as error:
        raise in_our_words(error) from error
    return Proof(
        schema=schema,
        entries=entries,
        epoch=last_epoch,
        seq=last_seq,
        head=before.hex(),
        newest_at=newest_at,
        first_bad=first_bad,
        counts=counts,
    )


def copy_of(path: Path, copy: Path) -> None:
    """A consistent copy of a database that others may be writing to. Raises StorageFull, StorageDamaged, StorageBusy.

    In one step: in WAL mode that is one reader's snapshot, which disturbs no writer, while a copy in slices begins anew with every
    commit between them.
    """
    try:
        with closing(opened_to_read(path)) as db, closing(sqlite3.connect(copy)) as target:
            db.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise in_our_words(error) from error


def opened_to_read(path: Path) -> sqlite3.Connection:
    """A connection that only reads, also beside others."""
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    db.execute(_SQL["reader"])
    return db
