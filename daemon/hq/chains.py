"""What a batch of a store's record means to the archive: it continues what is there, repeats it, contradicts it (a fork), or comes too early
(a gap). Pure: what is known is passed in.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from daemon.fleet.wire import AuditBatch
from outbox.chain import START


class Chain(msgspec.Struct):
    """One epoch of a store, and how far it is archived. `first_seq` None: nothing of its record came yet."""

    store: str
    epoch: str
    n: int
    first_seq: int | None = None
    head_seq: int = 0
    head_hash: bytes = b""
    rev: int = 0


class Append(msgspec.Struct, frozen=True):
    """The entries from that index on are new and continue the chain. `gap`: the numbers that the store has no more."""

    start: int
    gap: tuple[int, int] | None = None


class Known(msgspec.Struct, frozen=True):
    """All of it is archived."""


class Fork(msgspec.Struct, frozen=True):
    """The archive has another entry under that number."""

    seq: int
    known: bytes
    other: bytes


class Early(msgspec.Struct, frozen=True):
    """Entries before it are missing: from, to."""

    first: int
    last: int


Chaining: TypeAlias = Append | Known | Fork | Early


def needs(chain: Chain, batch: AuditBatch) -> int | None:
    """The archived entry whose hash must be known to judge the batch; None: the chain's own end is enough."""
    first, last = batch.entries[0].seq, batch.entries[-1].seq
    if chain.first_seq is None or first > chain.head_seq or last >= chain.head_seq:
        return None
    return last


def judge(
    chain: Chain, batch: AuditBatch, hashes: Sequence[bytes], *, known: bytes | None, continues: bool
) -> Chaining:
    """`known`: the archived hash that `needs` named. `continues`: for an epoch's beginning, whether the entry before is archived with just
    the hash that the batch names."""
    first, last = batch.entries[0].seq, batch.entries[-1].seq
    before = bytes.fromhex(batch.before)
    if chain.first_seq is None:
        if (first == 1 and before == START) or continues:
            return Append(0)
        return Append(0, (1, first - 1)) if batch.after_gap else Early(1, first - 1)
    if first > chain.head_seq + 1:
        return Append(0, (chain.head_seq + 1, first - 1)) if batch.after_gap else Early(chain.head_seq + 1, first - 1)
    if first == chain.head_seq + 1:
        return Append(0) if before == chain.head_hash else Fork(chain.head_seq, chain.head_hash, before)
    if last < chain.head_seq:
        other = hashes[-1]
        return Known() if known in (None, other) else Fork(last, known or b"", other)
    at_head = hashes[chain.head_seq - first]
    if at_head != chain.head_hash:
        return Fork(chain.head_seq, chain.head_hash, at_head)
    return Append(chain.head_seq - first + 1) if last > chain.head_seq else Known()
