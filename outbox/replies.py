"""What customers wrote back: each taken once, put to the newest order of its address."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from outbox.acting import Act, act, confirm, newest_order, orders_for
from outbox.answers import AutomaticAnswer, answer
from outbox.batch import Batch
from outbox.consent import Say
from outbox.errors import NotFound
from outbox.order_people import orders_of
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
    """A reply on record. `id` is its number as text; `name` the customer's, "" where no order is known, or its number is another's by now."""

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
    action: str = ""
    """What its exact words did to the order: "arrived", "yes", "no"; "" for nothing."""
    event_seq: int = 0
    """The newest event of the order that it was put to, at that time; 0: to none."""


class Add(Operation["str | None"]):
    __slots__ = ("_channel", "_id", "_index", "_reply", "_unclear", "acted_on", "is_new")

    def __init__(self, channel: str, reply: Reply, store: Store, *, unclear: bool = False) -> None:
        self._channel = channel
        self._reply = reply
        self._unclear = unclear
        self._index = store.index
        self._id = store.digester.of_bytes(f"{channel} {reply.id}".encode()) if reply.id else ""
        """Providers' ids may hold the number of who wrote."""
        self.is_new = False
        self.acted_on: Act | None = None
        """What its words did, if they could only mean that."""

    def apply(self, batch: Batch) -> str | None:
        return self.keep(batch, None)

    def keep(self, batch: Batch, wish: Act | None) -> str | None:
        """Keep it, and do what it wishes where that is certain; the order that it is put to."""
        reply = self._reply
        ids = encode([reply.id, self._id]).decode()
        known = batch.db.execute(_SQL["known"], {"channel": self._channel, "ids": ids}).fetchone()
        if known:
            ref: str | None = known[0]
            return ref
        self.is_new = True
        digests = self._index.digests(reply.address)
        orders = orders_of(batch.db, digests)
        meant = orders_for(batch, wish.action, orders, digests, self._index) if wish else []
        self.acted_on = wish if meant else None
        ref = meant[0] if meant else newest_order(batch, orders, digests, self._index)
        at = reply.at or batch.now
        added = batch.db.execute(
            _SQL["add"],
            {
                "at": at,
                "channel": self._channel,
                "id": self._id,
                "order_ref": ref,
                "consent": None if self.acted_on else reply.consent,
                "unclear": int(self._unclear and not self.acted_on),
                "action": self.acted_on.action if self.acted_on else "",
                "address": reply.address.strip(),
                "text": reply.text,
            },
        )
        number = str(added.lastrowid)
        batch.touched += 1
        batch.new_people += self._index.of_reply(reply.address, added.lastrowid or 0)
        batch.record("reply.received", {"reply": number, "channel": self._channel}, ref or "")
        if self.acted_on:
            act(batch, self.acted_on, meant, number, min(at, batch.now))
        return ref


class Take(Operation[bool]):
    """Keep a reply, and what it says about consent with it: a reply that was known before says nothing again."""

    __slots__ = ("_say", "add")

    def __init__(self, add: Add, say: Say | None) -> None:
        self.add = add
        self._say = say

    def wants(self, wants: Wants) -> None:
        if self._say:
            self._say.wants(wants)

    def apply(self, batch: Batch) -> bool:
        self.put_to(batch, None)
        return self.add.is_new

    def put_to(self, batch: Batch, wish: Act | None) -> str | None:
        """The ref of the order that it was put to. Words that change what is known of consent do nothing else: YES ends a silence where
        there is one."""
        speaks = self._say is not None and self._say.says_anything(batch)
        ref = self.add.keep(batch, None if speaks else wish)
        if self._say and self.add.is_new and not self.add.acted_on:
            self._say.apply(batch)
        return ref


class TakeAndAnswer(Operation[bool]):
    """The same, with what the words do to the order, and what is said to them by itself."""

    __slots__ = ("_act", "_address", "_answer", "_digester", "_index", "_take")

    alone = True

    def __init__(self, take: Take, wish: AutomaticAnswer | None, act: Act | None, address: str, store: Store) -> None:
        self._take = take
        self._answer = wish
        self._act = act
        self._address = address
        self._digester = store.digester
        self._index = store.index

    def wants(self, wants: Wants) -> None:
        self._take.wants(wants)

    def apply(self, batch: Batch) -> bool:
        ref = self._take.put_to(batch, self._act)
        added = self._take.add
        if added.acted_on and ref:
            confirm(batch, added.acted_on, ref, self._address, self._digester, self._index)
        elif added.is_new and self._answer:
            answer(batch, self._answer, self._address, ref, self._digester, self._index)
        return added.is_new


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
        answers: AutomaticAnswer | None = None,
        acts: Act | None = None,
    ) -> bool:
        """Keep a reply and heed its `consent` for that medium, both or neither. False: it was known before; nothing changed.

        `unclear`: it may be a wish for silence, and staff decide. `answers`: what is said to them by itself, planned in the same
        transaction. `acts`: what the words do where they can only mean that; then they are no wish, and are answered in its own words.
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
                elsewhere=self._store.shares.ended_by(medium, reply.address),
            )
        take = Take(Add(channel, reply, self._store, unclear=unclear), say)
        if answers is None and acts is None:
            return await self._store.write(take)
        return await self._store.write(TakeAndAnswer(take, answers, acts, reply.address.strip(), self._store))

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


def _row(row: tuple[int, str | None, str, str, str, str, int, int, str | None, str, int, int | None]) -> ReplyRow:
    seq, order_ref, channel, address, name, text, at, is_read, consent, action, event_seq, is_past = row
    if is_past:
        order_ref, name = None, ""
    return ReplyRow(str(seq), order_ref, channel, address, name, text, at, bool(is_read), consent, action, event_seq)
