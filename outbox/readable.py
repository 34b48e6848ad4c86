"""Whether the rows of a database still mean something: SQLite checks its pages, and not what was written on them.

A card that flips a bit in the middle of a text leaves a sound page with a broken value, over which whoever reads it would fall.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from outbox.queries import Queries
from outbox.reasons import decode_args
from outbox.rows import decode_addresses, decode_body, decode_event, decode_order, decode_rendered

_SQL = Queries("proof.sql")

Decode = Callable[[Any], object]

_DECODE: Mapping[tuple[str, str], Decode] = {
    ("orders", "body"): decode_order,
    ("event", "raw"): decode_event,
    ("message", "body"): decode_body,
    ("message", "addresses"): decode_addresses,
    ("message", "reason_args"): decode_args,
    ("attempt", "sent"): decode_rendered,
    ("audit", "detail"): msgspec.json.decode,
    ("quarantine", "headers"): msgspec.json.decode,
}
"""What holds a value of ours, by table and column."""
_MAY_BE_EMPTY = frozenset({("event", "raw"), ("attempt", "sent")})
"""What is taken out with its person, and what was never there."""

MEND: Mapping[tuple[str, str], str] = {
    ("orders", "body"): "drop_order",
    ("event", "raw"): "drop_event",
    ("message", "body"): "drop_message",
    ("message", "addresses"): "drop_message",
    ("message", "reason_args"): "blank_reason_args",
    ("attempt", "sent"): "blank_sent",
    ("audit", "detail"): "blank_detail",
    ("quarantine", "headers"): "blank_headers",
}
"""What becomes of a row whose value is lost. An entry of the audit stays: its chain breaks there, which `verify` tells."""

ROWS_BETWEEN_LOOKS = 500


def unreadable(db: sqlite3.Connection, go_on: Callable[[], bool] = lambda: True) -> Iterator[tuple[str, str, int]]:
    """(table, column, seq) of each value that can't be read. Ends early, in silence, when `go_on` says so. Raises sqlite3.Error."""
    for (table, column), decode in _DECODE.items():
        if db.execute(_SQL["has_column"], {"table": table, "column": column}).fetchone() is None:
            continue  # of an earlier release
        rows = db.execute(f'SELECT seq, "{column}" FROM "{table}" NOT INDEXED')  # noqa: S608 - names of our own schema
        for number, (seq, value) in enumerate(rows):
            if number % ROWS_BETWEEN_LOOKS == 0 and not go_on():
                return
            is_taken_out = not value and (table, column) in _MAY_BE_EMPTY
            if not is_taken_out and not _can_be_read(value, decode):
                yield table, column, seq


def garbled(db: sqlite3.Connection, go_on: Callable[[], bool] = lambda: True) -> Iterator[str]:
    """The tables with a text that is none (UTF-8), over which whoever reads it would fall. Ends early, in silence, when `go_on` says so.
    Raises sqlite3.Error."""
    texts = db.execute(_SQL["texts"]).fetchall()
    db.text_factory = bytes
    try:
        for table, columns in texts:
            rows = db.execute(f'SELECT {columns} FROM "{table}" NOT INDEXED')  # noqa: S608 - names of our own schema
            for number, row in enumerate(rows):
                if number % ROWS_BETWEEN_LOOKS == 0 and not go_on():
                    return
                if not all(map(_is_text, row)):
                    yield table
                    break
    finally:
        db.text_factory = str


def _is_text(value: Any) -> bool:
    try:
        return not isinstance(value, bytes) or isinstance(value.decode(), str)
    except UnicodeDecodeError:
        return False


def _can_be_read(value: Any, decode: Decode) -> bool:
    try:
        decode(value)
    except (msgspec.DecodeError, ValueError, TypeError):
        return False
    return True
