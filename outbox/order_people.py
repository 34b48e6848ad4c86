"""Whose each order is, by the digests of its addresses, and which orders are somebody's.

Digests lie at random: an index of them costs a page of its own for each address of each order. So an order's people are one row, written at
the end of a table, and the index is made for a whole part of `PART` orders at once, in its own order. Somebody's orders are those that each part
names, and those of the newest part, which is looked through.
"""

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from outbox.digest import HEX_LENGTH
from outbox.queries import Queries
from outbox.rows import encode

_SQL = Queries("order_people.sql")
_WRITE = _SQL.rows("write")
ORDERS_OF = _SQL["orders_of"]
"""For those who read without the writer; its `digest` is `key_of` that of the address."""

PART = 512
"""Orders that go into the index together, as the schema and its statements have it."""
_SIZE = HEX_LENGTH // 2
_DIGEST = re.compile(f"[0-9a-f]{{{HEX_LENGTH}}}")


def key_of(digest: str) -> bytes | None:
    """As it is written down here. None, which finds nothing, for what is none: a spoilt page may have left anything, and a part of one, or
    nothing, would be found on everybody's orders."""
    return bytes.fromhex(digest) if _DIGEST.fullmatch(digest) else None


def orders_of(db: sqlite3.Connection, digests: Iterable[str]) -> list[int]:
    """The numbers of the orders that one of these addresses is on, the newest last."""
    found = (db.execute(ORDERS_OF, {"digest": key_of(digest)}).fetchall() for digest in digests)
    return sorted({order for rows in found for (order,) in rows})


def keep(db: sqlite3.Connection, people: Mapping[int, Set[str]], *, before: int, last: int) -> None:
    """Orders, by number, are these people's too. `before`, `last`: the last number given out before this transaction, and after it. The newest
    order may have a smaller one: it can go while the service runs."""
    _WRITE.execute(db, [(order, _packed(digests)) for order, digests in people.items() if order > before])
    for order, digests in people.items():
        if order <= before:
            _replace(db, order, digests | _people_of(db, order), before)
    if before // PART < last // PART:
        _index(db, before // PART * PART, last // PART * PART - 1)


def lessen(db: sqlite3.Connection, order: int, stays: Callable[[str], bool], *, newest: int) -> None:
    """An order is nobody's any more but that of those whose digest stays. `newest`: the last number given out."""
    left = set(filter(stays, _people_of(db, order)))
    drop(db, [order])
    if left:
        _replace(db, order, left, newest)


def drop(db: sqlite3.Connection, orders: Sequence[int]) -> None:
    """They are nobody's any more."""
    db.execute(_SQL["drop"], {"orders": encode(orders).decode()})


def index_anew(db: sqlite3.Connection) -> None:
    """Of all whole parts, from the rows that there are: some may be lost."""
    db.execute(_SQL["unindex_all"])
    (newest,) = db.execute(_SQL["newest"]).fetchone()
    _index(db, 0, newest // PART * PART - 1)


def drop_all(db: sqlite3.Connection) -> None:
    """Whose they are is found out anew (`People.index`)."""
    db.execute(_SQL["unindex_all"])
    db.execute(_SQL["drop_all"])


def _people_of(db: sqlite3.Connection, order: int) -> set[str]:
    found = db.execute(_SQL["of_order"], {"order": order}).fetchone()
    packed: bytes = found[0] if found else b""
    return {packed[at : at + _SIZE].hex() for at in range(0, len(packed), _SIZE)}


def _replace(db: sqlite3.Connection, order: int, digests: Set[str], newest: int) -> None:
    _WRITE.execute(db, [(order, _packed(digests))])
    if order // PART < newest // PART:
        _index(db, order, order)


def _index(db: sqlite3.Connection, first: int, last: int) -> None:
    db.execute(_SQL["index"], {"first": first, "last": last})


def _packed(digests: Set[str]) -> bytes:
    return b"".join(map(bytes.fromhex, sorted(digests)))
