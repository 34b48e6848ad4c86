"""Words on consent between this store and its fleet: what is to be told, what was heard, under which keys. Each is one operation of the writer."""

from collections.abc import Sequence
from typing import Any

import msgspec

from outbox.batch import Batch
from outbox.consent import Say
from outbox.queries import Queries
from outbox.remote import share
from outbox.shares import Shares
from outbox.snapshot import Wants
from outbox.writer import Operation

_SQL = Queries("fleet.sql")

INDEX_SLICE = 200
KEY = "fleet."


class Untold(msgspec.Struct, frozen=True):
    """A word of ours that the fleet was not told. `base`: the fleet's number of what we knew of that very subject when it was said, 0
    for nothing; `knew`: how far we had heard the fleet at all."""

    kid: str
    digest: str
    medium: str
    said: int
    base: int
    knew: int
    stopped: bool
    at: int
    reason: str


class Heard(msgspec.Struct, frozen=True):
    """The fleet's word on an address. `seq`: its number in the fleet's order; `heard`: how far its sayer had heard the fleet."""

    kid: str
    digest: str
    medium: str
    seq: int
    stopped: bool
    at: int
    store: str
    how: str
    heard: int = 0
    ours: int = 0
    """Its number in our own ledger, where we said it."""
    after: int = -1
    """The number of the word on that address before it, as the servers vouch for it; -1: they don't."""


class Hear(Operation[int]):
    """Words of the fleet, in its order. A START elsewhere that follows a STOP of ours, which the fleet knew, ends ours too. One of our own counts
    as told, though the answer may have been lost on its way. Returns how many were news."""

    __slots__ = ("_words",)

    def __init__(self, words: Sequence[Heard]) -> None:
        self._words = words

    def apply(self, batch: Batch) -> int:
        news = 0
        for word in self._words:
            values: dict[str, Any] = msgspec.structs.asdict(word) | {"stopped": int(word.stopped)}
            found = batch.db.execute(_SQL["heard"], values).fetchone()
            batch.touched += 1
            if found is None:
                continue
            news += 1
            batch.calls_off = batch.calls_off or word.stopped
            if word.ours:
                batch.db.execute(_SQL["taken"], values)
            if not word.stopped and found[0]:
                self._end_ours(batch, word, found[0])
        return news

    def _end_ours(self, batch: Batch, word: Heard, local: str) -> None:
        """Unless something of ours was not told, or its sayer could not have heard of it."""
        for medium, known, told_seq in batch.db.execute(_SQL["ours"], {"kid": word.kid, "local": local}).fetchall():
            if not known or (medium != word.medium and told_seq > word.heard):
                return
        wants = Wants()
        wants.digests.append(local)
        batch.load(wants)
        say = Say(word.medium, "", local, stopped=False, reason=word.how, actor=f"fleet: {word.store}")
        say.apply(batch)


class MarkTold(Operation[None]):
    """The fleet took this word of ours under that number; 0: it would not have it, since somebody said otherwise meanwhile. Where it answers
    all that was said before it, so does what we said since: an opt-out by mistake is undone before the fleet has it."""

    __slots__ = ("_answers_all", "_seq", "_word")

    def __init__(self, word: Untold, seq: int, *, answers_all: bool) -> None:
        self._word = word
        self._seq = seq
        self._answers_all = answers_all

    def apply(self, batch: Batch) -> None:
        word = self._word
        values = {"kid": word.kid, "digest": word.digest, "said": word.said, "seq": self._seq}
        batch.db.execute(_SQL["told"], values)
        if self._answers_all:
            batch.db.execute(_SQL["answered"], values)
        batch.touched += 1
        if not self._seq:
            batch.record("consent.refused", {"medium": word.medium, "fleet": word.digest, "kid": word.kid})


class Index(Operation["int | None"]):
    """Words from before the fleet, or from before a new key of it: each gets its digests and is to be told. The last one's number, None at
    the end."""

    __slots__ = ("_after", "_shares")

    def __init__(self, shares: Shares, after: int) -> None:
        self._shares = shares
        self._after = after

    def apply(self, batch: Batch) -> int | None:
        found = batch.db.execute(_SQL["own_addresses"], {"after": self._after, "limit": INDEX_SLICE}).fetchall()
        for seq, medium, address, local in found:
            share(batch.db, self._shares.of(medium, address), medium=medium, local=local, said=seq, late=True)
            batch.touched += 1
        return found[-1][0] if found else None


class KeepKey(Operation[None]):
    """A key of the fleet's, by its name, as it came: sealed, so that who has the file alone has no key."""

    __slots__ = ("_key", "_kid")

    def __init__(self, kid: str, key: bytes) -> None:
        self._kid = kid
        self._key = key

    def apply(self, batch: Batch) -> None:
        batch.db.execute(_SQL["keep_key"], {"name": f"{KEY}{self._kid}", "value": self._key})
        batch.record("fleet.key", {"kid": self._kid})


class HearAgain(Operation[None]):
    """All that the fleet said is to be heard once more; `done`: it was."""

    __slots__ = ("_done",)

    def __init__(self, *, done: bool) -> None:
        self._done = done

    def apply(self, batch: Batch) -> None:
        batch.touched += batch.db.execute(_SQL["heard_again" if self._done else "hear_again"]).rowcount


class StartOver(Operation[None]):
    """The fleet's order begins anew: all is heard and told once more."""

    __slots__ = ()

    def apply(self, batch: Batch) -> None:
        batch.db.execute(_SQL["start_over"])
        batch.touched += 1
