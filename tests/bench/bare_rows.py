"""The rows of an event's life: recorded while the outbox writes them, then written again into the same schema by sqlite3 alone.

What is recorded are the statements over rows (`outbox.queries.RowStatement`) and where each transaction ended, of events that are taken,
tried and settled in groups of the same size. Written again they are one `executemany` a table and kind, prepared beforehand, and a commit.
"""

import re
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec

from outbox.migrate import migrate
from outbox.queries import Queries, RowStatement
from tests.bench.store_filled import life, opened, posted

_INSERT = re.compile(r"INSERT (OR \w+ )?INTO (\w+) \(([^)]*)\)")
_UPDATE = re.compile(r"UPDATE (\w+) SET (.*?) FROM", re.DOTALL)
_BLOB = re.compile(r"CAST\((?:v\.)?column(\d+) AS BLOB\)")


class Written(msgspec.Struct):
    """One statement with all its rows; `sql` "": the transaction ends here."""

    sql: str = ""
    rows: Sequence[Sequence[Any]] = ()


async def lives(folder: Path, count: int, together: int) -> list[Written]:
    """What the outbox writes for that many events, so many at a time."""
    folder.mkdir()
    recorded: list[Written] = []

    def execute(statement: RowStatement, db: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            recorded.append(_bare(statement, rows))
        return real(statement, db, rows)

    real = RowStatement.execute
    async with opened(folder) as box:
        await life(box, [posted(0)])
        box.when_committed(lambda: recorded.append(Written()))
        with mock.patch.object(RowStatement, "execute", execute):
            for start in range(1, count + 1, together):
                await life(box, [posted(number) for number in range(start, start + together)])
    return recorded


def _bare(statement: RowStatement, rows: Sequence[Sequence[Any]]) -> Written:
    """The statement for one row, and the rows with their blobs as bytes, so that nothing is left to convert."""
    sql = statement.explain()[1]
    blobs = {int(place) - 1 for place in _BLOB.findall(sql)}
    values = [
        tuple(value.encode() if n in blobs and isinstance(value, str) else value for n, value in enumerate(row))
        for row in rows
    ]
    if found := _INSERT.search(sql):
        places = ", ".join("?" * len(statement.columns))
        return Written(f"INSERT {found[1] or ''}INTO {found[2]} ({found[3]}) VALUES ({places})", values)
    found = _UPDATE.search(sql)
    assert found is not None, sql
    names = [name for name in statement.columns if name != "seq"]
    assert statement.columns[0] == "seq", sql
    return Written(
        f"UPDATE {found[1]} SET {', '.join(f'{name} = ?' for name in names)} WHERE seq = ?",
        [(*row[1:], row[0]) for row in values],
    )


def written_by(path: Path, recorded: Sequence[Written], rest: float = 0.0) -> float:
    """Seconds of processor that sqlite3 takes for them, at the service's own durability; `rest`: seconds before each transaction."""
    settings = Queries("store.sql")
    db = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    db.executescript(settings["before_anything"])
    migrate(db, path)
    db.executescript(settings["writer"])
    took, began = 0.0, time.process_time()
    for number, each in enumerate(recorded):
        if number == 0 or not recorded[number - 1].sql:
            took += time.process_time() - began
            time.sleep(rest)
            began = time.process_time()
            db.execute("BEGIN IMMEDIATE")
        if each.sql:
            db.executemany(each.sql, each.rows)
        else:
            db.execute("COMMIT")
    took += time.process_time() - began
    assert db.execute("SELECT count(*) FROM attempt WHERE outcome = 'accepted'").fetchone()[0] > 0
    db.close()
    return took
