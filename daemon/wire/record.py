"""The record with its chain, and the tokens of those who may call."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import field

from daemon.wire.values import Answer, When, Word


class AuditEntry(Answer, frozen=True, kw_only=True):
    seq: int
    at: When = field(default_factory=When)
    kind: Word = ""
    actor: str = ""
    order_ref: str | None = None
    message_id: str | None = None
    detail: Mapping[str, Any] = {}
    hash: str = ""


class AuditPage(Answer, frozen=True):
    items: Sequence[AuditEntry] = ()
    next: str | None = None


class HeadLine(Answer, frozen=True):
    """`at` in ms; `signature`: Ed25519 by `key` over "tether head 1", a line break and the JSON array [epoch, seq, hash, at]."""

    epoch: str
    seq: int
    hash: str
    at: int
    key: str
    signature: str


class Head(Answer, frozen=True):
    head: HeadLine | None = None
    """None: the record is empty."""


VERIFY_SECONDS = 600.0
"""How long it may take to say whether the chain holds: a record of years is read through."""


class Chain(Answer, frozen=True):
    """Whether the record's chain holds."""

    ok: bool = False
    entries: int = 0
    first_bad: int | None = None


class Token(Answer, frozen=True):
    name: str
    scopes: Sequence[str] = ()
    created_at: When = field(default_factory=When)
    types: Sequence[str] = ()
    """Event types it may tell of; none: all."""
    own_orders: bool = False
    own_words: bool = False


class Tokens(Answer, frozen=True):
    items: Sequence[Token] = ()
    next: str | None = None


class TokenMade(Answer, frozen=True):
    """The secret is shown this once."""

    name: str
    scopes: Sequence[str] = ()
    token: str = ""
    types: Sequence[str] = ()
    own_orders: bool = False
    own_words: bool = False


class TokenGone(Answer, frozen=True):
    name: str
    revoked: bool = False
