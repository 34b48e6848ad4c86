"""The record of all that happened: append-only, each entry hashed with the one before (`outbox.chain`), read by people and exported."""

import io
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import msgspec

from outbox import harmless
from outbox.audit_base import WHOLE, Base, is_vouched, read_base
from outbox.batch import Batch
from outbox.chain import START, link
from outbox.heads import End
from outbox.pages import Page, cursor_of, place_of
from outbox.queries import Queries
from outbox.store import Store
from outbox.writer import Operation

_SQL = Queries("audit.sql")
_HEADS = Queries("heads.sql")

SLICE = 500
"""Entries read at a time: what a reader holds in memory."""


class ExportedEntry(msgspec.Struct, frozen=True):
    """An entry as it is exported: `at` in ms, `detail` the JSON text that was hashed."""

    epoch: str
    seq: int
    at: int
    kind: str
    actor: str
    order_ref: str
    message_id: str
    detail: str
    hash: str


class _Begins(msgspec.Struct, frozen=True):
    """The first line of an export whose record does not begin with its first entry."""

    begins_after: Base


_BASE = b'{"begins_after"'
COLUMNS = ExportedEntry.__struct_fields__
_SIGNED = b'","signature":"'
"""In a head's line; in an entry, a quotation mark of its texts is escaped."""
_exported = msgspec.json.Decoder(ExportedEntry)


class AuditRow(msgspec.Struct, frozen=True):
    """An entry as people read it."""

    seq: int
    at: int
    kind: str
    actor: str
    order_ref: str | None
    message_id: str | None
    detail: Mapping[str, Any]
    hash: str


class Verification(msgspec.Struct, frozen=True):
    """Whether the chain holds: `first_bad` is the first entry that is not as it was written, or the number of a missing one."""

    ok: bool
    entries: int
    first_bad: int | None
    last: str = ""
    """Of an export: the hash, in hex, that its chain comes to, and the line of the signed head that it ends with."""
    head: str = ""


class Append(Operation[int]):
    """An entry for what changes nothing else in the outbox."""

    __slots__ = ("_actor", "_detail", "_kind", "_message_id", "_order_ref")

    def __init__(
        self, kind: str, actor: str, order_ref: str | None, message_id: str | None, detail: Mapping[str, object] | None
    ) -> None:
        self._kind = kind
        self._actor = actor
        self._order_ref = order_ref or ""
        self._message_id = message_id or ""
        self._detail = detail

    def apply(self, batch: Batch) -> int:
        return batch.record(self._kind, self._detail, self._order_ref, self._message_id, self._actor)


class BeginEpoch(Operation[str]):
    """From here on it is another history: this database was restored from a backup."""

    __slots__ = ("_actor", "_id", "_reason")

    alone = True

    def __init__(self, id: str, reason: str, actor: str) -> None:
        self._id = id
        self._reason = reason
        self._actor = actor

    def apply(self, batch: Batch) -> str:
        values = {"first_seq": batch.sequences.audit + 1, "id": self._id, "at": batch.now, "reason": self._reason}
        batch.db.execute(_SQL["begin_epoch"], values)
        batch.sequences.epoch = self._id
        batch.record("epoch.began", {"epoch": self._id, "reason": self._reason}, actor=self._actor)
        return self._id


class Audit:
    """`box.audit`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def append(
        self,
        kind: str,
        *,
        actor: str = "",
        order_ref: str | None = None,
        message_id: str | None = None,
        detail: Mapping[str, object] | None = None,
    ) -> int:
        """Record something that is not a change of the outbox itself: its number. `kind` is dotted (`channel.paused`,
        `clock.stepped`); `detail` holds no address, no text of a customer and no secret."""
        return await self._store.write(Append(kind, actor, order_ref, message_id, detail))

    async def begin_epoch(self, reason: str, *, actor: str = "") -> str:
        """A restored backup begins a new epoch, so that (epoch, seq) names an entry for good."""
        return await self._store.write(BeginEpoch(self._store.new_epoch_id(), reason, actor))

    async def list(
        self,
        *,
        search: str | None = None,
        kind: str | None = None,
        order_ref: str | None = None,
        message_id: str | None = None,
        actor: str | None = None,
        since: int | None = None,
        limit: int,
        cursor: str | None = None,
        oldest_first: bool = False,
    ) -> Page[AuditRow]:
        """The newest first, unless asked for otherwise. `kind` may be the first part only (`message`); `since`: ms; `search`: a
        word in any field."""
        (place,) = place_of(cursor, (0 if oldest_first else 2**62,))
        found = await self._store.rows(
            _SQL["list_oldest" if oldest_first else "list"],
            place=place,
            search=None if search is None else search.encode().lower().decode(),  # A to Z, as SQLite has it
            kind=kind,
            family=None if kind is None else f"{kind}.",
            order_ref=order_ref,
            message_id=message_id,
            actor=actor,
            since=since,
            limit=limit + 1,
        )
        entries = [self._store.decoded(audit_row, row) for row in found[:limit]]
        return Page(entries, cursor_of(found[limit - 1][0]) if len(found) > limit else None)

    async def verify(self) -> Verification:
        """Read the whole record, as far as it is kept here, and compute its chain anew. What is taken out meanwhile, since headquarters
        has it, is no gap: then it is read again from where it begins now."""
        base = await self.base()
        found = await self._verify(base)
        while not found.ok and (now := await self.base()) != base:
            base = now
            found = await self._verify(base)
        return found

    async def _verify(self, base: Base) -> Verification:
        before, number, vouched = base.before, base.seq, base == WHOLE
        async for epoch, seq, at, kind, actor, order_ref, message_id, detail, digest in self._entries():
            before = link(before, epoch, seq, at, kind, actor, order_ref, message_id, detail)
            number += 1
            if seq != number or digest != before:
                return Verification(False, await self._count(), min(seq, number))
            vouched = vouched or is_vouched(base, kind, detail)
        return Verification(vouched, number - base.seq, None if vouched else base.seq + 1)

    async def base(self) -> Base:
        """Where the record begins: older entries are at headquarters only."""
        return read_base(await self._store.value(_SQL["base"]))

    async def export(self, form: str = "jsonl", seal: Callable[[End], str] | None = None) -> AsyncIterator[bytes]:
        """The whole record in pieces, the signed head of its last entry (`seal`) at the end, as "jsonl", with all that is needed to compute the chain again (`outbox.chain`), or as "csv", for people's
        sheets: what would be a formula there has an apostrophe before it."""
        if form not in ("jsonl", "csv"):
            raise ValueError(f'{form!r} is no form of export: "jsonl" or "csv"')
        if form == "csv":
            yield _csv([COLUMNS])
        elif (base := await self.base()).seq:
            yield msgspec.json.encode(_Begins(base)) + b"\n"
        lines: list[tuple[Any, ...]] = []
        last: tuple[Any, ...] | None = None
        async for entry in self._entries():
            lines.append((*entry[:-1], entry[-1].hex()))
            if len(lines) == SLICE:
                yield _csv(lines) if form == "csv" else _jsonl(lines)
                last, lines = lines[-1], []
        if lines:
            yield _csv(lines) if form == "csv" else _jsonl(lines)
            last = lines[-1]
        if last is not None and seal is not None:
            head = seal(End(last[0], last[1], last[-1], last[2]))
            yield _csv([_head_row(last, head)]) if form == "csv" else f"{head}\n".encode()

    async def end(self) -> End | None:
        """What the record ends with; None: it is empty."""
        found = await self._store.row(_HEADS["end"])
        return None if found is None else End(*found)

    async def newest_at(self) -> int:
        """When (ms) the newest entry was made; 0 without any."""
        at: int | None = await self._store.value(_SQL["newest_at"])
        return at or 0

    async def _entries(self) -> AsyncIterator[tuple[Any, ...]]:
        after = 0
        while True:
            found = await self._store.rows(_SQL["entries"], after=after, limit=SLICE)
            for entry in found:
                yield entry
            if len(found) < SLICE:
                return
            after = found[-1][1]

    async def _count(self) -> int:
        count: int = await self._store.value(_SQL["count"])
        return count


def verify_export(lines: Iterable[bytes]) -> Verification:
    """The same for an export in JSON Lines, without the database. Raises ValueError, naming the line, for what is none."""
    before, number, base, vouched, first_bad, head = START, 0, WHOLE, True, None, b""
    for place, line in enumerate(lines, 1):
        if head:
            raise ValueError(f"line {place}: something stands behind the signed head")
        if _SIGNED in line:
            head = line
            continue
        try:
            if place == 1 and line.startswith(_BASE):
                base = msgspec.json.decode(line, type=_Begins).begins_after
                before, number, vouched = base.before, base.seq, False
                continue
            entry = _exported.decode(line)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ValueError(f"line {place} is no entry of an export: {error}") from error
        *fields, digest = msgspec.structs.astuple(entry)
        before = link(before, *fields)
        number += 1
        if first_bad is None and (entry.seq != number or digest != before.hex()):
            first_bad = min(entry.seq, number)
        vouched = vouched or (first_bad is None and is_vouched(base, entry.kind, entry.detail))
    if first_bad is None and not vouched:
        first_bad = base.seq + 1
    return Verification(
        first_bad is None, number - base.seq, first_bad, before.hex(), head.decode("utf-8", "replace").strip()
    )


def audit_row(row: tuple[Any, ...]) -> AuditRow:
    """From the columns of `list` in sql/audit.sql."""
    seq, at, kind, actor, order_ref, message_id, detail, digest = row
    return AuditRow(
        seq, at, kind, actor, order_ref or None, message_id or None, msgspec.json.decode(detail), digest.hex()
    )


def _head_row(last: tuple[Any, ...], head: str) -> tuple[Any, ...]:
    """The signed head as the last row of a sheet: what would be its detail is the head."""
    epoch, seq, at, *_, hash = last
    return (epoch, seq, at, "record.head", "", "", "", head, hash)


def _jsonl(lines: list[tuple[Any, ...]]) -> bytes:
    forms = (msgspec.json.encode(dict(zip(COLUMNS, line, strict=True))) for line in lines)
    return b"".join(harmless.json_escaped(form) + b"\n" for form in forms)


def _csv(lines: list[tuple[Any, ...]]) -> bytes:
    import csv  # for whoever exports the record

    text = io.StringIO()
    csv.writer(text).writerows(
        [harmless.cell(each) if isinstance(each, str) else each for each in line] for line in lines
    )
    return text.getvalue().encode()
