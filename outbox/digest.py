"""Keyed digests stand for addresses wherever something is to be found by one and the address itself need not be kept.

The key lies in the database under a lock whose own key lies elsewhere (`Keys`): who has a copy of the file alone, a backup or a stolen
stick, can try no address against it. A check value tells the right key from another before anything is looked up under it.
"""

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from outbox.errors import KeyChanged, KeyMissing
from outbox.queries import Queries

_SQL = Queries("digest.sql")

HEX_LENGTH = 32
KEY_BYTES = 32
REMEMBERED = 1024
"""Digests of those who were met last: an order's customer is met with each of its events, and again when they are told."""
_SALT = 32
_CHECKED = b"the key of this database's digests"


class Digester:
    """HMAC-SHA256 under the key, cut to 128 bits, in hex."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.of_bytes: Callable[[bytes], str] = lru_cache(REMEMBERED)(self._worked_out)

    def __call__(self, address: str) -> str:
        """Upper and lower case and spaces around are the same address."""
        return self.of_bytes(address.strip().lower().encode())

    def _worked_out(self, text: bytes) -> str:
        return hmac.digest(self._key, text, "sha256").hex()[:HEX_LENGTH]

    def __repr__(self) -> str:
        return "Digester(...)"


class Keys(Protocol):
    """What the lock is opened with: kept outside the database."""

    def read(self, *, make: bool) -> Sequence[bytes]:
        """Those that there are (32 bytes each), the present one first; `make` one where there is none."""
        ...


class FixedKey:
    """One that is given."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def read(self, *, make: bool) -> Sequence[bytes]:
        return (self._key,)


def key_for(db: sqlite3.Connection, keys: Keys, path: Path) -> bytes:
    """The key of this database's digests. One that stands open inside, as it did in earlier releases, is locked up.

    Raises KeyMissing, KeyChanged: under another key no opt-out would be found, so nothing is done without the right one.
    """
    found = _found_in(db, path)
    if "digest_locked" in found:
        return _unlocked(db, found["digest_locked"], found.get("digest_check", b""), keys, path)
    key: bytes = found.get("digest") or secrets.token_bytes(KEY_BYTES)
    _lock_up(db, key, keys.read(make=True)[0])
    if "digest" in found:
        db.execute(_SQL["drop_open_key"])
        db.execute(_SQL["truncate_wal"]).fetchall()
    return key


def check_lock(db: sqlite3.Connection, keys: Keys, path: Path) -> None:
    """Whether `key_for` would be given the key: nothing is changed. Raises KeyMissing, KeyChanged, sqlite3.Error."""
    found = _found_in(db, path)
    if "digest_locked" in found:
        _opened(found["digest_locked"], found.get("digest_check", b""), keys, path)


def check_in(db: sqlite3.Connection) -> bytes | None:
    """By which one key is told from another, without it; None: there is none in that database. Raises sqlite3.Error."""
    found = dict(db.execute(_SQL["secrets"]).fetchall())
    return found.get("digest_check") or (_check_of(found["digest"]) if "digest" in found else None)


def _found_in(db: sqlite3.Connection, path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = dict(db.execute(_SQL["secrets"]).fetchall())
    if not found.keys() & {"digest_locked", "digest"} and db.execute(_SQL["any_digest"]).fetchone()[0]:
        raise KeyMissing(
            f"the key of {path.name}'s digests is not in it, and no opt-out can be found: `tether rekey` saves what can be saved"
        )
    return found


def _unlocked(db: sqlite3.Connection, locked: bytes, check: bytes, keys: Keys, path: Path) -> bytes:
    key, outer, present = _opened(locked, check, keys, path)
    if not check or outer != present:
        _lock_up(db, key, present)
    return key


def _opened(locked: bytes, check: bytes, keys: Keys, path: Path) -> tuple[bytes, bytes, bytes]:
    """The key, what opened it, and the first of those that there are."""
    known = keys.read(make=False)
    for outer in known:
        key = _mixed(outer, locked[:_SALT], locked[_SALT:])
        damaged = not check  # then the present words are likely the right ones
        if damaged or hmac.compare_digest(_check_of(key), check):
            return key, outer, known[0]
    remedy = (
        "without them no opt-out can be found. Put them back (TETHER_WORDS in .env, or `tether restore --words`); "
        "are they lost for good, `tether rekey` (for a backup: `tether restore --accept lost-words`) saves what can be saved"
    )
    if not known:
        raise KeyMissing(f"the box's twelve words, which open {path.name}, are not there: {remedy}")
    raise KeyChanged(f"{path.name} was made under other twelve words than the box has now: {remedy}")


def _lock_up(db: sqlite3.Connection, key: bytes, outer: bytes) -> None:
    salt = secrets.token_bytes(_SALT)
    db.execute(_SQL["keep_key"], {"name": "digest_locked", "value": salt + _mixed(outer, salt, key)})
    db.execute(_SQL["keep_key"], {"name": "digest_check", "value": _check_of(key)})


def _mixed(outer: bytes, salt: bytes, key: bytes) -> bytes:
    """One block of a one-time pad: the salt is never used again."""
    pad = hmac.digest(outer, salt, hashlib.sha256)
    return bytes(a ^ b for a, b in zip(key, pad, strict=False))


def _check_of(key: bytes) -> bytes:
    return hmac.digest(key, _CHECKED, hashlib.sha256)[:16]
