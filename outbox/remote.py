"""Remote consent at the two places where it counts: a word of ours is kept to be told, and a look before sending asks what the fleet said."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from outbox.ledger import ConsentWord, stopped
from outbox.queries import Queries
from outbox.shares import Asked
from outbox.store import Store

_SQL = Queries("fleet.sql")
_Row: TypeAlias = tuple[str, int, str, int, str, int, int]


def share(
    db: sqlite3.Connection,
    digests: Sequence[tuple[str, str]],
    *,
    medium: str,
    local: str,
    said: int,
    late: bool = False,
) -> None:
    """A word of ours is to be told under each of the fleet's keys. `late`: it was said before we had them."""
    for kid, digest in digests:
        db.execute(
            _SQL["say_late" if late else "say"],
            {"kid": kid, "digest": digest, "medium": medium, "local": local, "said": said},
        )


def share_again(db: sqlite3.Connection, *, medium: str, local: str, said: int) -> None:
    """The same for an address that need not be known any more: its digests are."""
    db.execute(_SQL["say_again"], {"medium": medium, "local": local, "said": said})


def stopped_elsewhere(db: sqlite3.Connection, asked: Sequence[Asked]) -> str | None:
    """Why nothing may go there, as the fleet has it: what is said under any key counts. None: nobody said so."""
    for one in asked:
        found = db.execute(_SQL["words"], _named(one)).fetchall()
        if (why := _stopped(found, one.medium)) is not None:
            return why
    return None


async def blocked_elsewhere(store: Store, medium: str, address: str) -> str | None:
    """The same for who only looks."""
    for one in store.shares.asked(medium, address):
        found = await store.rows(_SQL["words"], **_named(one))
        if (why := _stopped(found, medium)) is not None:
            return why
    return None


async def standing(store: Store, *, below: int, limit: int) -> list[tuple[int, str, str, str, int, str]]:
    """Opt-outs of which only the fleet told, the newest first: its number, medium, address ("" where it was never given here), where, when
    and why, for people."""
    found = await store.rows(_SQL["standing"], below=below, limit=limit)
    return [
        (seq, medium, address, where, at, asked_at(where, at, how)) for seq, medium, address, where, at, how in found
    ]


def _named(one: Asked) -> dict[str, str]:
    return {"kid": one.kid, "own": one.own, "number": one.number, "all": one.all}


def _stopped(found: Sequence[_Row], medium: str) -> str | None:
    """An opt-in whose sayer had not heard of an opt-out that stands counts against none. Of its own it knew, whenever the fleet was told."""
    outs = [(about, store, at, seq) for about, stop, store, at, _, seq, _ in found if stop]
    words = [
        ConsentWord(about, bool(stop), asked_at(store, at, how), at)
        for about, stop, store, at, how, seq, heard in found
        if stop
        or not any(other != about and heard < out < seq and (by != store or said > at) for other, by, said, out in outs)
    ]
    stop = stopped(words, medium)
    return None if stop is None else stop.reason


def asked_at(store: str, at: int, how: str) -> str:
    """Where an opt-out came from, for people: "asked at soho, 3 May 2026"."""
    day = datetime.fromtimestamp(at / 1000, UTC)
    return f"asked at {store}, {day.day} {day:%B %Y}" + (f" ({how})" if how else "")
