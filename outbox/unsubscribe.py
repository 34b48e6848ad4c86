"""The link by which one address asks for silence by itself: it names nobody, and nobody can make one up.

A token is the address's digest and a signature of it, both under the database's key. What it undoes is nothing: it only silences.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from outbox.batch import Batch
from outbox.consent import Say
from outbox.digest import Digester
from outbox.model import Customer
from outbox.order_people import orders_of
from outbox.queries import Queries
from outbox.rows import decode_order, encode
from outbox.shares import Shares
from outbox.snapshot import Wants
from outbox.store import Store
from outbox.writer import Operation

_SQL = Queries("unsubscribe.sql")

MEDIUM = "email"
ACTOR = "unsubscribe link"
_PURPOSE = b"unsubscribe from email "
_LENGTH = 43
_NEWEST = 5
"""Orders of an address that are looked through for who it is: one of them names it in plain."""


class Silence(Operation[bool]):
    __slots__ = ("_digest", "_digester", "_how", "_shares")

    def __init__(self, digest: str, how: str, digester: Digester, shares: Shares) -> None:
        self._digest = digest
        self._how = how
        self._digester = digester
        self._shares = shares

    def wants(self, wants: Wants) -> None:
        wants.digests.append(self._digest)

    def apply(self, batch: Batch) -> bool:
        newest = orders_of(batch.db, [self._digest])[-_NEWEST:]
        found = batch.db.execute(_SQL["bodies"], {"orders": encode(newest).decode()})
        customers = (decode_order(body).customer for (body,) in found)
        address = next((mail for mail in map(_mail, customers) if mail and self._digester(mail) == self._digest), "")
        shared = self._shares.of(MEDIUM, address)
        say = Say(MEDIUM, address, self._digest, stopped=True, reason=self._how, actor=ACTOR, shared=shared)
        return say.apply(batch)


class Unsubscribe:
    """`box.unsubscribe`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def token(self, address: str) -> str:
        """What stands in the link of that mail address: always the same."""
        digest = bytes.fromhex(self._store.digester(address))
        return urlsafe_b64encode(digest + self._signature(digest)).decode().rstrip("=")

    def holds(self, token: str) -> bool:
        return self._digest_of(token) is not None

    async def use(self, token: str, *, how: str) -> bool:
        """Nothing more goes to that address by mail; `how`, for the ledger. False: the token is none of ours."""
        digest = self._digest_of(token)
        if digest is None:
            return False
        await self._store.write(Silence(digest, how, self._store.digester, self._store.shares))
        return True

    def _digest_of(self, token: str) -> str | None:
        if len(token) != _LENGTH or not token.isascii():
            return None
        try:
            content = urlsafe_b64decode(token + "=")
        except ValueError:
            return None
        digest, signature = content[:16], content[16:]
        return digest.hex() if hmac.compare_digest(signature, self._signature(digest)) else None

    def _signature(self, digest: bytes) -> bytes:
        return bytes.fromhex(self._store.digester.of_bytes(_PURPOSE + digest))


def _mail(customer: Customer) -> str:
    return (customer.email or "").strip()
