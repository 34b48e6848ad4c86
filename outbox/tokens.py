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


class Token(msgspec.Struct, frozen=True):
    """A name and what it may do."""

    name: str
    scopes: frozenset[str]
    created_at: int


class Create(Operation[Token]):
    __slots__ = ("_actor", "_digest", "_name", "_scopes")

    def __init__(self, name: str, digest: bytes, scopes: frozenset[str], actor: str) -> None:
        self._name = name
        self._digest = digest
        self._scopes = scopes
        self._actor = actor

    def apply(self, batch: Batch) -> Token:
        if batch.db.execute(_SQL["taken"], {"name": self._name}).fetchone():
            raise IllegalMove(f"there is a token called {self._name!r} already: revoke it, or choose another name")
        scopes = " ".join(sorted(self._scopes))
        values = {"name": self._name, "digest": self._digest, "scopes": scopes, "at": batch.now}
        batch.db.execute(_SQL["create"], values)
        batch.record("token.created", {"name": self._name, "scopes": scopes}, actor=self._actor)
        return Token(self._name, self._scopes, batch.now)


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
        for name, digest, scopes, at in await self._store.rows(_SQL["all"]):
            self._by_digest[digest] = Token(name, frozenset(scopes.split()), at)

    def find(self, secret: str) -> Token | None:
        """Whose secret it is."""
        return self._by_digest.get(_digest(secret))

    async def create(self, name: str, scopes: Sequence[str], *, actor: str = "") -> str:
        """Make one and return its secret, which is not kept. Raises IllegalMove when the name is taken."""
        secret = PREFIX + secrets.token_urlsafe(32)
        digest = _digest(secret)
        self._by_digest[digest] = await self._store.write(Create(name, digest, frozenset(scopes), actor))
        return secret

    async def list(self) -> Sequence[Token]:
        return sorted(self._by_digest.values(), key=lambda token: token.name)

    async def revoke(self, name: str, *, actor: str = "") -> None:
        """Raises NotFound."""
        await self._store.write(Revoke(name, actor))
        self._by_digest = {digest: token for digest, token in self._by_digest.items() if token.name != name}


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
