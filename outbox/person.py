"""Who a person is, and what of the orders is theirs: followed through the index (`outbox.person_index`), which leads to orders, and through
what was said on these (`outbox.lives`).

From the address that was given to the orders that are for whoever has it, to the other addresses of those, and on. Not to what only stands on
such an order: a number that was put right since, or whoever paid. An order that names somebody else beside a shared address (another's mail
address, the family's telephone) stays, and so do those of an address that stands on so many orders that it is hardly one person's: they are
counted as left, and are given or forgotten by their own address.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from outbox.lives import Life, lives_of
from outbox.order_people import orders_of
from outbox.person_index import Addresses, PersonIndex
from outbox.queries import Queries
from outbox.rows import encode

_SQL = Queries("forget.sql")

MOST_OF_ONE = 25
"""Orders that one address may lead to, unless it is one that was given."""
OWN = ("phone", "email")
"""The kinds of which an order names one a person: two that differ are two people."""


class Share(msgspec.Struct, frozen=True):
    """What of one row of `orders` is theirs."""

    row: int
    whole: Sequence[Life]
    """Orders of it that are for them."""
    others: Sequence[Life]
    named: Sequence[tuple[Life, frozenset[str]]]
    """Orders for somebody else on which addresses of theirs stand that are nobody else's there."""
    kept: frozenset[str]
    """Addresses that stand on what stays of it."""


class Person:
    def __init__(
        self, db: sqlite3.Connection, index: PersonIndex, given: Mapping[str, str], followed: Mapping[str, str]
    ) -> None:
        """`followed`: addresses of theirs that are known beside those that were given."""
        self._db = db
        self._index = index
        self.given = frozenset(given)
        self.digests: Addresses = {**followed, **given}
        """All their addresses."""
        self._lives: dict[Life, None] = {}
        self._rows: dict[int, Sequence[Life]] = {}
        """The orders of each row that was come to."""
        self._shared: set[str] = set()
        self._follow()
        for digest in self._shared:
            del self.digests[digest]
        self._mine = _by_kind(self.digests)
        self.shares = [self._share(row, lives) for row, lives in sorted(self._rows.items())]

    # ------------------------------------------------------------ who they are

    def _follow(self) -> None:
        """In rounds, each by what was known before it: whom it comes to first makes no difference."""
        new = set(self.digests)
        while new:
            self._mine = _by_kind(self.digests)
            reached = (life for digest in new for life in self._lives_of(digest))
            found = {life: None for life in reached if life not in self._lives and self._is_theirs(life.own)}
            self._lives |= found
            own = {digest: kind for life in found for digest, kind in life.own.items()}
            new = own.keys() - self.digests.keys()
            self.digests |= own

    def _lives_of(self, digest: str) -> Iterator[Life]:
        """The orders that are for whoever has that address."""
        rows = orders_of(self._db, [digest])
        if digest not in self.given and len(rows) > MOST_OF_ONE:
            self._shared.add(digest)
            return
        for row in rows:
            if row not in self._rows:
                self._rows[row] = lives_of(self._db, self._index, row)
            yield from (life for life in self._rows[row] if digest in life.own)

    def _is_theirs(self, addresses: Addresses) -> bool:
        return not self.given.isdisjoint(addresses) or not self._names_another(addresses)

    def _names_another(self, addresses: Addresses) -> bool:
        theirs, mine = _by_kind(addresses), self._mine
        return any(theirs[kind] and mine[kind] and not theirs[kind] & mine[kind] for kind in OWN)

    # ------------------------------------------------------------ what is theirs

    def _share(self, row: int, lives: Sequence[Life]) -> Share:
        others = [life for life in lives if life not in self._lives]
        named = [(life, self._named_on(life)) for life in others]
        return Share(
            row,
            [life for life in lives if life in self._lives],
            others,
            [(life, digests) for life, digests in named if digests],
            frozenset(digest for life, gone in named for digest in life.addresses if digest not in gone),
        )

    def _named_on(self, life: Life) -> frozenset[str]:
        """Which of their addresses stand on an order for somebody else, and by nobody's word are another's; with what was said in one
        breath with those alone."""
        named = {
            digest
            for digest in self.digests.keys() & life.addresses.keys() - life.own.keys()
            if digest in self.given
            or not any(self._names_another(told.addresses) for told in life.told if digest in told.addresses)
        }
        while True:
            goes = {digest for told in life.told if not named.isdisjoint(told.addresses) for digest in told.addresses}
            stays = {digest for told in life.told if named.isdisjoint(told.addresses) for digest in told.addresses}
            if goes - stays - life.own.keys() <= named:
                return frozenset(named)
            named |= goes - stays - life.own.keys()

    @property
    def left(self) -> int:
        """How many rows share an address with theirs and may be another's."""
        theirs = {share.row for share in self.shares if share.whole}
        beside = {digest for life in self._lives for digest in life.addresses} - self.digests.keys()
        named = {share.row for share in self.shares if not share.whole or not share.kept.isdisjoint(self.digests)}
        return len(named | (set(orders_of(self._db, beside | self._shared)) - theirs))

    def replies(self) -> dict[int, int | None]:
        """What they wrote, and what was written about their orders: each with the row of `orders` that it was put to."""
        whole = [share.row for share in self.shares if share.whole]
        values = {"orders": _json(whole), "replies": _json(self.things("reply"))}
        shares = {share.row: share for share in self.shares}
        return {
            seq: row
            for seq, row, digests in self._db.execute(_SQL["replies_of"], values).fetchall()
            if self._wrote(shares.get(row), frozenset(msgspec.json.decode(digests, type=list[str])))
        }

    def _wrote(self, share: Share | None, digests: frozenset[str]) -> bool:
        """Of what was put to a row of which something stays, no more than what came from where only they are."""
        if share is None or not share.kept:
            return True
        theirs = self.digests.keys() | {digest for life in share.whole for digest in life.addresses}
        return not digests.isdisjoint(theirs) and digests.isdisjoint(share.kept)

    def named_in_bodies(self) -> list[int]:
        """Bodies that name them for sure: not those that name too many to be told."""
        found = self._db.execute(_SQL["bodies_naming"], {"digests": _json(list(self.digests))})
        return [seq for (seq,) in found]

    def things(self, what: str) -> list[int]:
        found = self._db.execute(_SQL["things_of"], {"digests": _json(list(self.digests)), "what": what})
        return [seq for (seq,) in found]


def _by_kind(digests: Addresses) -> dict[str, set[str]]:
    kinds: dict[str, set[str]] = defaultdict(set)
    for digest, kind in digests.items():
        kinds[kind].add(digest)
    return kinds


def _json(values: Sequence[Any]) -> str:
    return encode(values).decode()
