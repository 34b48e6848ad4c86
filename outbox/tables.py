"""The columns of each table that operations write, taken from the rows that hold them (`outbox.rows`), and filled into the SQL.

In `sql/*.sql`, `{message.columns}` and its like stand for lists of columns (the properties of `Table`), and `{order.status}` for the place
that a field has in a stored JSON array. A new column is a field of its row and a migration; a name that is none fails at import.
"""

import re
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, get_type_hints

import msgspec

from outbox.model import Order
from outbox.rows import BLOB, CHANGES, AttemptRow, AuditEntry, EventRow, Joined, MessageBody, MessageRow, StoredOrder

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\.([a-z_]+)\}")


class Table:
    """One table as SQL and the writer need it: what its row's annotations say of each column."""

    def __init__(self, alias: str, row: type[msgspec.Struct], *, derived: tuple[str, ...] = ()) -> None:
        """`alias`: what queries call it. `derived`: columns that follow from the others, as properties of the row."""
        hints = get_type_hints(row, include_extras=True)
        notes = {name: getattr(hints[name], "__metadata__", ()) for name in row.__struct_fields__}
        joined = {name: note.column for name, marks in notes.items() for note in marks if isinstance(note, Joined)}
        self._alias = alias
        self._blobs = {name for name, marks in notes.items() if BLOB in marks}
        self._read = {name: joined.get(name, f"{alias}.{name}") for name in notes}
        self._inserted = (*(name for name in notes if name not in joined), *derived)
        self._changed = ("seq", *(name for name, marks in notes.items() if CHANGES in marks))
        self.inserted: Callable[[Any], tuple[Any, ...]] = attrgetter(*self._inserted)
        """A row's values, as `values` names them."""
        self.changed: Callable[[Any], tuple[Any, ...]] = attrgetter(*self._changed)
        """A row's values, as `changed_values` names them."""

    def fragments(self) -> Mapping[str, str]:
        """What stands for `{table.NAME}` in a statement."""
        return {
            "columns": ", ".join(self._inserted),
            "values": ", ".join(f":{name}" for name in self._inserted),
            "selected": ", ".join(self._as_stored(name, n) for n, name in enumerate(self._inserted, 1)),
            "changes": ", ".join(
                f"{name} = {self._as_stored(name, n, 'v.')}" for n, name in enumerate(self._changed, 1) if n > 1
            ),
            "changed_values": ", ".join(f":{name}" for name in self._changed),
            "row": ", ".join(
                f"CAST({column} AS TEXT)" if name in self._blobs else column for name, column in self._read.items()
            ),
        }

    def _as_stored(self, name: str, n: int, of: str = "") -> str:
        return f"CAST({of}column{n} AS BLOB)" if name in self._blobs else f"{of}column{n}"


MESSAGE = Table("m", MessageRow, derived=("open",))
ATTEMPT = Table("a", AttemptRow)
ORDER = Table("o", StoredOrder)
EVENT = Table("e", EventRow)
AUDIT = Table("u", AuditEntry)


def _places(kind: type[msgspec.Struct]) -> Mapping[str, str]:
    return {name: f"$[{place}]" for place, name in enumerate(kind.__struct_fields__)}


_FRAGMENTS: Mapping[str, Mapping[str, str]] = {
    "message": MESSAGE.fragments(),
    "attempt": ATTEMPT.fragments(),
    "orders": ORDER.fragments(),
    "event": EVENT.fragments(),
    "audit": AUDIT.fragments(),
    "order": _places(Order),
    "message_body": _places(MessageBody),
}


def fill(sql: str) -> str:
    """The statement with its lists of columns. Raises KeyError for a placeholder that names nothing."""
    return _PLACEHOLDER.sub(lambda found: _FRAGMENTS[found[1]][found[2]], sql)
