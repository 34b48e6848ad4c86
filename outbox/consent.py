"""Who asked for silence, and who asked to hear again: one ledger for all channels of a medium.

Entries are never changed; the newest word on a medium, or on all, holds. They are found by the keyed digest of the address, so that
an opt-out outlives the person's being forgotten. Why a message was not sent never quotes their words: those go with them.
"""

from collections.abc import Sequence

import msgspec

from outbox.batch import Batch
from outbox.errors import NotFound
from outbox.ledger import ALL, ConsentWord, stopped
from outbox.ledger import newest as newest_word
from outbox.masks import mask_address
from outbox.pages import Page, cursor_of, place_of
from outbox.queries import Queries
from outbox.reasons import Reason
from outbox.remote import blocked_elsewhere, share, share_again, standing, stopped_elsewhere
from outbox.shares import Asked
from outbox.snapshot import Wants
from outbox.store import Store
from outbox.writer import Operation

_SQL = Queries("consent.sql")

FLEETS = "fleet-"
"""Before the fleet's own number, in the id of an opt-out of which it told."""


_NEWEST = 2**62


class OptOut(msgspec.Struct, frozen=True):
    """One standing opt-out. `address` is masked, or "" once forgotten or never known; `id` is its number as text. `store`: the other one of
    the fleet at which it was asked; "": here."""

    medium: str
    address: str
    reason: str
    actor: str
    at: int
    id: str
    store: str = ""


class Say(Operation[bool]):
    """A word on consent. False: it changes nothing, so it is not kept."""

    __slots__ = ("_actor", "_address", "_digest", "_elsewhere", "_medium", "_reason", "_shared", "_stopped")

    def __init__(
        self,
        medium: str,
        address: str,
        digest: str,
        *,
        stopped: bool,
        reason: str,
        actor: str,
        shared: Sequence[tuple[str, str]] = (),
        elsewhere: Sequence[Asked] = (),
    ) -> None:
        """`elsewhere`: under which digests others of the fleet may have said what an opt-in ends."""
        self._medium = medium
        self._address = address
        self._digest = digest
        self._shared = shared
        self._elsewhere = elsewhere
        self._stopped = stopped
        self._reason = reason
        self._actor = actor

    def wants(self, wants: Wants) -> None:
        wants.digests.append(self._digest)

    def apply(self, batch: Batch) -> bool:
        if not self.says_anything(batch):
            return False
        values = {
            "at": batch.now,
            "medium": self._medium,
            "digest": self._digest,
            "stopped": int(self._stopped),
            "actor": self._actor,
            "reason": self._reason,
            "address": self._address.strip(),
        }
        said = batch.db.execute(_SQL["say"], values).lastrowid or 0
        batch.calls_off = batch.calls_off or self._stopped
        share(batch.db, self._shared, medium=self._medium, local=self._digest, said=said)
        batch.words[self._digest].append(ConsentWord(self._medium, self._stopped, self._reason, batch.now))
        told = {"medium": self._medium, "to": batch.pseudonym(self._digest)}
        batch.record("consent.stopped" if self._stopped else "consent.allowed", told, actor=self._actor)
        return True

    def says_anything(self, batch: Batch) -> bool:
        """Whether it changes what is known."""
        if not self._stopped and stopped_elsewhere(batch.db, self._elsewhere) is not None:
            return True
        if self._medium != ALL and not self._stopped:
            return batch.stop_of(self._digest, self._medium) is not None
        if self._medium != ALL:
            own = newest_word(batch.words.get(self._digest, ()), self._medium)
            return own is None or not own[1].stopped
        newest = {word.medium: word.stopped for word in batch.words.get(self._digest, ())}
        return (
            any(newest.values()) if not self._stopped else newest != {**newest, ALL: True} or not all(newest.values())
        )


class TakeBack(Operation[OptOut]):
    """The opt-out of that number does not hold any more, whosever it is."""

    __slots__ = ("_actor", "_id", "_reason")

    def __init__(self, id: str, reason: str, actor: str) -> None:
        self._id = id
        self._reason = reason
        self._actor = actor

    def apply(self, batch: Batch) -> OptOut:
        seq = int(self._id) if self._id.isascii() and self._id.isdecimal() and len(self._id) < 19 else -1
        if self._id.startswith(FLEETS):
            raise NotFound(
                "that was asked at another store and is known here by its digest only: whoever asked can write START, or allow it by "
                "medium and address"
            )
        found = batch.db.execute(_SQL["one_standing"], {"seq": seq}).fetchone()
        if found is None:
            raise NotFound(f"no opt-out of the number {self._id!r} stands")
        medium, address, reason, actor, at, digest = found
        values = {
            "at": batch.now,
            "medium": medium,
            "digest": digest,
            "stopped": 0,
            "actor": self._actor,
            "reason": self._reason,
            "address": address,
        }
        said = batch.db.execute(_SQL["say"], values).lastrowid or 0
        share_again(batch.db, medium=medium, local=digest, said=said)
        batch.words[digest].append(ConsentWord(medium, False, self._reason, batch.now))
        names = dict(batch.db.execute(_SQL["pseudonym"], {"digest": digest}).fetchall())
        batch.pseudonyms |= names
        batch.record("consent.allowed", {"medium": medium, "to": batch.pseudonym(digest)}, actor=self._actor)
        return OptOut(medium, mask_address(address), reason, actor, at, self._id)


class Consent:
    """`box.consent`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def stop(self, medium: str, address: str, *, reason: str, actor: str) -> None:
        """Nothing of that medium (or of "all") may go to that address any more; `reason`: by what words."""
        await self._say(medium, address, stopped=True, reason=reason, actor=actor)

    async def allow(self, medium: str, address: str, *, reason: str, actor: str) -> bool:
        """It may again. False: there was no such opt-out."""
        return await self._say(medium, address, stopped=False, reason=reason, actor=actor)

    async def _say(self, medium: str, address: str, *, stopped: bool, reason: str, actor: str) -> bool:
        say = Say(
            medium,
            address,
            self._store.digester(address),
            stopped=stopped,
            reason=reason,
            actor=actor,
            shared=self._store.shares.of(medium, address),
            elsewhere=self._store.shares.ended_by(medium, address),
        )
        return await self._store.write(say)

    async def allow_entry(self, entry_id: str, *, reason: str, actor: str) -> OptOut:
        """Take back the opt-out of that id, whose address need not be known. Returns what it was. Raises NotFound."""
        return await self._store.write(TakeBack(entry_id, reason, actor))

    async def blocked(self, medium: str, address: str) -> Reason | None:
        """By what words nothing of that medium may go there, by our own ledger or the fleet's; None: it may."""
        words = await self._store.rows(_SQL["words"], digest=self._store.digester(address))
        stop = stopped([ConsentWord(about, bool(said), reason, at) for about, said, reason, at in words], medium)
        if stop is not None:
            return Reason(stop.reason, "opted_out", medium=stop.medium, since=stop.at, how=stop.reason)
        elsewhere = await blocked_elsewhere(self._store, medium, address)
        return None if elsewhere is None else Reason(elsewhere, "opted_out_elsewhere", how=elsewhere)

    async def list(self, *, limit: int, cursor: str | None = None) -> Page[OptOut]:
        """The opt-outs that stand: our own, then those of which only the fleet told, each the newest first."""
        elsewhere, below = place_of(cursor, (0, _NEWEST))
        items: list[tuple[int, int, OptOut]] = []
        if not elsewhere:
            items = [
                (0, seq, OptOut(medium, mask_address(address), reason, actor, at, str(seq)))
                for seq, medium, address, reason, actor, at in await self._store.rows(
                    _SQL["standing"], below=below, limit=limit + 1
                )
            ]
            below = _NEWEST
        if len(items) <= limit:
            items += [
                (1, seq, OptOut(medium, mask_address(address), why, where, at, f"{FLEETS}{seq}", where))
                for seq, medium, address, where, at, why in await standing(
                    self._store, below=below, limit=limit + 1 - len(items)
                )
            ]
        page = [each for *_, each in items[:limit]]
        return Page(page, cursor_of(*items[limit - 1][:2]) if len(items) > limit else None)
