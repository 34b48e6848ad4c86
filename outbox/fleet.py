"""`box.fleet`: what a store of a fleet tells the others, and what it heard from them. Reads for the link, and the ledger of remote consent;
how any of it travels is not known here."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from outbox.audit_base import read_base
from outbox.bounds import Moment, Name, Whole
from outbox.bounds import Text as ShortText
from outbox.chain import START
from outbox.fleet_consent import KEY, Hear, HearAgain, Heard, Index, KeepKey, MarkTold, StartOver, Untold
from outbox.masks import mask_address
from outbox.model import Rendered
from outbox.queries import Queries
from outbox.reasons import decode_args
from outbox.shares import Shares
from outbox.store import Store

_SQL = Queries("fleet.sql")
_BASE = Queries("audit.sql")["base"]

CUSTOMER = "customer"
_addresses = msgspec.json.Decoder(dict[str, str]).decode
_sent = msgspec.json.Decoder(Rendered).decode


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry of the record as it is stored, but for its hash, which follows from the one before."""

    seq: Whole
    at: Moment
    kind: Name
    actor: ShortText
    order_ref: Name
    message_id: Name
    detail: str


class Slice(msgspec.Struct, frozen=True):
    """Entries of one epoch without a hole between them. `before`, `head`: the hash before the first, and of the last."""

    epoch: str
    before: bytes
    entries: Sequence[Entry]
    head: bytes
    after_gap: bool
    """The entries just before are not kept here any more."""


class Text(msgspec.Struct, frozen=True):
    """A text message that left: by what, to whom, and what it said."""

    channel: str
    to: str
    text: str


class MessageState(msgspec.Struct, frozen=True, kw_only=True):
    """How a message stands; `rev`: the number of the newest entry that speaks of it."""

    id: str
    order_ref: str
    state: str
    channel: str
    reason_code: str
    reason_args: Mapping[str, Any]
    type: str
    recipient: str
    to: str
    """Masked."""
    attempts: int
    created_at: int
    updated_at: int
    due_at: int
    rev: int
    told_at: int | None = None
    """When its last attempt was taken."""
    text: Text | None = None
    who: Sequence[str] = ()
    """A customer's addresses, as digests under the fleet's keys."""


class Changed(msgspec.Struct, frozen=True):
    """Messages that changed, and up to which entry they were looked for."""

    states: Sequence[MessageState]
    reached: int


class Position(msgspec.Struct, frozen=True):
    """Where the record stands."""

    epoch: str
    seq: int
    hash: bytes
    first: int
    """The first entry that is kept."""


class Fleet:
    """`box.fleet`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def set_keys(self, keys: Mapping[str, bytes]) -> None:
        """From now on consent is shared under these keys."""
        self._store.shares = Shares(keys)

    async def tell_what_was_said(self) -> None:
        """Words from before these keys are to be told under them too; those that are known already change nothing."""
        after: int | None = 0
        while after is not None:
            after = await self._store.write(Index(self._store.shares, after))

    async def use_keys(self, keys: Mapping[str, bytes]) -> None:
        """Both."""
        self.set_keys(keys)
        await self.tell_what_was_said()

    @property
    def keys(self) -> Mapping[str, bytes]:
        return self._store.shares.keys

    @property
    def kids(self) -> Sequence[str]:
        """The names of the keys under which consent is shared."""
        return tuple(self._store.shares.keys)

    async def keep_key(self, kid: str, sealed: bytes) -> None:
        """A key that came over the line."""
        await self._store.write(KeepKey(kid, sealed))

    async def kept_keys(self) -> dict[str, bytes]:
        """As they came, by their names."""
        return {name.removeprefix(KEY): key for name, key in await self._store.rows(_SQL["kept_keys"], prefix=KEY)}

    async def position(self) -> Position:
        first, last = await self._store.row(_SQL["ends"])
        epochs = await self.epochs()
        hash_: bytes = await self._store.value(_SQL["hash_at"], seq=last) or START
        return Position(epochs[-1][0], last, hash_, first)

    async def epochs(self) -> list[tuple[str, int]]:
        """Each history of this database with the number of its first entry, the oldest first."""
        return [(id, first) for id, first in await self._store.rows(_SQL["epochs"])]

    async def why_began(self, epoch: str) -> str:
        reason: str = await self._store.value(_SQL["why_began"], epoch=epoch)
        return reason

    async def hash_at(self, seq: int) -> bytes | None:
        """None: that entry is not kept."""
        found: bytes | None = await self._store.value(_SQL["hash_at"], seq=seq)
        return found

    async def made_at(self, seq: int) -> int | None:
        """When (ms) an entry was made."""
        found: int | None = await self._store.value(_SQL["at_of"], seq=seq)
        return found

    async def entries(
        self, after: int, *, limit: int, most_bytes: int, hash_of_after: bytes | None = None
    ) -> Slice | None:
        """The record beyond an entry, as much as fits; None: there is nothing more. `hash_of_after`: that entry's hash, where the caller has
        read it."""
        found = await self._store.rows(_SQL["entries"], after=after, limit=limit)
        if not found:
            return None
        epoch, first = found[0][0], found[0][1]
        taken: list[Entry] = []
        size, head = 0, b""
        for number, (own, seq, at, kind, actor, order_ref, message_id, detail, hash_) in enumerate(found, first):
            size += 60 + len(kind) + len(actor) + len(order_ref) + len(message_id) + len(detail)
            if own != epoch or seq != number or (taken and size > most_bytes):
                break
            taken.append(Entry(seq, at, kind, actor, order_ref, message_id, detail))
            head = hash_
        before = hash_of_after if first == after + 1 else None
        if before is None:
            before = await self._hash_before(first)
        return Slice(epoch, before, taken, head, after_gap=first > after + 1)

    async def _hash_before(self, first: int) -> bytes:
        base = read_base(await self._store.value(_BASE))
        return base.before if first == base.seq + 1 else await self.hash_at(first - 1) or b""

    async def changed(self, after: int, *, look: int, texts: Collection[str] = ()) -> Changed | None:
        """Messages that the next `look` entries beyond one speak of, as they stand now; None: there are no such entries. `texts`: the
        channels that send text messages."""
        reached: int | None = await self._store.value(_SQL["reached"], after=after, limit=look)
        if reached is None:
            return None
        revs = dict(await self._store.rows(_SQL["changed"], after=after, limit=look))
        asked = {"ids": list(revs), "texts": list(texts)}
        rows = await self._store.rows(
            _SQL["states"], **{name: msgspec.json.encode(each).decode() for name, each in asked.items()}
        )
        states = (self._store.decoded(lambda row: _state(row, revs[row[0]], self._store.shares), row) for row in rows)
        return Changed(sorted(states, key=lambda state: state.rev), reached)

    async def untold(self, *, limit: int) -> list[Untold]:
        """Our words that the fleet does not know, the oldest first."""
        found = await self._store.rows(_SQL["untold"], limit=limit)
        return [
            Untold(kid, digest, medium, said, base, knew, bool(stopped), at, reason)
            for kid, digest, medium, said, base, knew, stopped, at, reason in found
        ]

    async def told(self, word: Untold, seq: int, *, answers_all: bool) -> None:
        """`seq`: under which number the fleet took it; 0: it would not have it. `answers_all`: nobody had said anything of that subject
        that we did not know when it was said."""
        await self._store.write(MarkTold(word, seq, answers_all=answers_all))

    async def hear(self, words: Sequence[Heard]) -> int:
        """In one commit; returns how many were news."""
        return await self._store.write(Hear(words))

    async def heard_up_to(self) -> int:
        """How far in the fleet's order; 0: all of it is to be heard."""
        found: int = await self._store.value(_SQL["cursor"])
        return found

    async def hear_again(self) -> None:
        """What other stores said may be lost here, whatever is known of what they said since: nobody says it once more."""
        await self._store.write(HearAgain(done=False))

    async def heard_again(self) -> None:
        """From its beginning to its end."""
        await self._store.write(HearAgain(done=True))

    async def start_over(self) -> None:
        """The fleet's own order of consent begins anew (its stream was lost)."""
        await self._store.write(StartOver())

    async def broken_texts(self, since: int, before: int) -> list[str]:
        """Event types of which texts could not be made since the one moment (ms), and could between the other and that."""
        return [kind for (kind,) in await self._store.rows(_SQL["broken_texts"], since=since, before=before)]

    async def from_elsewhere(self) -> int:
        """How many opt-outs stand here that others of the fleet told us of."""
        found: int = await self._store.value(_SQL["elsewhere"])
        return found


def _state(row: tuple[Any, ...], rev: int, shares: Shares) -> MessageState:
    (
        id,
        ref,
        state,
        channel,
        reason,
        args,
        kind,
        created_at,
        updated_at,
        due_at,
        attempts,
        recipient,
        addresses,
        *last,
    ) = row
    told_at, told_to, sent = last
    known = _addresses(addresses)
    address = known.get("phone") or known.get("email") or next(iter(known.values()), "")
    return MessageState(
        id=id,
        order_ref=ref,
        state=state,
        channel=channel,
        reason_code=reason,
        reason_args=decode_args(args),
        type=kind,
        recipient=recipient,
        to=mask_address(address),
        attempts=attempts,
        created_at=created_at,
        updated_at=updated_at,
        due_at=due_at,
        rev=rev,
        told_at=told_at,
        text=None if sent is None else Text(channel, told_to, _sent(sent).text),
        who=[digest for each in known.values() for digest in shares.person(each)] if recipient == CUSTOMER else (),
    )
