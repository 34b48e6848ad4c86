"""Keyed digests stand for addresses wherever a record outlives the person: the same address gives the same digest, and without this
database's key no address can be tried against it."""

import hashlib
import hmac

HEX_LENGTH = 32


class Digester:
    """HMAC-SHA256 under a key of the database, cut to 128 bits, in hex."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, address: str) -> str:
        """Upper and lower case and spaces around are the same address."""
        return hmac.digest(self._key, address.strip().lower().encode(), hashlib.sha256).hex()[:HEX_LENGTH]

    def __repr__(self) -> str:
        return "Digester(...)"
