"""Every kind of damage that a card, a power cut or a person does to a database file, by a seed."""

import random
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

PAGE = 1024
INTERIOR, LEAF = 5, 13
"""What a page of a table begins with (https://www.sqlite.org/fileformat2.html#b_tree_pages); an interior one's cells, with a child's number."""

Damage = Callable[[Path, random.Random], None]


def a_text_file(database: Path, rng: random.Random) -> None:
    database.write_text("this is the shopping list\n" * rng.randrange(1, 2000))


def nothing_in_it(database: Path, rng: random.Random) -> None:
    database.write_bytes(b"")


def zeroes(database: Path, rng: random.Random) -> None:
    database.write_bytes(bytes(database.stat().st_size))


def first_page_zeroed(database: Path, rng: random.Random) -> None:
    _write(database, 0, bytes(PAGE))


def header_noise(database: Path, rng: random.Random) -> None:
    _write(database, rng.randrange(100), rng.randbytes(rng.randrange(1, 16)))


def first_pages_noise(database: Path, rng: random.Random) -> None:
    _write(database, rng.choice([0, 100, PAGE]), rng.randbytes(PAGE * rng.randrange(1, 20)))


def truncated(database: Path, rng: random.Random) -> None:
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.truncate(rng.choice([rng.randrange(1, size), rng.randrange(1, size // PAGE) * PAGE, 50, 100, 512]))


def random_pages(database: Path, rng: random.Random) -> None:
    pages = database.stat().st_size // PAGE
    for _ in range(rng.choice([1, 3, 10, pages // 4, pages])):
        _write(database, rng.randrange(pages) * PAGE, rng.randbytes(PAGE))


def zeroed_pages(database: Path, rng: random.Random) -> None:
    pages = database.stat().st_size // PAGE
    for _ in range(rng.choice([1, 5, pages // 5])):
        _write(database, rng.randrange(pages) * PAGE, bytes(PAGE))


def swapped_pages(database: Path, rng: random.Random) -> None:
    content, pages = bytearray(database.read_bytes()), database.stat().st_size // PAGE
    for _ in range(rng.choice([1, 5, 50])):
        one, other = (rng.randrange(1, pages) * PAGE for _ in range(2))
        content[one : one + PAGE], content[other : other + PAGE] = (
            content[other : other + PAGE],
            content[one : one + PAGE],
        )
    database.write_bytes(content)


def flipped_bits(database: Path, rng: random.Random) -> None:
    content = bytearray(database.read_bytes())
    for _ in range(rng.choice([1, 20, 2000])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    database.write_bytes(content)


def a_log_of_noise(database: Path, rng: random.Random) -> None:
    _log(database).write_bytes(rng.randbytes(rng.randrange(1, 64 * PAGE)))


def the_log_of_another(database: Path, rng: random.Random) -> None:
    """A log that is sound in itself, and belongs to some other database."""
    shutil.copyfile(database.with_name("another.db-wal"), _log(database))


KINDS: Mapping[str, Damage] = {
    each.__name__: each
    for each in (
        a_text_file,
        nothing_in_it,
        zeroes,
        first_page_zeroed,
        header_noise,
        first_pages_noise,
        truncated,
        random_pages,
        zeroed_pages,
        swapped_pages,
        flipped_bits,
        a_log_of_noise,
        the_log_of_another,
    )
}


def damage_table(database: Path, table: str) -> None:
    """Write nonsense over a leaf in the middle of a table."""
    with closing(sqlite3.connect(database)) as db:
        size = db.execute("PRAGMA page_size").fetchone()[0]
        number = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
    with database.open("r+b") as file:
        while (page := _page(file, number, size))[0] != LEAF:
            assert page[0] == INTERIOR
            cells = int.from_bytes(page[3:5], "big")
            at = int.from_bytes(page[12 + 2 * (cells // 2) : 14 + 2 * (cells // 2)], "big")
            number = int.from_bytes(page[at : at + 4], "big")
        file.seek((number - 1) * size)
        file.write(b"\xa5" * size)


def _page(file: BinaryIO, number: int, size: int) -> bytes:
    file.seek((number - 1) * size)
    return file.read(size)


def _log(database: Path) -> Path:
    return database.with_name(database.name + "-wal")


def _write(database: Path, place: int, content: bytes) -> None:
    with database.open("r+b") as file:
        file.seek(place)
        file.write(content)
