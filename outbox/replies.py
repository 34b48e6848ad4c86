"""What customers wrote back: each taken once, put to the newest order of its address."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from outbox.answers import Answer, answer
from outbox.batch import Batch
from outbox.consent import Say
from outbox.errors import NotFound
from outbox.pages import Page, cursor_of, place_of
from outbox.queries import Queries
from outbox.rows import encode
from outbox.snapshot import Wants
from outbox.store import Store
from outbox.writer import Operation

_SQL = Queries("replies.sql")


class Reply(Protocol):
    """`daemon.channels.base.Reply`, as far as the outbox reads it."""

    @property
    def address(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def at(self) -> int | None: ...
    @property
    def consent(self) -> str | None: ...


class ReplyRow(msgspec.Struct, frozen=True):
    """A reply on record. `id` is its number as text; `name` the customer's, "" where no order is known."""

    id: str
    order_ref: str | None
    channel: str
    address: str
    name: str
    text: str
    at: int
    read: bool
    consent: str | None = None
    """"stop", "start", or "unclear": it may be a wish for silence, and staff decide."""


class Add(Operation["str | None"]):
    __slots__ = ("_channel", "_id", "_index", "_reply", "_unclear", "is_new")

    def __init__(self, channel: str, reply: Reply, store: Store, *, unclear: bool = False) -> None:
        self._channel = channel
        self._reply = reply
        self._unclear = unclear
        self._index = store.index
        self._id = store.digester.of_bytes(f"{channel} {reply.id}".encode()) if reply.id else ""
        """Providers' ids may hold the number of who wrote."""
        self.is_new = False

    def apply(self, batch: Batch) -> str | None:
        reply = self._reply
        ids = encode([reply.id, self._id]).decode()
        known = batch.db.execute(_SQL["known"], {"channel": self._channel, "ids": ids}).fetchone()
        if known:
            ref: str | None = known[0]
            return ref
        self.is_new = True
        digests = encode(self._index.digests(reply.address)).decode()
        found = batch.db.execute(_SQL["order_of"], {"digests": digests}).fetchone()
        ref = found[0] if found else None
        added = batch.db.execute(
            _SQL["add"],
            {
                "at": reply.at or batch.now,
                "channel": self._channel,
                "id": self._id,
                "order_ref": ref,
                "consent": reply.consent,
                "unclear": int(self._unclear),
                "address": reply.address.strip(),
                "text": reply.text,
            },
        )
        batch.touched += 1
        batch.new_people += self._index.of_reply(reply.address, added.lastrowid or 0)
        batch.record("reply.received", {"reply": str(added.lastrowid), "channel": self._channel}, ref or "")
        return ref


class Take(Operation[bool]):
    """Keep a reply, and what it says about consent with it: a reply that was known before says nothing again."""

    __slots__ = ("_add", "_say")

    def __init__(self, add: Add, say: Say | None) -> None:
        self._add = add
        self._say = say

    def wants(self, wants: Wants) -> None:
        if self._say:
            self._say.wants(wants)

    def apply(self, batch: Batch) -> bool:
        self.put_to(batch)
        return self._add.is_new

    @property
    def is_new(self) -> bool:
        return self._add.is_new

    def put_to(self, batch: Batch) -> str | None:
        """The ref of the order that it was put to."""
        ref = self._add.apply(batch)
        if self._say and self._add.is_new:
            self._say.apply(batch)
        return ref


class TakeAndAnswer(Operation[bool]):
    """The same, and what is said to them by itself."""

    __slots__ = ("_address", "_answer", "_store", "_take")

    alone = True

    def __init__(self, take: Take, wish: Answer, address: str, store: Store) -> None:
        self._take = take
        self._answer = wish
        self._address = address
        self._store = store

    def wants(self, wants: Wants) -> None:
        self._take.wants(wants)

    def apply(self, batch: Batch) -> bool:
        ref = self._take.put_to(batch)
        if self._take.is_new:
            answer(batch, self._answer, self._address, ref, self._store.digester, self._store.index)
        return self._take.is_new


class MarkRead(Operation[None]):
    __slots__ = ("_actor", "_id")

    def __init__(self, id: str, actor: str) -> None:
        self._id = id
        self._actor = actor

    def apply(self, batch: Batch) -> None:
        seq = int(self._id) if self._id.isascii() and self._id.isdecimal() and len(self._id) < 19 else -1
        found = batch.db.execute(_SQL["one"], {"seq": seq}).fetchone()
        if found is None:
            raise NotFound(f"there is no reply {self._id!r}")
        ref, is_read = found
        if not is_read:
            batch.db.execute(_SQL["mark_read"], {"seq": seq})
            batch.record("reply.read", {"reply": self._id}, ref or "", "", self._actor)


class Replies:
    """`box.replies`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, channel: str, reply: Reply) -> str | None:
        """Keep a reply; the order it was put to, if the address has one. The same provider id again changes nothing."""
        return await self._store.write(Add(channel, reply, self._store))

    async def take(
        self,
        channel: str,
        reply: Reply,
        *,
        medium: str,
        actor: str,
        unclear: bool = False,
        answers: Answer | None = None,
    ) -> bool:
        """Keep a reply and heed its `consent` for that medium, both or neither. False: it was known before; nothing changed.

        `unclear`: it may be a wish for silence, and staff decide. `answers`: what is said to them by itself, planned in the same
        transaction.
        """
        say = None
        if reply.consent is not None:
            say = Say(
                medium,
                reply.address,
                self._store.digester(reply.address),
                stopped=reply.consent == "stop",
                reason=reply.text,
                actor=actor,
                shared=self._store.shares.of(medium, reply.address),
            )
        take = Take(Add(channel, reply, self._store, unclear=unclear), say)
        if answers is None:
            return await self._store.write(take)
        return await self._store.write(TakeAndAnswer(take, answers, reply.address.strip(), self._store))

    async def mark_read(self, reply_id: str, *, actor: str) -> None:
        """Raises NotFound."""
        await self._store.write(MarkRead(reply_id, actor))

    async def list(
        self, *, unread: bool = False, order_ref: str | None = None, limit: int, cursor: str | None = None
    ) -> Page[ReplyRow]:
        """The newest first."""
        (below,) = place_of(cursor, (2**62,))
        name = "of_order" if order_ref is not None else "unread" if unread else "all"
        found = await self._store.rows(
            _SQL[name], below=below, order_ref=order_ref, unread=int(unread), limit=limit + 1
        )
        items = [_row(row) for row in found[:limit]]
        return Page(items, cursor_of(found[limit - 1][0]) if len(found) > limit else None)

    async def get(self, ids: Sequence[str]) -> Sequence[ReplyRow]:
        """Those of these ids that exist."""
        wanted = [int(id) for id in ids if id.isascii() and id.isdecimal() and len(id) < 19]
        return [_row(row) for row in await self._store.rows(_SQL["some"], seqs=msgspec.json.encode(wanted).decode())]


def _row(row: tuple[int, str | None, str, str, str, str, int, int, str | None]) -> ReplyRow:
    seq, order_ref, channel, address, name, text, at, is_read, consent = row
    return ReplyRow(str(seq), order_ref, channel, address, name, text, at, bool(is_read), consent)
