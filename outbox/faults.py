"""What SQLite says, in the outbox's words: the only place where its errors are read."""

import sqlite3

import msgspec

from outbox.errors import OutboxError, StorageBusy, StorageDamaged, StorageFull


def is_hopeless(error: BaseException) -> bool:
    """Whether doing a group's operations one by one would meet the same wall, each after its wait."""
    return isinstance(error, sqlite3.Error) and _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR)


_READ_WRONGLY = (
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_IOERR_CORRUPTFS,
    sqlite3.SQLITE_IOERR_DATA,
)
"""What a card that dies answers; others of their kind lack room or a right. Of what goes wrong beneath the schema SQLite tells the first
alone."""


def is_no_damage(error: sqlite3.Error) -> bool:
    """Whether it says that the file can't be got at, and nothing of what is in it."""
    if _code(error) == sqlite3.SQLITE_IOERR:
        return error.sqlite_errorcode not in _READ_WRONGLY
    return _code(error) in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def in_our_words(error: BaseException) -> BaseException:
    """The error a caller can decide on; one that is a mistake of ours stays what it is."""
    if isinstance(error, OSError | MemoryError):
        lack = "there is no memory left" if isinstance(error, MemoryError) else error
        busy = StorageBusy(f"the database can't be used ({lack}): look at this machine and at who owns the file")
        busy.__cause__ = error
        return busy
    if isinstance(error, UnicodeDecodeError | msgspec.DecodeError) or _is_no_value(error):
        damaged = StorageDamaged(
            "the database is damaged (a value in it can't be read): `tether doctor` says what to do"
        )
        damaged.__cause__ = error
        return damaged
    if not isinstance(error, sqlite3.Error):
        return error
    match _code(error):
        case sqlite3.SQLITE_FULL:
            ours: OutboxError = StorageFull("the disk is full: nothing more can be written until there is room")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            ours = StorageBusy("another program holds the database: close it, or wait")
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            ours = StorageBusy(
                f"the database can't be used ({error}): look at the disk (`df` says whether it is full) and at who owns the file"
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            ours = StorageDamaged(f"the database is damaged ({error}): `tether doctor` says what to do")
        case _:
            return error
    ours.__cause__ = error
    return ours


_NO_VALUE = ("Could not decode to UTF-8", "malformed JSON")


def _is_no_value(error: BaseException) -> bool:
    """A text in the database that is none, or JSON that a query looks into and that is none: neither has a code of its own."""
    return isinstance(error, sqlite3.OperationalError) and str(error).startswith(_NO_VALUE)


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
