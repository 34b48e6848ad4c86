"""Puts what a replaced database has promised into the one that takes its place, in one transaction.

Where the two say different things, the stricter one holds: silence before a text, a revoked token before an open one.
"""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from outbox.batch import Batch
from outbox.digest import Digester
from outbox.losses import TOKENS
from outbox.model import State
from outbox.person_index import PersonIndex
from outbox.promises import Promises, Row
from outbox.queries import Queries
from outbox.reasons import Reason
from outbox.rows import decode_messages
from outbox.store import Store
from outbox.writer import Operation

_SQL = Queries("promises.sql")

ACTOR = "restore"
_WORD = ("seq", "at", "medium", "digest", "stopped", "actor", "reason", "address")


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """How much was carried over."""

    words: int = 0
    """On consent."""
    revoked: Sequence[str] = ()
    """Tokens that had been revoked since, by name."""
    new_tokens: Sequence[str] = ()
    told: int = 0
    """Messages that left since, or may have."""
    cancelled: int = 0
    """Those of them that waited in the backup."""
    replies: int = 0
    """What customers wrote since."""


class Carry(Operation[Carried]):
    __slots__ = ("_digester", "_index", "_made_at", "_promises")

    alone = True

    def __init__(self, promises: Promises, digester: Digester, index: PersonIndex, made_at: int) -> None:
        self._promises = promises
        self._digester = digester
        self._index = index
        self._made_at = made_at

    def apply(self, batch: Batch) -> Carried:
        revoked, new_tokens = self._tokens(batch)
        carried = Carried(
            words=self._words(batch),
            revoked=revoked,
            new_tokens=new_tokens,
            told=self._told(batch),
            cancelled=self._cancel_told(batch),
            replies=self._replies(batch),
        )
        self._used(batch)
        detail = {name: value for name, value in msgspec.structs.asdict(carried).items() if value}
        batch.record("promises.carried", {**detail, "lost": sorted(self._promises.lost)}, actor=ACTOR)
        return carried

    # ------------------------------------------------------------ consent

    def _words(self, batch: Batch) -> int:
        own = [dict(zip(_WORD, row, strict=True)) for row in batch.db.execute(_SQL["words"])]
        known = {_said(row) for row in own}
        theirs = [word for word in map(self._known_here, self._promises.words) if word is not None]
        end = max((word["seq"] for word in own), default=0)
        # Nothing leaves the ledger; but what is history of somebody forgotten is kept there under another digest.
        new = [word for word in theirs if (word["seq"] > end if self._promises.follows else _said(word) not in known)]
        for word in new:
            batch.db.execute(_SQL["say"], _spoken(word))
        for word in _stops_to_repeat(own, theirs, new):
            batch.db.execute(_SQL["say"], _spoken(word))
        return len(new)

    def _known_here(self, row: Row) -> Row | None:
        """Under this database's digests; None: made with another key, and the address is not there any more."""
        word = {name: row[name] for name in _WORD}
        if self._promises.keys_differ:
            if not word["address"]:
                return None
            word["digest"] = self._digester(word["address"])
        return word

    # ------------------------------------------------------------ tokens

    def _tokens(self, batch: Batch) -> tuple[Sequence[str], Sequence[str]]:
        """The names of those that were revoked since, and of new ones."""
        here = {row["name"]: row for row in _dicts(batch, "tokens")}
        there = {row["name"]: row for row in self._promises.tokens}
        if TOKENS in self._promises.lost and not there:
            return (), ()
        follows = self._promises.follows
        wanted = {
            name: row
            for name, row in there.items()
            if follows or row["created_at"] > self._made_at or _same(here.get(name), row)
        }
        for name in here:
            batch.db.execute(_SQL["drop_token"], {"name": name})
        columns = [name for (name,) in batch.db.execute(_SQL["columns"], {"name": "token"})]
        for row in wanted.values():
            _insert(batch, "token", columns, row)
        revoked = sorted(name for name in here if not _same(wanted.get(name), here[name]))
        return revoked, sorted(name for name in wanted if not _same(here.get(name), wanted[name]))

    # ------------------------------------------------------------ what was sent and received

    def _told(self, batch: Batch) -> int:
        kept = 0
        for id, at in self._promises.told:
            if not batch.db.execute(_SQL["is_over"], {"id": id}).fetchone()[0]:
                kept += batch.db.execute(_SQL["keep_told"], {"id": id, "at": at}).rowcount
        batch.sequences.told = batch.sequences.told or kept > 0
        return kept

    def _cancel_told(self, batch: Batch) -> int:
        waiting = batch.db.execute(_SQL["open_told"]).fetchone()[0]
        rows = batch.with_line(decode_messages(waiting or "[]"))
        for row in rows:
            batch.move(
                row,
                State.CANCELLED,
                Reason("it left, or may have, after the backup was made", "left_before"),
                actor=ACTOR,
            )
        return len(rows)

    def _used(self, batch: Batch) -> None:
        columns = [name for (name,) in batch.db.execute(_SQL["columns"], {"name": "used_once"})]
        for row in self._promises.used:
            _insert(batch, "used_once", columns, row)

    def _replies(self, batch: Batch) -> int:
        columns = [name for (name,) in batch.db.execute(_SQL["columns"], {"name": "reply"}) if name != "seq"]
        kept = 0
        for row in self._promises.replies:
            if seq := _insert(batch, "reply", columns, row):
                kept += 1
                batch.new_people += self._index.of_reply(row["address"], seq) if row["address"] else []
        return kept


class Carrying:
    """`box.promises`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def carry(self, promises: Promises, *, made_at: int) -> Carried:
        """Put them into this database, which a backup of that moment (ms) gave."""
        return await self._store.write(Carry(promises, self._store.digester, self._store.index, made_at))


def _spoken(word: Row) -> Row:
    return {name: value for name, value in word.items() if name != "seq"}


def _said(word: Row) -> tuple[object, ...]:
    return (word["at"], word["medium"], word["digest"], word["stopped"])


def _stops_to_repeat(own: Sequence[Row], theirs: Sequence[Row], new: Sequence[Row]) -> Sequence[Row]:
    """Stops of the backup that the other database had not heard of and that are younger than its words: they hold on."""
    heard = {_said(word) for word in theirs}
    newest: dict[object, int] = defaultdict(lambda: -1)
    for word in new:
        newest[word["digest"]] = max(newest[word["digest"]], word["at"])
    return [
        word
        for word in own
        if word["stopped"] and _said(word) not in heard and word["at"] >= newest[word["digest"]] >= 0
    ]


def _same(one: Row | None, other: Row) -> bool:
    return one is not None and one["digest"] == other["digest"]


def _dicts(batch: Batch, name: str) -> list[Row]:
    found = batch.db.execute(_SQL[name])
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found]


def _insert(batch: Batch, table: str, columns: Sequence[str], row: Row) -> int | None:
    """As far as both know the columns: its number. None: there is one already, and it stays."""
    shared = [name for name in columns if name in row]
    names, values = ", ".join(f'"{name}"' for name in shared), ", ".join(f":{name}" for name in shared)
    sql = f'INSERT OR IGNORE INTO "{table}" ({names}) VALUES ({values})'  # noqa: S608 - names of our own schema
    done = batch.db.execute(sql, {name: row[name] for name in shared})
    return done.lastrowid if done.rowcount else None
