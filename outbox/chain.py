"""How entries of the audit hang together: each carries the hash of itself and the one before. Pure.

hash = SHA-256(hash of the entry before, 32 bytes, zeros before the first
               + the UTF-8 of the JSON array [epoch, seq, at, kind, actor, order_ref, message_id, detail] without spaces,
                 where detail is the JSON text as it is kept)
"""

import hashlib
from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from outbox.rows import encode

START = bytes(32)

ChangeKind: TypeAlias = Literal["order", "message", "attempt", "receipt", "channel", "uplink", "reply", "person"]


def link(
    before: bytes, epoch: str, seq: int, at: int, kind: str, actor: str, order_ref: str, message_id: str, detail: str
) -> bytes:
    """The hash of an entry."""
    return hashlib.sha256(before + encode((epoch, seq, at, kind, actor, order_ref, message_id, detail))).digest()


class Change(msgspec.Struct, frozen=True):
    """Something became different, committed. `seq` is the audit's number.

    `key` names the thing within its kind: an order's ref, a message's id (of attempts and receipts too), a channel's name,
    a reply's number; "" for the uplink, and for a person: they were forgotten, and nothing tells who it was.
    """

    seq: int
    kind: ChangeKind
    key: str


def change(seq: int, kind: str, order_ref: str, message_id: str, detail: str) -> Change | None:
    """What an entry of the audit means to those who watch; None: nothing they show."""
    about = _ABOUT.get(kind) or _ABOUT.get(kind.partition(".")[0])
    match about:
        case None:
            return None
        case "order":
            return Change(seq, about, order_ref)
        case "message" | "attempt":
            return Change(seq, about, message_id)
        case "receipt":
            return Change(seq, about, message_id) if message_id else None
        case "channel" | "reply":
            return Change(seq, about, _field(detail, about))
        case "uplink" | "person":
            return Change(seq, about, "")


_ABOUT: Mapping[str, ChangeKind] = {
    "event": "order",
    "order": "order",
    "message": "message",
    "attempt": "attempt",
    "receipt": "receipt",
    "channel": "channel",
    "uplink": "uplink",
    "reply": "reply",
    "person.forgotten": "person",
}
"""What an entry's kind, or the first part of it, is about."""


def _field(detail: str, name: str) -> str:
    return str(msgspec.json.decode(detail).get(name, ""))
