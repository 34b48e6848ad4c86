"""The record's end, signed: what is told to the outside, and what a restore or a repair says of the end that it leaves behind.

A head is one line of JSON, so that it can be kept in a mail, a log or a file. Its signature is over the JSON array [epoch, seq, hash, at]
with "tether head 1" and a line break before it. Pure.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from daemon.keys.box_key import BoxKey, is_signed
from outbox.heads import Break, End

DOMAIN = b"tether head 1"
BREAK = b"tether break 1"
VOUCHED = "vouched"
_OBJECT = re.compile(r"\{[^{}]*\}")


class Head(msgspec.Struct, frozen=True):
    """`key` is the public one that signed; `at`: when (ms) the entry was made."""

    epoch: str
    seq: int
    hash: str
    at: int
    key: str
    signature: str

    @property
    def end(self) -> End:
        return End(self.epoch, self.seq, self.hash, self.at)

    @property
    def is_genuine(self) -> bool:
        """Whether its key has signed it; whether that key is the box's is for the caller to know."""
        return is_signed(self.key, DOMAIN, _content(self.end), self.signature)

    @property
    def line(self) -> str:
        return msgspec.json.encode(self).decode()


def signed(end: End, key: BoxKey) -> Head:
    return Head(end.epoch, end.seq, end.hash, end.at, key.public, key.sign(DOMAIN, _content(end)))


def heads_in(text: str) -> Sequence[Head]:
    """All heads that stand in a text, whatever is around them, wherever its lines were broken or quoted, however the JSON was laid out."""
    whole = re.sub(r"\s*\n[>\s]*", "", text)
    return [head for found in _OBJECT.finditer(whole) if (head := _head(found[0])) is not None]


def _head(words: str) -> Head | None:
    try:
        return msgspec.json.decode(words, type=Head)
    except msgspec.DecodeError:
        return None


def vouch(key: BoxKey, kind: str, found: Break) -> Mapping[str, Any]:
    """For the detail of the entry that tells of a break: this box's own key stands behind it."""
    content = msgspec.to_builtins(found)
    return {VOUCHED: {**content, "key": key.public, "signature": key.sign(BREAK, _said(kind, found))}}


def vouched_by(trusts: Callable[[str], bool]) -> Callable[[str, Mapping[str, Any]], Break | None]:
    """Reads the break out of such an entry, when a trusted key has signed it."""

    def read(kind: str, detail: Mapping[str, Any]) -> Break | None:
        said = detail.get(VOUCHED)
        if not isinstance(said, dict):
            return None
        try:
            found = msgspec.convert({name: said[name] for name in Break.__struct_fields__}, Break)
            key, signature = str(said["key"]), str(said["signature"])
        except (KeyError, msgspec.ValidationError):
            return None
        return found if trusts(key) and is_signed(key, BREAK, _said(kind, found), signature) else None

    return read


def _content(end: End) -> bytes:
    return msgspec.json.encode([end.epoch, end.seq, end.hash, end.at])


def _said(kind: str, found: Break) -> bytes:
    return msgspec.json.encode([kind, msgspec.to_builtins(found)])
