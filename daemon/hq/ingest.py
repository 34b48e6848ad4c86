"""From NATS into PostgreSQL: a page of what stores told, checked and written in one transaction together with how far the stream was read.

It may be ended anywhere and may run in several processes: the row that says how far the stream was read is the lock under which one of them
at a time adds a page. What a store said is believed as far as its chain holds; nothing it says stops what others said.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
import structlog
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from daemon.fleet.causes import leaving
from daemon.fleet.stored import Stored
from daemon.fleet.wire import DIGEST, NAME, AuditBatch, Garbled, State, StateBatch, hashes, inflate
from daemon.hq.chains import Append, Chain, Early, Fork, judge, needs
from daemon.hq.database import Connection, ensure_month, queries
from daemon.hq.kept_figures import note_changed

log = structlog.get_logger(__name__)

_SQL = queries("ingest.sql")

UP = "UP"
AGAIN_SECONDS = 20
WHO_MOST = 16
EPOCHS_MOST = 1000
"""Of one store: each backup that is restored makes one."""
_TYPES = ("text", "text", "int8", "int8", "text", "text", "text", "text", "text", "bytea", "timestamptz")
_COLUMNS = (
    "store", "id", "epoch_n", "rev", "order_ref", "state", "channel", "reason_code", "type", "recipient", "address", "attempts",
    "created_at", "updated_at", "due_at", "parts", "price", "who", "told_at", "reason_args",
)  # fmt: skip


_OF = {"audit": "entries", "msg": "messages"}
"""What a message of the stream tells of, by the end of its subject."""


class Ingested(msgspec.Struct, frozen=True):
    """What one page came to: which stores' marks moved, how many entries were added, and how far the stream is read."""

    stores: frozenset[str]
    entries: int
    seq: int


class StreamPage:
    """One transaction's worth. Everything it learns is kept in plain values and written at the end."""

    def __init__(self, cursor: AsyncCursor[TupleRow], now: datetime) -> None:
        self._db = cursor
        self._now = now
        self._chains: dict[str, dict[str, Chain]] = defaultdict(dict)
        self._moved: set[tuple[str, str]] = set()
        self._rows: list[tuple[object, ...]] = []
        self._fresh: dict[tuple[str, str], list[tuple[int, Sequence[bytes]]]] = defaultdict(list)
        """Of each epoch, the hashes that this page added, by the number of the first."""
        self._states: dict[tuple[str, str], tuple[int, State]] = {}
        self._went_on: dict[str, set[str]] = defaultdict(set)
        """Of entries and of messages, the stores of which more is archived now."""
        self.again: set[str] = set()
        self.touched: set[str] = set()

    @property
    def entries(self) -> int:
        return len(self._rows)

    async def load(self, stores: Sequence[str]) -> None:
        await self._db.execute(_SQL["know_store"], {"names": list(stores)})
        await self._db.execute(_SQL["chains"], {"stores": list(stores)})
        for store, *fields in await self._db.fetchall():
            chain = Chain(store, *fields)
            self._chains[store][chain.epoch] = chain

    async def take(self, stored: Stored) -> None:
        """One message of the stream; what can't be read is put on record and costs nobody else anything."""
        store, kind = stored.subject.split(".")[1:3]
        try:
            if kind == "audit":
                batch = inflate(stored.body, AuditBatch)
                await self._audit(store, batch, hashes(batch))
            else:
                self._messages(store, inflate(stored.body, StateBatch))
        except Garbled as error:
            log.warning("a store sent what can't be read", store=store, kind=kind, reason=str(error))
            await self._gap(store, "", stored.seq, stored.seq, f"unreadable {_OF[kind]}: {error}"[:300])

    def _chain(self, store: str, epoch: str, before: int) -> Chain:
        """`before`: the newest entry that is not this epoch's own, as far as the batch tells: of messages a new epoch has what was told of an
        earlier one, up to there."""
        known = self._chains[store]
        if epoch not in known:
            if len(known) >= EPOCHS_MOST:
                raise Garbled(f"it has more than {EPOCHS_MOST} epochs")
            newest = max(known.values(), key=lambda chain: chain.n, default=None)
            n, rev = (newest.n + 1, min(newest.rev, before)) if newest else (1, 0)
            known[epoch] = Chain(store, epoch, n=n, rev=rev)
            self._moved.add((store, epoch))
        return known[epoch]

    async def _audit(self, store: str, batch: AuditBatch, found: Sequence[bytes]) -> None:
        chain = self._chain(store, batch.epoch, max(batch.entries[0].seq - 1, 0))
        known = None
        if (seq := needs(chain, batch)) is not None:
            known = await self._hash_at(store, batch.epoch, seq)
        verdict = judge(chain, batch, found, known=known, continues=await self._continues(chain, batch))
        self.touched.add(store)
        match verdict:
            case Append(start, gap):
                if gap is not None and gap[0] <= gap[1]:
                    await self._gap(store, batch.epoch, *gap, "not kept at the store")
                self._append(chain, batch, found, start)
            case Fork(seq, kept, other):
                log.error("a fork: two records call themselves this store", store=store, epoch=batch.epoch, seq=seq)
                await self._fork(store, batch.epoch, seq, kept, other)
            case Early(first, last):
                await self._gap(store, batch.epoch, first, last, "missing")
                self.again.add(store)
            case _:
                pass

    async def _continues(self, chain: Chain, batch: AuditBatch) -> bool:
        if chain.first_seq is not None or batch.entries[0].seq == 1:
            return False
        seq, before = batch.entries[0].seq - 1, bytes.fromhex(batch.before)
        others = [other for other in self._chains[chain.store].values() if other is not chain]
        if any(other.head_seq == seq and other.head_hash == before for other in others):
            return True
        values = {"store": chain.store, "seq": seq, "hash": before, "epochs": [other.epoch for other in others]}
        await self._db.execute(_SQL["continues"], values)
        return await self._db.fetchone() is not None

    async def _hash_at(self, store: str, epoch: str, seq: int) -> bytes | None:
        for first, hashes_ in self._fresh[store, epoch]:
            if first <= seq < first + len(hashes_):
                return hashes_[seq - first]
        await self._db.execute(_SQL["hash_at"], {"store": store, "epoch": epoch, "seq": seq})
        found = await self._db.fetchone()
        return bytes(found[0]) if found else None

    def _append(self, chain: Chain, batch: AuditBatch, found: Sequence[bytes], start: int) -> None:
        entries, fresh = batch.entries[start:], found[start:]
        self._rows += [
            (chain.store, batch.epoch, *msgspec.structs.astuple(entry), hash_, self._now)
            for entry, hash_ in zip(entries, fresh, strict=True)
        ]
        self._fresh[chain.store, batch.epoch].append((entries[0].seq, fresh))
        if chain.first_seq is None:
            chain.first_seq = batch.entries[0].seq
        chain.head_seq, chain.head_hash = batch.entries[-1].seq, found[-1]
        self._moved.add((chain.store, batch.epoch))
        self._went_on[_OF["audit"]].add(chain.store)

    def _messages(self, store: str, batch: StateBatch) -> None:
        chain = self._chain(store, batch.epoch, batch.after)
        for state in batch.states:
            key = (store, state.id)
            if key not in self._states or (chain.n, state.rev) > (self._states[key][0], self._states[key][1].rev):
                self._states[key] = (chain.n, state)
        self.touched.add(store)
        if batch.after > chain.rev:
            self.again.add(store)
        elif batch.reached > chain.rev:
            chain.rev = batch.reached
            self._moved.add((store, batch.epoch))
            self._went_on[_OF["msg"]].add(store)

    async def _fork(self, store: str, epoch: str, seq: int, known: bytes, other: bytes) -> None:
        values = {
            "store": store,
            "epoch": epoch,
            "seq": seq,
            "known": known,
            "other": other,
            "seen_in": "record",
            "now": self._now,
        }
        await self._db.execute(_SQL["note_fork"], values)

    async def _gap(self, store: str, epoch: str, first: int, last: int, why: str) -> None:
        values = {"store": store, "epoch": epoch, "from_seq": first, "to_seq": last, "why": why, "now": self._now}
        await self._db.execute(_SQL["note_gap"], values)

    async def write(self) -> None:
        if self._rows:
            async with self._db.copy(_SQL["add_entries"]) as copy:
                copy.set_types(_TYPES)
                for row in self._rows:
                    await copy.write_row(row)
        for store, epoch in self._moved:
            chain = self._chains[store][epoch]
            await self._db.execute(_SQL["keep_chain"], msgspec.structs.asdict(chain) | {"now": self._now})
            if chain.head_seq:
                await self._db.execute(
                    _SQL["close_gaps"], {"store": store, "epoch": epoch, "head_seq": chain.head_seq, "now": self._now}
                )
        for of, stores in self._went_on.items():
            values = {"stores": sorted(stores), "why": f"unreadable {of}:%", "now": self._now}
            await self._db.execute(_SQL["close_unreadable"], values)
        if self._states:
            rows = [
                {
                    **msgspec.structs.asdict(state),
                    "store": store,
                    "epoch_n": n,
                    "address": state.to,
                    "who": _who(state),
                    "reason_args": _args(state),
                }
                for (store, _), (n, state) in sorted(self._states.items())
            ]
            await self._db.execute(
                _SQL["keep_messages"], {name: [row[name] for row in rows] for name in _COLUMNS} | {"now": self._now}
            )
            await note_changed(self._db, self._now, (state.created_at for _, state in self._states.values()))
        if self.again:
            values = {"names": sorted(self.again), "now": self._now, "patience": AGAIN_SECONDS}
            await self._db.execute(_SQL["ask_again"], values)


class Ingest:
    """Adds pages of the stream UP."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._months: set[str] = set()

    async def cursor(self, db: Connection, made: str) -> int:
        """How far the stream of that making was read; a new one is read from its start."""
        async with db.transaction(), db.cursor() as cursor:
            await cursor.execute(_SQL["begin_progress"], {"stream": UP, "made": made, "now": self._now()})
            return await self._locked(cursor, made)

    async def _locked(self, cursor: AsyncCursor[TupleRow], made: str) -> int:
        await cursor.execute(_SQL["progress"], {"stream": UP})
        found = await cursor.fetchone()
        return int(found[1]) if found and found[0] == made else 0

    async def add(self, db: Connection, made: str, messages: Sequence[Stored]) -> Ingested:
        """All of the page in one commit, but for what another process added meanwhile."""
        now = self._now()
        await self._month(db, now)
        async with db.transaction(), db.cursor() as cursor:
            seq = await self._locked(cursor, made)
            fresh = [message for message in messages if message.seq > seq and _is_ours(message)]
            page = StreamPage(cursor, now)
            await page.load(sorted({message.subject.split(".")[1] for message in fresh}))
            for message in fresh:
                await page.take(message)
            await page.write()
            seq = max(seq, messages[-1].seq)
            await cursor.execute(_SQL["advance"], {"stream": UP, "made": made, "seq": seq, "now": now})
        return Ingested(frozenset(page.touched), page.entries, seq)

    async def _month(self, db: Connection, now: datetime) -> None:
        month = f"{now:%Y-%m}"
        if month not in self._months:
            await ensure_month(db, now)
            self._months.add(month)


def _who(state: State) -> str:
    """As PostgreSQL writes an array; what is no digest is left out."""
    digests = [digest for digest in state.who[:WHO_MOST] if DIGEST.fullmatch(digest)]
    return f"{{{','.join(digests)}}}"


def _args(state: State) -> str:
    """What is none of what a reason may name is left out."""
    return msgspec.json.encode(leaving(msgspec.to_builtins(state.args))).decode()


def _is_ours(message: Stored) -> bool:
    parts = message.subject.split(".")
    return (
        len(parts) == 3 and parts[0] == "up" and NAME.fullmatch(parts[1]) is not None and parts[2] in ("audit", "msg")
    )
