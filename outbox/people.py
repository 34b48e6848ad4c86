"""What is kept of one person, by any form of any address of theirs: for those who ask (GDPR article 15), and for those who want to be
forgotten (article 17)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from outbox.batch import Batch
from outbox.forget import Forget, Removed
from outbox.lives import Life
from outbox.model import Order
from outbox.person import Person, Share
from outbox.person_index import PersonIndex
from outbox.queries import Queries
from outbox.replies import Replies, ReplyRow
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
    kind: str = ""
    given: bool = True
    """It was asked for by this address; else it was found to be theirs."""


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
            getattr(self, f"_keep_{what}")(batch, seq, *rest)
        nothing_left = len(found) < SLICE
        value = _NEXT[what] if nothing_left else f"{what} {found[-1][0]}"
        batch.db.execute(_SQL["note"], {"value": value})
        return True

    def _keep_event(self, batch: Batch, seq: int, order_seq: int, raw: bytes) -> None:
        if raw and (customer := decode_event(raw).customer):
            batch.keep_people(order_seq, self._index.digests_of(customer))

    def _keep_reply(self, batch: Batch, seq: int, address: str) -> None:
        batch.new_people += self._index.of_reply(address, seq)

    def _keep_body(self, batch: Batch, seq: int, body: bytes) -> None:
        batch.new_people += self._index.of_quarantined(self._index.of_body(body), seq)


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

    def __init__(self, store: Store, views: Views, replies: Replies) -> None:
        self._store = store
        self._views = views
        self._replies = replies

    async def index(self) -> None:
        """Write down whose everything is that came before there was an index, the newest first; at once where all is done."""
        while await self._store.write(IndexSlice(self._store.index)):
            pass

    async def held(self, address: str) -> Held:
        """All that is kept under an address, however it is written, and under the others of the same person."""
        await self.index()
        person = await self._store.write(_Look(self._store.index.digests(address), self._store.index))
        replies = {int(reply.id): reply for reply in await self._replies.get([str(seq) for seq in person.replies])}
        stories = [story async for story in self._stories(person, replies)]
        words = await self._store.rows(_SQL["consent"], digests=_json(person.digests))
        bodies = await self._store.rows(_SQL["quarantined"], bodies=_json(person.bodies))
        return Held(
            sorted(stories, key=lambda story: story.order.ref),
            [PersonsWord(at, medium, bool(stopped), actor, reason) for at, medium, stopped, actor, reason in words],
            [StrayReply(reply.at, reply.channel, reply.text) for reply in replies.values()],
            [StrayBody(*row) for row in bodies],
        )

    async def _stories(self, person: "_Found", replies: dict[int, ReplyRow]) -> AsyncIterator[Story]:
        """Of their orders, and of what went to them about others'. Takes the replies that belong to these."""
        for share in person.shares:
            if not (share.whole or share.named):
                continue
            story = await self._views.story((*share.whole, *share.others)[0].order.ref)
            if story is None:
                continue
            put_to_it = [replies.pop(seq) for seq, row in person.replies.items() if row == share.row and seq in replies]
            lives = share.whole or [life for life, _ in share.named]
            about = {life: [reply for reply in put_to_it if _meant(lives, reply) is life] for life in lives}
            for life in share.whole:
                yield _of_theirs(story, life, about[life])
            for life, digests in share.named:
                yield self._of_anothers(story, life, digests, about.get(life, ()))

    def _of_anothers(self, story: Story, life: Life, digests: frozenset[str], replies: Sequence[ReplyRow]) -> Story:
        """What went to an address of theirs about an order for somebody else: not what is told of that."""
        order, index = life.order, self._store.index
        of_life = {each.seq: each for each in life.sent}
        mine = [each for each in story.attempts if each.message_seq in of_life and index.is_one(each.address, digests)]
        went = {each.message_seq for each in mine}
        return Story(
            order=Order(ref=order.ref, source=order.source, created_at=order.created_at, updated_at=order.updated_at),
            events=(),
            messages=[
                msgspec.structs.replace(each, addresses=of_life[each.seq].only(digests))
                for each in story.messages
                if each.seq in of_life and (each.seq in went or of_life[each.seq].names(digests))
            ],
            attempts=mine,
            replies=replies,
            acts=(),
        )

    async def forget(self, address: str, *, actor: str, dry_run: bool = False) -> Removed:
        """Forget who has that address, however it is written: what is (with `dry_run`: would be) removed.

        Events keep their number and order, and what waits is cancelled. Opt-outs that stand hold on, by their digest.
        """
        await self.index()
        index = self._store.index
        given = dict.fromkeys(index.digests(address), "")
        return await self._store.write(Forget(given, index, dry_run=dry_run, actor=actor))

    async def forget_again(self, forgotten: Sequence[Forgetting], *, actor: str) -> Sequence[Forgetting]:
        """Forget in a copy from before who was forgotten since (`forgettings`); both have the same key. Those of them that this database did
        not know of: whom it had forgotten itself may have come back by then."""
        await self.index()
        own = {(one.digest, one.at) for one in await self.forgettings()}
        known = {one.at for one in forgotten if (one.digest, one.at) in own}
        unknown = [one for one in forgotten if one.at not in known]
        for at, together in groupby(sorted(unknown, key=attrgetter("at")), key=attrgetter("at")):
            given, followed = dict[str, str](), dict[str, str]()
            for one in together:
                (given if one.given else followed)[one.digest] = one.kind
            await self._store.write(Forget(given, self._store.index, followed=followed, at=at, actor=actor))
        return unknown

    async def forgettings(self) -> Sequence[Forgetting]:
        """Who was forgotten while copies from before may be left, the oldest first."""
        rows = await self._store.rows(_FORGET["forgotten"])
        return [Forgetting(digest, at, kind, bool(given)) for digest, at, kind, given in rows]

    async def drop_forgettings(self, *, before: int) -> None:
        """No copy from before that moment (ms) is left: nobody has to be forgotten again."""
        await self._store.write(DropForgotten(before))


class _Found(msgspec.Struct, frozen=True):
    shares: Sequence[Share]
    digests: Sequence[str]
    replies: Mapping[int, int | None]
    """With the row of `orders` that each was put to."""
    bodies: Sequence[int]


class _Look(Operation[_Found]):
    """Follow the index, changing nothing; by the writer, whose view of it is one moment's."""

    __slots__ = ("_digests", "_index")

    alone = True

    def __init__(self, digests: Sequence[str], index: PersonIndex) -> None:
        self._digests = digests
        self._index = index

    def apply(self, batch: Batch) -> _Found:
        person = Person(batch.db, self._index, dict.fromkeys(self._digests, ""), {})
        return _Found(person.shares, list(person.digests), person.replies(), person.named_in_bodies())


def _meant(lives: Sequence[Life], reply: ReplyRow) -> Life:
    """Which of these orders of one number: the newest there was by then."""
    begun = [life for life in lives if life.told[0].seq <= reply.event_seq]
    return begun[-1] if begun else lives[0]


def _of_theirs(story: Story, life: Life, replies: Sequence[ReplyRow]) -> Story:
    """What its number tells of that order of it."""
    events, messages = {each.seq for each in life.told}, {each.seq for each in life.sent}
    return Story(
        order=life.order,
        events=[each for each in story.events if each.seq in events],
        messages=[each for each in story.messages if each.seq in messages],
        attempts=[each for each in story.attempts if each.message_seq in messages],
        replies=replies,
        acts=story.acts if life.is_last else (),
    )


def _json(values: Sequence[object]) -> str:
    return encode(values).decode()
