"""Ends of the record, as they were told to the outside, held against a database: whether it still has what was told.

Who cuts entries off and computes the chain anew leaves a record that holds together; what it ended with before, they can't call back.
Runs in the calling thread, on a file that others may have open, and only reads.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from outbox.audit_base import Base, read_base
from outbox.faults import in_our_words
from outbox.proof import opened_to_read
from outbox.queries import Queries

_SQL = Queries("heads.sql")
_AUDIT = Queries("audit.sql")


class End(msgspec.Struct, frozen=True):
    """An entry of the record by its place (epoch, number), its hash in hex, and when it was made (ms)."""

    epoch: str
    seq: int
    hash: str
    at: int = 0


class Standing(StrEnum):
    HOLDS = "holds"
    SET_ASIDE = "set aside"
    """It belongs to what a restore or a repair left behind, and the box's own key says so."""
    CHANGED = "changed"
    """Another entry stands in its place."""
    CUT = "cut"
    """The record ends before it."""
    ELSEWHERE = "elsewhere"
    """It is older than what is kept here: only headquarters, which has it, can tell."""


class Compared(msgspec.Struct, frozen=True):
    end: End
    standing: Standing
    since: int = 0
    """When (ms) it was set aside."""

    @property
    def is_well(self) -> bool:
        return self.standing in (Standing.HOLDS, Standing.SET_ASIDE, Standing.ELSEWHERE)


class Break(msgspec.Struct, frozen=True):
    """Where the record began another history: from the entry `kept` on, what the replaced database had is not in it."""

    epoch: str
    kept: End | None
    replaced: End | None
    """Its newest entry; None: it could not be read."""
    at: int

    def covers(self, end: End) -> bool:
        beyond = self.kept is None or end.seq > self.kept.seq or end.epoch != self.kept.epoch
        if self.replaced is None:
            return beyond and end.at <= self.at
        return beyond and end.seq <= self.replaced.seq and end.epoch != self.epoch


Vouched = Callable[[str, Mapping[str, Any]], Break | None]
"""The break that an entry (its kind, its detail) tells of, when a key that is trusted has signed it."""


def newest_end(path: Path) -> End | None:
    """What the record of that database ends with; None: it is empty. Raises OutboxError."""
    try:
        with closing(opened_to_read(path)) as db:
            row = db.execute(_SQL["end"]).fetchone()
    except sqlite3.Error as error:
        raise in_our_words(error) from error
    return None if row is None else End(*row)


def compare(path: Path, ends: Iterable[End], vouched: Vouched, *, archived: bool) -> Sequence[Compared]:
    """How each stands in that database; `archived`: it may leave its oldest entries to headquarters. Raises OutboxError."""
    try:
        with closing(opened_to_read(path)) as db:
            breaks = [
                found
                for kind, detail in db.execute(_SQL["breaks"])
                if (said := _read(detail)) is not None and (found := vouched(kind, said))
            ]
            base = read_base(next(iter(db.execute(_AUDIT["base"]).fetchone() or ()), None)) if archived else Base()
            return [_compared(db, end, breaks, base) for end in ends]
    except sqlite3.Error as error:
        raise in_our_words(error) from error


def _read(detail: str) -> Mapping[str, Any] | None:
    """None: no such word as we write, from a damaged card or somebody else's hand. It vouches for nothing."""
    try:
        return msgspec.json.decode(detail, type=dict[str, Any])
    except msgspec.DecodeError:
        return None


def _compared(db: sqlite3.Connection, end: End, breaks: Sequence[Break], base: Base) -> Compared:
    row = db.execute(_SQL["at"], {"seq": end.seq}).fetchone()
    if row is not None and row[0] == end.epoch and row[1] == end.hash:
        return Compared(end, Standing.HOLDS)
    for each in breaks:
        if each.covers(end):
            return Compared(end, Standing.SET_ASIDE, each.at)
    if row is None and end.seq < base.seq:
        return Compared(end, Standing.ELSEWHERE)
    if row is None and end.seq == base.seq and end.hash == base.before.hex():
        return Compared(end, Standing.HOLDS)
    return Compared(end, Standing.CUT if row is None else Standing.CHANGED)
