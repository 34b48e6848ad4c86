"""Brings a database to this release's schema: numbered files, each in its own transaction, under SQLite's `user_version`."""

import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from outbox.errors import SchemaTooNew
from outbox.lock import private
from outbox.queries import FOLDER

_NAME = re.compile(r"(\d{4})_\w+\.sql")


def migrations(folder: Path = FOLDER / "migrations") -> Sequence[tuple[int, str]]:
    """(version, script) in order. Each script sets `user_version` itself, so that the two can't part."""
    files = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    return [(int(path.name[:4]), path.read_text(encoding="utf-8")) for path in files]


def migrate(
    db: sqlite3.Connection, path: Path, steps: Sequence[tuple[int, str]] | None = None, *, backup: bool = True
) -> int | None:
    """Bring it up to date. The version it had, or None when it was already this release's. A file that had one is copied to
    `<name>.v<version>.bak` before the first step, unless it is itself a copy (`backup`). Raises SchemaTooNew.
    """
    steps = migrations() if steps is None else steps
    newest = steps[-1][0]
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > newest:
        raise SchemaTooNew(
            f"{path} was written by a newer Tether (schema {version}, this one knows {newest}): install that one, "
            "or restore the backup made before the upgrade"
        )
    if version == newest:
        return None
    if version > 0 and backup:
        _back_up(db, path.with_name(f"{path.name}.v{version}.bak"))
    db.create_function("unhex", 1, bytes.fromhex, deterministic=True)  # SQLite has it from 3.41 on
    for number, script in steps:
        if number > version:
            _step(db, script)
    return version


def _step(db: sqlite3.Connection, script: str) -> None:
    try:
        db.executescript("BEGIN IMMEDIATE;\n" + script + "\nCOMMIT;")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _back_up(db: sqlite3.Connection, copy: Path) -> None:
    private(copy)
    target = sqlite3.connect(copy)
    try:
        db.backup(target)
    finally:
        target.close()
