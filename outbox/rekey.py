"""A new key for a database whose own is lost or can't be opened any more: what still names its address is found again under it, the rest
is gone.
Runs in the calling thread, on a file that nobody has open; the next opening locks the new key up.
"""

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from outbox import order_people
from outbox.digest import KEY_BYTES, Digester
from outbox.migrate import migrate
from outbox.queries import Queries

_SQL = Queries("digest.sql")
_STORE = Queries("store.sql")


def rekey(path: Path) -> int:
    """How many opt-outs that stood are lost: nothing names their address. Raises sqlite3.Error; then nothing has changed."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(_STORE["before_anything"])
        migrate(db, path)
        db.execute("BEGIN IMMEDIATE")
        lost: int = db.execute(_SQL["mute"]).fetchone()[0]
        put_under_new_key(db)
        find_told(db)
        for name in ("drop_people", "drop_pseudonyms", "drop_forgotten", "drop_notes", "drop_locked_key"):
            db.execute(_SQL[name])
        order_people.drop_all(db)
        db.execute("COMMIT")
    return lost


def put_under_new_key(db: sqlite3.Connection) -> int:
    """Words on consent that name their address are found by it again. How many others go."""
    key = secrets.token_bytes(KEY_BYTES)
    digest = Digester(key)
    for seq, address in db.execute(_SQL["plain_consents"]).fetchall():
        db.execute(_SQL["digest_again"], {"seq": seq, "digest": digest(address)})
    dropped = db.execute(_SQL["drop_mute"]).rowcount
    db.execute(_SQL["keep_key"], {"name": "digest", "value": key})
    return dropped


def find_told(db: sqlite3.Connection) -> None:
    """What the fleet was told of words on consent is found by these, as they are now."""
    db.execute(_SQL["told_gone"])
    db.execute(_SQL["told_again"])
