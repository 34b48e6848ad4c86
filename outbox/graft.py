"""A database whose first page is gone still has its tables: a new one of the same schema knows where they begin.

Databases of one release are made by the same statements in the same order, so their tables' roots lie on the same pages. The pages
that hold the schema (the first, and those it leads to) are taken from a new one; what that gives is held against what else can be
saved, and kept only if it is more.
"""

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
_RESERVED_AT = 20
"""Where it says how many bytes of each page are not used."""
_INTERIOR_TABLE = 5


def graft(damaged: Path) -> None:
    """Put the schema's pages of a new database into it: a copy that is ours to change. Raises sqlite3.Error, OSError."""
    fresh = damaged.with_suffix(".fresh")
    with closing(sqlite3.connect(fresh, isolation_level=None)) as db:
        db.executescript(_SQL["before_anything"])
        migrate(db, fresh)
        db.execute("PRAGMA journal_mode = DELETE")
        size = int(db.execute("PRAGMA page_size").fetchone()[0])
    pages = damaged.stat().st_size // size
    with damaged.open("r+b") as file, fresh.open("rb") as sound:
        for number in _schema_pages(sound.read(), size):
            sound.seek((number - 1) * size)
            file.seek((number - 1) * size)
            file.write(sound.read(size))
        file.seek(_PAGES_AT)
        file.write(pages.to_bytes(4) + bytes(8))  # none of them free: which were is not known any more
    fresh.unlink()


def _schema_pages(content: bytes, size: int) -> Iterator[int]:
    """The pages of the tree that begins on the first one, with those on which its longer rows go on."""
    usable = size - content[_RESERVED_AT]
    waiting = [1]
    while waiting:
        number = waiting.pop()
        yield number
        page = content[(number - 1) * size : number * size]
        start = HEADER if number == 1 else 0
        cells = int.from_bytes(page[start + 3 : start + 5])
        if page[start] != _INTERIOR_TABLE:
            places = (_number(page, start + 8 + 2 * n, 2) for n in range(cells))
            for first in filter(None, (_goes_on(page, place, usable) for place in places)):
                yield from _chain(content, size, first)
            continue
        places = (_number(page, start + 12 + 2 * n, 2) for n in range(cells))
        waiting += [_number(page, place, 4) for place in places]
        waiting.append(_number(page, start + 8, 4))


def _number(page: bytes, at: int, width: int) -> int:
    return int.from_bytes(page[at : at + width])


def _goes_on(page: bytes, at: int, usable: int) -> int:
    """The page on which that row of a table's leaf goes on; 0: it is whole. By "B-tree Cell Format" of sqlite.org/fileformat2.html."""
    length, at = _varint(page, at)
    _, at = _varint(page, at)
    if length <= usable - 35:
        return 0
    least = (usable - 12) * 32 // 255 - 23
    here = least + (length - least) % (usable - 4)
    return _number(page, at + (here if here <= usable - 35 else least), 4)


def _varint(page: bytes, at: int) -> tuple[int, int]:
    """A number of at most eight bytes, and where it ends: no row of the schema has a longer one."""
    value = 0
    while page[at] & 0x80:
        value, at = value << 7 | page[at] & 0x7F, at + 1
    return value << 7 | page[at], at + 1


def _chain(content: bytes, size: int, number: int) -> Iterator[int]:
    while number:
        yield number
        number = _number(content, (number - 1) * size, 4)
