"""What is kept of one person, by any form of any address of theirs: for those who ask (GDPR article 15), and for those who want to be
forgotten (article 17)."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from outbox.batch import Batch
from outbox.forget import Forget, Person, Removed
from outbox.person_index import PersonIndex
from outbox.proof import opened_to_read
from outbox.queries import Queries
from outbox.rows import decode_event, encode
from outbox.store import Store
from outbox.views import Story, Views
from outbox.writer import Operation

_SQL = Queries("person.sql")
_FORGET = Queries("forget.sql")

SLICE = 200
"""Rows that one transaction reads for the index: what others may have to wait for."""
_FIRST = "event 9223372036854775807"
_DONE = "done"


class PersonsWord(msgspec.Struct, frozen=True):
    """A word on consent: who said it, when (ms), and why."""

    at: int
    medium: str
    stopped: bool
    actor: str
    reason: str


class StrayReply(msgspec.Struct, frozen=True):
    """Something they wrote that belongs to no order."""

    at: int
    channel: str
    text: str


class StrayBody(msgspec.Struct, frozen=True):
    """What a source told of them and nobody understood."""

    at: int
    source: str
    body: bytes


class Held(msgspec.Struct, frozen=True):
    stories: Sequence[Story]
    consent: Sequence[PersonsWord]
    replies: Sequence[StrayReply]
    bodies: Sequence[StrayBody] = ()


class Forgetting(msgspec.Struct, frozen=True):
    """Somebody was forgotten at that moment (ms); by the digest they are found in a copy of this database from before."""

    digest: str
    at: int


class IndexSlice(Operation[bool]):
    """Write down whose the next rows are that came before there was an index. False: all are."""

    __slots__ = ("_index",)

    alone = True

    def __init__(self, index: PersonIndex) -> None:
        self._index = index

    def apply(self, batch: Batch) -> bool:
        noted = batch.db.execute(_SQL["noted"]).fetchone()
        what, _, below = (noted[0] if noted else _FIRST).partition(" ")
        if what == _DONE:
            return False
        found = batch.db.execute(_SQL[_BELOW[what]], {"below": int(below), "limit": SLICE}).fetchall()
        for seq, *rest in found:
            batch.new_people += getattr(self, f"_of_{what}")(seq, *rest)
        nothing_left = len(found) < SLICE
        value = _NEXT[what] if nothing_left else f"{what} {found[-1][0]}"
        batch.db.execute(_SQL["note"], {"value": value})
        return True

    def _of_event(self, seq: int, order_seq: int, raw: bytes) -> list[tuple[str, str, int, str]]:
        customer = decode_event(raw).customer if raw else None
        return self._index.rows(self._index.of_customer(customer), "order", order_seq) if customer else []

    def _of_reply(self, seq: int, address: str) -> list[tuple[str, str, int, str]]:
        return self._index.of_reply(address, seq)

    def _of_body(self, seq: int, body: bytes) -> list[tuple[str, str, int, str]]:
        return self._index.of_quarantined(self._index.of_body(body), seq)


_BELOW = {"event": "events_below", "reply": "replies_below", "body": "bodies_below"}
_NEXT = {"event": "reply 9223372036854775807", "reply": "body 9223372036854775807", "body": _DONE}


class DropForgotten(Operation[None]):
    __slots__ = ("_before",)

    alone = True
    truncates_wal = True

    def __init__(self, before: int) -> None:
        self._before = before

    def apply(self, batch: Batch) -> None:
        batch.touched += batch.db.execute(_FORGET["drop_forgotten"], {"before": self._before}).rowcount


class People:
    """`box.people`."""

    def __init__(self, store: Store, views: Views) -> None:
        self._store = store
        self._views = views

    async def index(self) -> None:
        """Write down whose everything is that came before there was an index, the newest first; at once where all is done."""
        while await self._store.write(IndexSlice(self._store.index)):
            pass

    async def held(self, address: str) -> Held:
        """All that is kept under an address, however it is written, and under the others of the same person."""
        await self.index()
        digests = self._store.index.digests(address)
        person = await self._store.write(_Look(digests))
        refs = await self._store.rows(_SQL["refs"], orders=_json(person.orders))
        stories = [story for (ref,) in refs if (story := await self._views.story(ref)) is not None]
        words = await self._store.rows(_SQL["consent"], digests=_json(person.digests))
        replies = await self._store.rows(_SQL["replies"], replies=_json(person.replies))
        bodies = await self._store.rows(_SQL["quarantined"], bodies=_json(person.bodies))
        return Held(
            stories,
            [PersonsWord(at, medium, bool(stopped), actor, reason) for at, medium, stopped, actor, reason in words],
            [StrayReply(*row) for row in replies],
            [StrayBody(*row) for row in bodies],
        )

    async def forget(self, address: str, *, actor: str, dry_run: bool = False) -> Removed:
        """Forget who has that address, however it is written: what is (with `dry_run`: would be) removed.

        Events keep their number and order, and what waits is cancelled. Opt-outs that stand hold on, by their digest.
        """
        await self.index()
        index = self._store.index
        return await self._store.write(Forget(index.digests(address), index, dry_run=dry_run, actor=actor))

    async def forget_again(self, forgotten: Sequence[Forgetting], *, actor: str) -> Removed:
        """Forget in a copy from before who was forgotten since (`forgettings`); both have the same key."""
        await self.index()
        removed = Removed()
        for digest in dict.fromkeys(one.digest for one in forgotten):
            removed += await self._store.write(Forget([digest], self._store.index, dry_run=False, actor=actor))
        return removed

    async def forgettings(self) -> Sequence[Forgetting]:
        """Who was forgotten while copies from before may be left, the oldest first."""
        return [Forgetting(*row) for row in await self._store.rows(_FORGET["forgotten"])]

    async def drop_forgettings(self, *, before: int) -> None:
        """No copy from before that moment (ms) is left: nobody has to be forgotten again."""
        await self._store.write(DropForgotten(before))


class _Found(msgspec.Struct, frozen=True):
    orders: Sequence[int]
    digests: Sequence[str]
    replies: Sequence[int]
    bodies: Sequence[int]


class _Look(Operation[_Found]):
    """Follow the index, changing nothing; by the writer, whose view of it is one moment's."""

    __slots__ = ("_digests",)

    alone = True

    def __init__(self, digests: Sequence[str]) -> None:
        self._digests = digests

    def apply(self, batch: Batch) -> _Found:
        person = Person(batch.db, self._digests)
        return _Found(sorted(person.orders), list(person.digests), person.things("reply"), person.named_in_bodies())


def forgettings_in(path: Path) -> Sequence[Forgetting]:
    """The same of a database that nobody has opened. Raises sqlite3.Error where it can't be read, or is of an earlier release."""
    with closing(opened_to_read(path)) as db:
        return [Forgetting(*row) for row in db.execute(_FORGET["forgotten"])]


def _json(values: Sequence[object]) -> str:
    return encode(values).decode()
