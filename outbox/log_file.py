"""The log beside a database (SQLite's `-wal`): whether it is one, and whether it is this database's own.

SQLite passes over a log that it can't read, in silence, and takes one that is sound in itself as its own, whosever it is.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
"""How a log begins (sqlite.org/fileformat2.html, 4.1)."""
_FIRST_EPOCH = "SELECT id FROM epoch ORDER BY first_seq LIMIT 1"


def log_of(database: Path) -> Path:
    """Beside the file itself, where the database's name is a link."""
    real = database.resolve()
    return real.with_name(real.name + "-wal")


def trouble_with_log(database: Path) -> str:
    """Why the log can't be used; "" where it can, or there is none."""
    path = log_of(database)
    if not path.exists() or not path.stat().st_size:
        return ""
    if not _begins_as_one(path):
        return "its log (-wal) can't be read: what was in it alone is lost"
    own = _first_epoch(database, "immutable=1")
    logged = own and _first_epoch(
        database, "mode=ro"
    )  # of an empty database SQLite takes the log away, whoever opens it
    return "its log (-wal) belongs to another database" if logged and own != logged else ""


def _begins_as_one(path: Path) -> bool:
    with path.open("rb", buffering=0) as file:
        try:
            return file.read(4) in _MAGIC
        except OSError:  # a card that dies
            return False


def _first_epoch(database: Path, how: str) -> str:
    """The first word of its history: "" where that can't be read. Only read: whoever may write brings the log in when it closes."""
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?{how}", uri=True, isolation_level=None)) as db:
            found = db.execute(_FIRST_EPOCH).fetchone()
    except (sqlite3.Error, ValueError):
        return ""
    return str(found[0]) if found else ""
