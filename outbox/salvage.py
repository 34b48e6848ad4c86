"""Saves what can be read of a damaged database into a new one, and makes the rest hang together again.

Tables are read row by row along their primary key from both ends, and between them by probing, so that a ruined page costs only its own
rows. What depends on lost rows goes; chains from row to row are made anew; the audit's own chain is left as it is, so that `verify` names
the place of the loss. Runs in the calling thread, on files that nobody has open.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from outbox import order_people
from outbox.log_file import log_of
from outbox.losses import OF_TABLE, OPTOUTS, lost_with
from outbox.migrate import migrate, migrations
from outbox.queries import Queries
from outbox.readable import MEND, unreadable
from outbox.rekey import find_told, put_under_new_key
from outbox.salvaged import Salvaged

_SQL = Queries("salvage.sql")
_STORE = Queries("store.sql")

MOST_PROBES = 4000
"""Places tried in a table between what can be read from its ends."""
_TREE_PAGES = (b"\x02", b"\x05", b"\x0a", b"\x0d")
"""How a page of a table's or an index's tree begins ("B-tree Pages" of sqlite.org/fileformat2.html)."""

_MEND = (
    "drop_messages",
    "drop_events",
    "drop_attempts",
    "drop_orders",
    "late_epochs",
    "first_epoch",
    "chain_events",
    "chain_orders",
    "chain_attempts",
    "chain_messages",
    "stop_senders",
    "late_orders",
    "late_replies",
    "order_queues",
    "drop_order_people",
    "drop_people",
    "index_again",
)
"""What makes it hang together, in this release's schema."""


def salvage(source: Path, target: Path) -> Salvaged:
    """Make `target` from what can be read of `source`, which is only read. Raises sqlite3.Error when `target` can't be written."""
    with closing(open_damaged(source)) as old, closing(sqlite3.connect(target, isolation_level=None)) as new:
        new.executescript(_STORE["before_anything"])
        migrate(new, target, _steps(old))
        new.execute("PRAGMA synchronous = OFF")
        new.execute("BEGIN")
        copied = {name: _copy(source, old, new, name) for (name,) in new.execute(_SQL["tables"]).fetchall()}
        dropped, gaps = sum(unkept for unkept, _ in copied.values()), sum(gap for _, gap in copied.values())
        lost = lost_with(name for name in copied.keys() & OF_TABLE.keys() if any(copied[name]) or is_damaged(old, name))
        dropped += _drop_unreadable(new)
        new.execute("COMMIT")
        migrate(new, target, backup=False)
        new.execute("BEGIN")
        optouts_lost = 0 if new.execute(_SQL["key"]).fetchone() else put_under_new_key(new)
        find_told(new)
        dropped += sum(max(new.execute(_SQL[name]).rowcount, 0) for name in _MEND if name.startswith("drop_"))
        for name in _MEND:
            if not name.startswith("drop_"):
                new.execute(_SQL[name])
        order_people.index_anew(new)
        new.execute("COMMIT")
        new.execute("PRAGMA synchronous = FULL")
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows = {
            name: int(new.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608 - names of our own schema
            for (name,) in new.execute(_SQL["tables"]).fetchall()
        }
    if optouts_lost:
        lost |= {OPTOUTS}
    return Salvaged(rows=rows, dropped=dropped, optouts_lost=optouts_lost, gaps=gaps, lost=lost)


def _drop_unreadable(new: sqlite3.Connection) -> int:
    """Rows whose page is sound and whose value is not."""
    dropped = 0
    for table, column, seq in list(unreadable(new)):
        mend = MEND[table, column]
        new.execute(_SQL[mend], {"seq": seq})
        dropped += mend.startswith("drop_")
    return dropped


def open_damaged(source: Path) -> sqlite3.Connection:
    """To read what can be read; text that is no text any more is read all the same."""
    db = sqlite3.connect(source, isolation_level=None)
    db.execute("PRAGMA query_only = ON")
    db.execute("PRAGMA cell_size_check = ON")
    db.text_factory = lambda value: value.decode("utf-8", "replace")
    return db


def _steps(old: sqlite3.Connection) -> Sequence[tuple[int, str]]:
    """The schema that the damaged file had, when it still says so: what it holds is brought up to date once it is read."""
    steps = migrations()
    try:
        version = int(old.execute("PRAGMA user_version").fetchone()[0])
    except (sqlite3.Error, ValueError):
        return steps
    return steps[:version] if 0 < version < len(steps) else steps


def _copy(source: Path, old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> tuple[int, bool]:
    """Returns how many rows could be read and not kept, and whether there is a gap that could not be read."""
    wanted = new.execute(_SQL["columns"], {"name": table}).fetchall()
    try:
        present = {name for name, _ in old.execute(_SQL["columns"], {"name": table})}
        has_root = _has_root(source, old, table)
    except (sqlite3.Error, ValueError, OSError):  # no text in a message of SQLite's, a card that dies
        return 0, True
    columns = [name for name, _ in wanted if name in present]
    key = [name for name, place in sorted(wanted, key=lambda column: column[1]) if place]
    if not set(key) <= set(columns) or not has_root:
        return 0, True
    names = ", ".join(f'"{name}"' for name in columns)
    insert = f'INSERT OR IGNORE INTO "{table}" ({names}) VALUES ({", ".join("?" * len(columns))})'  # noqa: S608
    dropped, reader = 0, TableReader(old, table, columns, key)
    for row in reader.rows():
        try:
            dropped += not new.execute(insert, row).rowcount
        except (sqlite3.IntegrityError, sqlite3.InterfaceError, OverflowError):
            dropped += 1
    return dropped, not reader.is_whole


def _has_root(source: Path, old: sqlite3.Connection, table: str) -> bool:
    """Whether the page on which a table begins can be one: without it no row can be reached, wherever one looks for it."""
    log = log_of(source)
    if log.exists() and log.stat().st_size:
        return True  # the page may stand in there
    found = old.execute(_SQL["root"], {"name": table}).fetchone()
    if found is None:
        return False
    (root,), (size,) = found, old.execute("PRAGMA page_size").fetchone()
    with source.open("rb") as file:
        file.seek((root - 1) * size)
        return file.read(1) in _TREE_PAGES


def is_damaged(db: sqlite3.Connection, table: str) -> bool:
    """Whether its pages don't hang together: what was read of it to the end need not be all then."""
    try:
        found = [str(row[0]) for row in db.execute(f"PRAGMA quick_check('{table}')")]
    except (sqlite3.Error, ValueError):
        return True
    return found != ["ok"]


class TableReader:
    """The rows of one table that can still be read. Some may come twice."""

    def __init__(self, db: sqlite3.Connection, table: str, columns: Sequence[str], key: Sequence[str]) -> None:
        self._db = db
        names = ", ".join(f'"{name}"' for name in columns)
        self._keys = ", ".join(f'"{name}"' for name in key)
        self._places = [columns.index(name) for name in key]
        self._select = f'SELECT {names} FROM "{table}" NOT INDEXED'  # noqa: S608 - names of our own schema
        self._failed = False
        self.is_whole = True
        """As far as was read: nothing was in the way."""

    def rows(self) -> Iterator[Sequence[Any]]:
        ends: list[Any] = []
        for direction in ("ASC", "DESC"):
            last: Any = None
            order = ", ".join(f"{name} {direction}" for name in self._keys.split(", "))
            for row in self._until_it_fails(f"{self._select} ORDER BY {order}"):
                last = row[self._places[0]]
                yield row
            if not self._failed:
                return
            ends.append(last)
        low, high = ends
        if len(self._places) == 1 and isinstance(low, int) and isinstance(high, int):
            yield from self._between(low, high)
        elif len(self._places) == 1 and low is None and high is None:
            yield from self._between(0, 2**20)

    def _between(self, low: int, high: int) -> Iterator[Sequence[Any]]:
        """Numbered rows between what the ends gave: from places in between, each as far as it goes."""
        gaps, probes = [(low, high)], 0
        while gaps and probes < MOST_PROBES:
            start, end = gaps.pop(0)
            if end - start < 2:
                continue
            probes += 1
            middle, last = (start + end) // 2, None
            sql = f"{self._select} WHERE {self._keys} >= {middle} AND {self._keys} < {end} ORDER BY {self._keys}"
            for row in self._until_it_fails(sql):
                last = row[self._places[0]]
                yield row
            gaps.append((start, middle))
            if self._failed:
                gaps.append((middle if last is None else last, end))

    def _until_it_fails(self, sql: str) -> Iterator[Sequence[Any]]:
        self._failed = False
        try:
            yield from self._db.execute(sql)
        except (sqlite3.Error, ValueError):
            self._failed, self.is_whole = True, False
