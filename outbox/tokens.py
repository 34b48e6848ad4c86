"""Bearer tokens: who may call and what they may do. A secret is shown once and kept as its SHA-256 (it has 256 random bits)."""

import hashlib
import secrets
from collections.abc import Sequence

import msgspec

from outbox.batch import Batch
from outbox.errors import IllegalMove, NotFound
from outbox.queries import Queries
from outbox.store import Store
from outbox.writer import Operation

_SQL = Queries("tokens.sql")

PREFIX = "tether_"


class Bounds(msgspec.Struct, frozen=True):
    """What the events that are posted with a token may be about and say, beyond its scopes."""

    types: tuple[str, ...] = ()
    """Event types, globs allowed; empty: all."""
    own_orders: bool = False
    """Only orders that it was the first to name."""
    own_words: bool = False
    """Whether prose in its events (a question, a message) reaches customers."""


UNBOUND = Bounds()


class Token(msgspec.Struct, frozen=True):
    """A name and what it may do. The name is the source of the events that are posted with it."""

    name: str
    scopes: frozenset[str]
    created_at: int
    bounds: Bounds = UNBOUND


class Create(Operation[Token]):
    __slots__ = ("_actor", "_bounds", "_digest", "_name", "_scopes")

    def __init__(self, name: str, digest: bytes, scopes: frozenset[str], bounds: Bounds, actor: str) -> None:
        self._name = name
        self._bounds = bounds
        self._digest = digest
        self._scopes = scopes
        self._actor = actor

    def apply(self, batch: Batch) -> Token:
        if batch.db.execute(_SQL["taken"], {"name": self._name}).fetchone():
            raise IllegalMove(f"there is a token called {self._name!r} already: revoke it, or choose another name")
        scopes, bounds = " ".join(sorted(self._scopes)), self._bounds
        told = {
            "name": self._name,
            "scopes": scopes,
            "types": " ".join(bounds.types),
            "own_orders": int(bounds.own_orders),
            "own_words": int(bounds.own_words),
        }
        batch.db.execute(_SQL["create"], {**told, "digest": self._digest, "at": batch.now})
        batch.record("token.created", {key: value for key, value in told.items() if value}, actor=self._actor)
        return Token(self._name, self._scopes, batch.now, bounds)


class Revoke(Operation[None]):
    __slots__ = ("_actor", "_name")

    def __init__(self, name: str, actor: str) -> None:
        self._name = name
        self._actor = actor

    def apply(self, batch: Batch) -> None:
        if not batch.db.execute(_SQL["revoke"], {"name": self._name}).rowcount:
            raise NotFound(f"there is no token called {self._name!r}")
        batch.record("token.revoked", {"name": self._name}, actor=self._actor)


class Tokens:
    """`box.tokens`. All of them are in memory: a store has a handful, and each call asks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_digest: dict[bytes, Token] = {}

    async def load(self) -> None:
        for name, digest, scopes, types, own_orders, own_words, at in await self._store.rows(_SQL["all"]):
            bounds = Bounds(tuple(types.split()), bool(own_orders), bool(own_words))
            self._by_digest[digest] = Token(name, frozenset(scopes.split()), at, bounds)

    def find(self, secret: str) -> Token | None:
        """Whose secret it is."""
        return self._by_digest.get(_digest(secret))

    def stands(self, token: Token) -> bool:
        """Whether one that was found has not been revoked since."""
        return any(each is token for each in self._by_digest.values())

    async def create(self, name: str, scopes: Sequence[str], *, bounds: Bounds = UNBOUND, actor: str = "") -> str:
        """Make one and return its secret, which is not kept. Raises IllegalMove when the name is taken."""
        secret = PREFIX + secrets.token_urlsafe(32)
        digest = _digest(secret)
        self._by_digest[digest] = await self._store.write(Create(name, digest, frozenset(scopes), bounds, actor))
        return secret

    async def list(self) -> Sequence[Token]:
        return sorted(self._by_digest.values(), key=lambda token: token.name)

    async def revoke(self, name: str, *, actor: str = "") -> None:
        """Raises NotFound."""
        await self._store.write(Revoke(name, actor))
        self._by_digest = {digest: token for digest, token in self._by_digest.items() if token.name != name}


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
