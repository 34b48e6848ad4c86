"""Pages of lists that are short in every store, and at hand whole."""

from collections.abc import Sequence
from typing import TypeVar

from daemon.wire.queries import ShortListQuery

T = TypeVar("T")


def page_of(rows: Sequence[T], query: ShortListQuery) -> tuple[Sequence[T], str | None]:
    """The items and `next`: the cursor is how many came before. Raises ValueError for one that is none."""
    cursor = query.cursor or "0"
    if not (cursor.isascii() and cursor.isdecimal()):
        raise ValueError("it is none of this list's")
    begin = int(cursor)
    end = begin + query.limit
    return rows[begin:end], str(end) if end < len(rows) else None
