"""Reads the named statements of `sql/*.sql`, so that SQL is text that can be read, and each statement has a name and a sentence.

A block is `-- name: a sentence` and the statement under it. A name that is missing fails at import; tests/store finds the unused.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from outbox.tables import fill

FOLDER = Path(__file__).parent / "sql"

_BLOCK = re.compile(r"^-- ([a-z][a-z0-9_]*): .+\n((?:(?!^-- [a-z][a-z0-9_]*: ).*\n?)+)", re.MULTILINE)
_ROW = re.compile(r"VALUES \(((?:\s*:\w+,?)+)\s*\)")
_MANY = re.compile(r"\s*FROM \(VALUES \([^)]*\)\)(?: AS v)?(?: WHERE column1 IS NOT NULL)?")
_COLUMN = re.compile(r"(?:v\.)?\bcolumn(\d+)\b")
_SELECT = re.compile(r"\bSELECT (.+)$", re.DOTALL)
_MOST = 64
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Queries(Mapping[str, str]):
    """The statements of one file by name."""

    def __init__(self, file: str, folder: Path = FOLDER) -> None:
        self._file = file
        text = (folder / file).read_text(encoding="utf-8")
        self._blocks: dict[str, str] = {name: fill(sql.strip().removesuffix(";")) for name, sql in _BLOCK.findall(text)}

    def __getitem__(self, name: str) -> str:
        if name not in self._blocks:
            raise LookupError(f"sql/{self._file} has no statement {name!r}")
        return self._blocks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._blocks)

    def __len__(self) -> int:
        return len(self._blocks)

    def rows(self, name: str) -> "RowStatement":
        return RowStatement(self[name])


class RowStatement:
    """A statement over many rows at once: its one `VALUES (:a, :b)` is repeated as often as there are rows.

    One step of SQLite for many rows keeps the interpreter free meanwhile: `executemany` comes back to it for each row. So that few
    forms of the statement are ever compiled, rows are filled up to the next power of two with rows of NULL, which the statement must
    leave out. One row alone goes without the table of rows, which costs as much as the writing itself. Rows are sequences in the order in
    which the statement names its values (`columns`); the first is never NULL.
    """

    def __init__(self, sql: str) -> None:
        match = _ROW.search(sql)
        if match is None:
            raise LookupError(f"no VALUES (:a, :b) in: {sql}")
        self.columns = tuple(re.findall(r":(\w+)", match[1]))
        self._nothing = (None,) * len(self.columns)
        row = "(" + ", ".join("?" * len(self.columns)) + ")"
        head, tail = sql[: match.start()] + "VALUES ", sql[match.end() :]
        self._sql = {size: head + ", ".join([row] * size) + tail for size in _SIZES}
        self._one, self._places = _for_one(sql, len(self.columns))

    def execute(self, db: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
        if len(rows) == 1:
            db.execute(self._one, [rows[0][place] for place in self._places])
            return
        for start in range(0, len(rows), _MOST):
            some = rows[start : start + _MOST]
            size = 1 << (len(some) - 1).bit_length()
            values = list(chain.from_iterable(some))
            values.extend(self._nothing * (size - len(some)))
            db.execute(self._sql[size], values)

    def explain(self) -> Sequence[str]:
        """The statement for one row and for a few, for tests of its plan."""
        return self._one, self._sql[4]


def _for_one(sql: str, columns: int) -> tuple[str, Sequence[int]]:
    """The same statement for one row, and which of its values each `?` is: `column2` of the table of rows is the second."""
    one = _MANY.sub("", sql).replace("SELECT *", "SELECT " + ", ".join(f"column{n}" for n in range(1, columns + 1)))
    places = [int(column) - 1 for column in _COLUMN.findall(one)]
    one = _COLUMN.sub("?", one)
    return (_SELECT.sub(r"VALUES (\1)", one) if one.startswith("INSERT") else one), places
