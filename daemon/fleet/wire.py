"""What goes over the line between a store and headquarters: subjects, bodies, and the ids that make a message count once. Both ends read
this file; what comes from the other end is bounded before it is unpacked, and checked before it is believed. Pure.

Bodies are JSON; those that can be large are deflated (zlib), since most of a record repeats itself.
"""

import re
import zlib
from typing import Annotated, Any, TypeVar

import msgspec

from daemon.fleet.causes import Args
from outbox.bounds import Hash, Moment, Name, Price, Small, Text, Whole, Written
from outbox.chain import link
from outbox.fleet import Entry, Slice

T = TypeVar("T")

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
"""A store's name in its fleet, and a group's."""
KID = re.compile(r"[a-z0-9]{1,16}")
DIGEST = re.compile(r"[0-9a-f]{32}")
MEDIA = frozenset({"sms", "email", "chat", "push", "crm", "all"})

BATCH_ENTRIES = 100
BATCH_STATES = 100
BATCH_BYTES = 120 * 1024
"""Of a body before it is deflated: what it comes to on the line is far below the 128 KiB that a message may have."""
UNPACKED_MOST = 2**20
CHANNELS_MOST, KIDS_MOST = 100, 100
WAYS = frozenset(
    {
        "",
        "STOP",
        "STOPALL",
        "UNSUBSCRIBE",
        "CANCEL",
        "END",
        "QUIT",
        "BAJA",
        "ALTO",
        "ARRET",
        "STOPP",
        "START",
        "UNSTOP",
        "YES",
        "by hand",
        "provider",
    }
)
"""All that is ever said of how somebody opted out or in: a person's own words stay in their store."""


class Garbled(ValueError):
    """A body that is not what its subject promises."""


class AuditBatch(msgspec.Struct, frozen=True):
    """Entries of one epoch, one after another. `before`, `head`: hashes, in hex; each entry's own follows from these.

    `after_gap`: the store does not keep the entries just before any more.
    """

    epoch: Hash
    before: Hash
    head: Hash
    entries: list[Entry]
    after_gap: bool = False


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How a message stands."""

    id: Name
    order_ref: Name
    state: Name
    channel: Name
    reason_code: Name
    type: Name
    recipient: Name
    to: Name
    attempts: Small
    created_at: Moment
    updated_at: Moment
    due_at: Moment
    rev: Whole
    parts: Small | None = None
    price: Price | None = None
    """What it is estimated to cost, in the store's own currency."""
    told_at: Moment | None = None
    who: list[str] = []
    """A customer's addresses, as digests under the fleet's keys."""
    args: Args = {}
    """What the reason names."""


class StateBatch(msgspec.Struct, frozen=True):
    epoch: Hash
    after: Whole
    reached: Whole
    """Messages were looked for in the entries beyond the one and up to the other."""
    states: list[State]


class Cursors(msgspec.Struct, frozen=True):
    """What the store was acknowledged by NATS: the archive has it when the mark says so."""

    audit: Whole = 0
    messages: Whole = 0
    consent: Whole = 0


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a store is, in its own words."""

    at: Moment
    clock_trusted: bool
    release: Name
    uplink: Name
    epoch: Hash
    seq: Whole
    hash: Hash
    """Of the newest entry."""
    cursors: Cursors = Cursors()
    channels: Annotated[dict[Name, Name], msgspec.Meta(max_length=CHANNELS_MOST)] = {}
    queued: Small = 0
    oldest_queued_at: Moment | None = None
    failed: Small = 0
    unknown: Small = 0
    disk_free: Whole = 0
    bytes_written: Written | None = None
    bundle: Name = ""
    bundle_problem: Text = ""
    kids: Annotated[list[Name], msgspec.Meta(max_length=KIDS_MOST)] = []
    consent_refused: Small = 0
    currency: Name = ""
    modem: Name = ""
    signed_head: Text = ""
    """The newest head of the record that was signed outside of the database."""


class SignedWord(msgspec.Struct, frozen=True, kw_only=True):
    """A word on consent; whose it is stands in the subject, as a digest."""

    state: str
    """out | in"""
    at: Moment
    clock_trusted: bool
    store: Name
    epoch: Hash
    seq: Whole
    how: Name = ""
    heard: Whole = 0
    """How far the store had heard the fleet when it was said: an opt-in counts against no opt-out of another store beyond that."""
    base: Whole = 0
    """An opt-in's: the number of the word that it answers, so that it can't be used again after another."""
    claim: Text = ""
    """HQ's word on whose key signed it; "" for headquarters itself."""
    signature: Text = ""
    """Anybody of the fleet may publish a word: this proves whose it is (`speaker`)."""
    stream: Name = ""
    """An opt-in's: the stream of consent in which it answers, as the mark says it; numbers begin anew with another. Signed apart, so that releases
    that know nothing of it can tell whose the word is."""
    stream_signature: Text = ""


class Reach(msgspec.Struct, frozen=True):
    """How far one epoch of a store is archived."""

    epoch: str
    seq: int
    hash: str
    rev: int = 0


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """HQ's word to one store: committed in PostgreSQL, its chain verified.

    `again` grows when HQ misses what was acknowledged: the store sends again from here. `consent`: which stream of consent it is, so that
    a new one is read from its start. `keys`: the fleet's consent keys, sealed for this store; `claim`: its right, renewed. `bundles`: the
    newest version of each of its groups, so that a poke that was lost costs 30 s at most. `commands`: what HQ would have it do, by the
    publisher's key.
    """

    reaches: list[Reach]
    again: int = 0
    consent: str = ""
    keys: dict[str, str] = {}
    claim: str = ""
    bundles: dict[str, int] = {}
    commands: str = ""


_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""In a JSON text, where it can only stand as this escape: one whose own backslash is not escaped."""


_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {}


def pack(body: msgspec.Struct) -> bytes:
    return msgspec.json.encode(body)


def unpack(raw: bytes, kind: type[T]) -> T:
    """Raises Garbled, for a NUL in any text too: PostgreSQL keeps none."""
    if b"\\u0000" in raw and _NUL.search(raw):
        raise Garbled("it holds a NUL")
    if (decoder := _DECODERS.get(kind)) is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    try:
        found: T = decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Garbled(str(error)) from error
    return found


def deflate(body: msgspec.Struct) -> bytes:
    return zlib.compress(msgspec.json.encode(body), 6)


def inflate(raw: bytes, kind: type[T]) -> T:
    """Raises Garbled; what would unpack to more than `UNPACKED_MOST` is not unpacked."""
    engine = zlib.decompressobj()
    try:
        text = engine.decompress(raw, UNPACKED_MOST)
    except zlib.error as error:
        raise Garbled(f"it is not deflated: {error}") from error
    if engine.unconsumed_tail or not engine.eof:
        raise Garbled("it is cut, or too large")
    return unpack(text, kind)


def batch_of(slice_: Slice) -> AuditBatch:
    return AuditBatch(slice_.epoch, slice_.before.hex(), slice_.head.hex(), list(slice_.entries), slice_.after_gap)


def hashes(batch: AuditBatch) -> list[bytes]:
    """Each entry's hash, computed from the one before. Raises Garbled when they don't end where the batch says."""
    if not batch.entries or not re.fullmatch(r"[0-9a-f]{1,32}", batch.epoch):
        raise Garbled("it has no entries, or no epoch")
    try:
        before = bytes.fromhex(batch.before)
    except ValueError as error:
        raise Garbled("its hash before is no hash") from error
    found: list[bytes] = []
    number = batch.entries[0].seq
    for entry in batch.entries:
        if entry.seq != number:
            raise Garbled(f"entry {number} is missing in it")
        before = link(
            before,
            batch.epoch,
            entry.seq,
            entry.at,
            entry.kind,
            entry.actor,
            entry.order_ref,
            entry.message_id,
            entry.detail,
        )
        found.append(before)
        number += 1
    if before.hex() != batch.head:
        raise Garbled(
            f"its chain does not end where it says: an entry from {batch.entries[0].seq} on was changed at the store"
        )
    return found


def audit_id(store: str, batch: AuditBatch) -> str:
    """By the entries and by what is in them: two cards that run as one store both come to be heard."""
    return f"{store}.{batch.epoch}.a.{batch.entries[0].seq}-{batch.entries[-1].seq}.{batch.head[:8]}"


def states_id(store: str, batch: StateBatch) -> str:
    return f"{store}.{batch.epoch}.m.{batch.reached}.{len(batch.states)}"


def optout_subject(kid: str, medium: str, digest: str) -> str:
    return f"optout.{kid}.{medium}.{digest}"


def said_subject(kid: str, medium: str, digest: str) -> str:
    """As what a store says it where no other hears it: NATS passes it on as the opt-out's own subject, and only stores hear that."""
    return f"say.{kid}.{medium}.{digest}"


def read_optout(subject: str) -> tuple[str, str, str]:
    """(key's name, medium, digest). Raises Garbled."""
    parts = subject.split(".")
    if len(parts) != 4 or not (KID.fullmatch(parts[1]) and parts[2] in MEDIA and DIGEST.fullmatch(parts[3])):
        raise Garbled(f"{subject} names no opt-out")
    return parts[1], parts[2], parts[3]
