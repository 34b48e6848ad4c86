"""A database whose first page is gone still has its tables: a new one of the same schema knows where they begin.

Databases of one release are made by the same statements in the same order, so their tables' roots lie on the same pages. The pages
that hold the schema (the first, and those it leads to) are taken from a new one; what that gives is held against what else can be
saved, and kept only if it is more.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from outbox.migrate import migrate
from outbox.queries import Queries

_SQL = Queries("store.sql")

HEADER = 100
"""Bytes of the file's header, in front of the first page's own (sqlite.org/fileformat2.html)."""
_PAGES_AT = 28
"""Where the header says how many pages there are, the first free one, and how many of those."""
_INTERIOR_TABLE = 5


def graft(damaged: Path, target: Path) -> None:
    """Make `target` from `damaged` with the schema's pages of a new database. Raises sqlite3.Error, OSError."""
    fresh = target.with_suffix(".fresh")
    with closing(sqlite3.connect(fresh, isolation_level=None)) as db:
        db.executescript(_SQL["before_anything"])
        migrate(db, fresh)
        db.execute("PRAGMA journal_mode = DELETE")
        size = int(db.execute("PRAGMA page_size").fetchone()[0])
    shutil.copyfile(damaged, target)
    with target.open("r+b") as file, fresh.open("rb") as sound:
        for number in _schema_pages(sound.read(), size):
            sound.seek((number - 1) * size)
            file.seek((number - 1) * size)
            file.write(sound.read(size))
        file.seek(_PAGES_AT)
        file.write(
            (damaged.stat().st_size // size).to_bytes(4) + bytes(8)
        )  # none of them free: which were is not known any more
    fresh.unlink()


def _schema_pages(content: bytes, size: int) -> Iterator[int]:
    """The pages of the tree that begins on the first one."""
    waiting = [1]
    while waiting:
        number = waiting.pop()
        yield number
        page = content[(number - 1) * size : number * size]
        start = HEADER if number == 1 else 0
        if page[start] != _INTERIOR_TABLE:
            continue
        cells = int.from_bytes(page[start + 3 : start + 5])
        places = (int.from_bytes(page[start + 12 + 2 * n : start + 14 + 2 * n]) for n in range(cells))
        waiting += [int.from_bytes(page[place : place + 4]) for place in places]
        waiting.append(int.from_bytes(page[start + 8 : start + 12]))
