"""What sources told and could not be understood: kept as it came, to be read again once the mapping is mended.

Bodies are bounded, of each source only so many are kept, and the same body again while it waits is counted, not kept twice. What waits is
pushed out by nothing but what waits, and never without a word on record.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from outbox.batch import Batch
from outbox.errors import IllegalMove, NotFound
from outbox.pages import Page, cursor_of, place_of
from outbox.person_index import PersonIndex
from outbox.queries import Queries
from outbox.rows import encode
from outbox.store import Store
from outbox.writer import Operation

_SQL = Queries("quarantine.sql")

LARGEST_BODY = 512 * 1024
MOST_OF_A_SOURCE = 1000
LONGEST_REASON = 1000

Closed = Literal["done", "dropped"]
Standing = Literal["waiting", "done", "dropped"]


class Kept(msgspec.Struct, frozen=True):
    """One of them. `headers` are those that say what it is, none that vouch for it."""

    seq: int
    at: int
    source: str
    state: Standing
    reason: str
    retry: bool
    times: int
    cut: bool
    size: int
    headers: Mapping[str, str]
    body: bytes


class Keep(Operation[int]):
    __slots__ = ("_body", "_headers", "_index", "_known", "_reason", "_retry", "_source")

    def __init__(
        self, source: str, body: bytes, headers: Mapping[str, str], reason: str, retry: bool, index: PersonIndex
    ) -> None:
        self._index = index
        self._known = index.of_body(body[:LARGEST_BODY])
        self._source = source
        self._body = body
        self._headers = headers
        self._reason = reason
        self._retry = retry

    def apply(self, batch: Batch) -> int:
        values = {
            "at": batch.now,
            "source": self._source,
            "reason": self._reason[:LONGEST_REASON],
            "retry": int(self._retry),
            "cut": int(len(self._body) > LARGEST_BODY),
            "digest": hashlib.sha256(self._body).digest(),
            "headers": encode(self._headers).decode(),
            "body": self._body[:LARGEST_BODY],
        }
        seq, times = batch.db.execute(_SQL["keep"], values).fetchone()
        batch.new_people += self._index.of_quarantined(self._known, int(seq))
        batch.touched += 1
        if times == 1 and not self._retry:
            batch.record("quarantine.kept", {"source": self._source, "quarantine": str(seq)})
        self._trim(batch, waiting=False)
        for (dropped,) in self._trim(batch, waiting=True):
            batch.record("quarantine.dropped", {"source": self._source, "quarantine": str(dropped)})
        return int(seq)

    def _trim(self, batch: Batch, *, waiting: bool) -> list[tuple[int]]:
        values = {"source": self._source, "waiting": int(waiting), "most": MOST_OF_A_SOURCE}
        return batch.db.execute(_SQL["trim"], values).fetchall()


class Close(Operation[None]):
    __slots__ = ("_actor", "_seq", "_state")

    def __init__(self, seq: int, state: Closed, actor: str) -> None:
        self._seq = seq
        self._state = state
        self._actor = actor

    def apply(self, batch: Batch) -> None:
        found = batch.db.execute(_SQL["one"], {"seq": self._seq}).fetchone()
        if found is None:
            raise NotFound(f"nothing is kept under the number {self._seq}")
        source, state = found
        if state != "waiting":
            raise IllegalMove(f"number {self._seq} is {state} already")
        batch.db.execute(_SQL["close"], {"seq": self._seq, "state": self._state})
        batch.touched += 1
        if self._actor:
            batch.record(
                f"quarantine.{self._state}", {"source": source, "quarantine": str(self._seq)}, actor=self._actor
            )


class Explain(Operation[None]):
    __slots__ = ("_reason", "_retry", "_seq")

    def __init__(self, seq: int, reason: str, retry: bool) -> None:
        self._seq = seq
        self._reason = reason
        self._retry = retry

    def apply(self, batch: Batch) -> None:
        values = {"seq": self._seq, "reason": self._reason[:LONGEST_REASON], "retry": int(self._retry)}
        batch.db.execute(_SQL["explain"], values)
        batch.touched += 1


class Quarantine:
    """`box.quarantine`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(
        self, source: str, body: bytes, *, headers: Mapping[str, str], reason: str, retry: bool = False
    ) -> int:
        """Keep a body; its number. `retry`: it is to be read again by itself."""
        return await self._store.write(Keep(source, body, headers, reason, retry, self._store.index))

    async def close(self, seq: int, state: Closed, *, actor: str = "") -> None:
        """It was read again, or means nothing: its body goes. Raises NotFound, IllegalMove."""
        await self._store.write(Close(seq, state, actor))

    async def explain(self, seq: int, reason: str, *, retry: bool = False) -> None:
        """Why it still can't be understood."""
        await self._store.write(Explain(seq, reason, retry))

    async def list(
        self, *, source: str | None = None, state: str | None = None, limit: int, cursor: str | None = None
    ) -> Page[Kept]:
        """The newest first, without their bodies. A foreign cursor raises ValueError."""
        (below,) = place_of(cursor, (2**62,))
        found = await self._store.rows(_SQL["all"], below=below, source=source, state=state, limit=limit + 1)
        items = [self._store.decoded(_kept, row) for row in found[:limit]]
        return Page(items, cursor_of(found[limit - 1][0]) if len(found) > limit else None)

    async def get(self, seq: int) -> Kept:
        """One with its body. Raises NotFound."""
        row = await self._store.row(_SQL["get"], seq=seq)
        if row is None:
            raise NotFound(f"nothing is kept under the number {seq}")
        return self._store.decoded(_kept, row)

    async def retries(self, *, limit: int, after: int = 0) -> Sequence[Kept]:
        """Those with a number above `after` that are to be read again by themselves, the oldest first."""
        found = await self._store.rows(_SQL["retries"], limit=limit, after=after)
        return [self._store.decoded(_kept, row) for row in found]


def _kept(row: tuple[int, int, str, Standing, str, int, int, int, int, str, bytes]) -> Kept:
    seq, at, source, state, reason, retry, times, cut, size, headers, body = row
    return Kept(seq, at, source, state, reason, bool(retry), times, bool(cut), size, msgspec.json.decode(headers), body)
