"""What a database that is about to be replaced has promised: opt-outs, forgettings, revoked and new tokens, what was sent and received.

It is read row by row, so that a damaged file gives what can still be read of it; what can't be is said (`lost`). Runs in the calling
thread and only reads.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from outbox.digest import check_in
from outbox.losses import FORGOTTEN, OPTOUTS, WORDS, lost_with
from outbox.people import Forgetting
from outbox.queries import Queries
from outbox.salvage import TableReader, is_damaged, open_damaged

_SQL = Queries("promises.sql")

_KEYS = {"token": ("name",), "forgotten": ("digest", "at"), "told": ("id",), "used_once": ("key",)}
_YOUNGER = ("told", "used_once")
"""Tables that an earlier release's database lacks, and lost nothing by it."""
_OF_MESSAGE = ("seq", "id", "state", "updated_at")
_ARRIVED = ("sent", "delivered")
_IN_DOUBT = ("sending", "unknown")

Row = Mapping[str, Any]


class Promises(msgspec.Struct, frozen=True, kw_only=True):
    """Rows as they stand there, by column."""

    lost: frozenset[str]
    """What of it could not be read, or may not have been kept there."""
    follows: bool = False
    """Its record goes on from where the backup's ends: nothing that the backup holds is unknown to it."""
    keys_differ: bool = False
    """Its digests were made with another key than the backup's."""
    words: Sequence[Row] = ()
    tokens: Sequence[Row] = ()
    replies: Sequence[Row] = ()
    told: Sequence[tuple[str, int]] = ()
    """Messages that left, there or before it was itself restored: id, and when (ms)."""
    used: Sequence[Row] = ()
    """What may be shown once and was."""
    forgotten: Sequence[Forgetting] = ()


NOTHING_READABLE = Promises(lost=frozenset(WORDS))


def promises_of(database: Path, backup: Path, *, made_at: int) -> Promises:
    """What it promised since `backup` (a database file that nobody has open) was made, at that moment (ms)."""
    if not database.exists():
        return NOTHING_READABLE
    try:
        with closing(open_damaged(database)) as db, closing(open_damaged(backup)) as before:
            return _Reading(db, before).promises(made_at)
    except sqlite3.Error:
        return NOTHING_READABLE


class _Reading:
    def __init__(self, db: sqlite3.Connection, backup: sqlite3.Connection) -> None:
        self._db = db
        self._backup = backup
        self._lost: set[str] = set()

    def promises(self, made_at: int) -> Promises:
        found = Promises(
            follows=self._follows(),
            keys_differ=check_in(self._db) != check_in(self._backup),
            words=sorted(self._rows("consent"), key=lambda row: int(row["seq"])),
            tokens=list(self._rows("token")),
            replies=[row for row in self._rows("reply") if row["provider_id"]],
            told=[*self._told()],
            used=list(self._rows("used_once")),
            forgotten=[_forgetting(row) for row in self._rows("forgotten")],
            lost=frozenset(),
        )
        return msgspec.structs.replace(found, lost=frozenset(self._lost | self._not_kept(found, made_at)))

    def _told(self) -> Iterator[tuple[str, int]]:
        for row in self._rows("told"):
            yield row["id"], row["at"]
        for row in self._rows("message", *_OF_MESSAGE):
            if row["state"] in _ARRIVED or (row["state"] in _IN_DOUBT and not self._was_in_doubt(row)):
                yield row["id"], row["updated_at"]

    def _was_in_doubt(self, row: Row) -> bool:
        """Its last attempt is the backup's: it left before that was made, if it did, and is looked up there. One that was cut leaves its
        number to the next, and its moment moves with the clock; its entry of the record is its own for good."""
        began = _one(self._backup, "doubtful_by", id=row["id"])
        try:
            return began is not None and began == _one(self._db, "doubtful_by", id=row["id"])
        except sqlite3.Error:
            return False

    def _not_kept(self, found: Promises, made_at: int) -> set[str]:
        """What that database can't have known, or can't tell us."""
        is_same = _one(self._db, "root") == _one(self._backup, "root")
        if not is_same or _one(self._db, "recovered", since=made_at):
            return set(WORDS)
        if not found.keys_differ:
            return set()
        mute = any(not word["address"] for word in found.words)
        return {*([OPTOUTS] if mute else []), *([FORGOTTEN] if found.forgotten else [])}

    def _follows(self) -> bool:
        seq, hash = self._backup.execute(_SQL["head"]).fetchone() or (0, b"")
        return seq == 0 or _one(self._db, "entry", seq=seq) == hash

    def _rows(self, table: str, *wanted: str) -> Iterator[Row]:
        """What can be read of a table; notes when that is not all of it."""
        present = [name for (name,) in self._db.execute(_SQL["columns"], {"name": table})]
        columns = [name for name in present if not wanted or name in wanted]
        key = _KEYS.get(table, ("seq",))
        if not present and table in _YOUNGER:
            return
        if not set(key) <= set(columns):
            self._lost |= lost_with([table])
            return
        reader = TableReader(self._db, table, columns, key)
        seen = set()
        for values in reader.rows():
            row = dict(zip(columns, values, strict=True))
            name = tuple(row[column] for column in key)
            if name not in seen:
                seen.add(name)
                yield row
        if not reader.is_whole or is_damaged(self._db, table):
            self._lost |= lost_with([table])


def _forgetting(row: Row) -> Forgetting:
    """An earlier release did not say of which kind an address is, nor that it was given."""
    return Forgetting(row["digest"], row["at"], row.get("kind", ""), bool(row.get("given", True)))


def _one(db: sqlite3.Connection, name: str, **values: object) -> Any:
    row = db.execute(_SQL[name], values).fetchone()
    return row[0] if row else None
