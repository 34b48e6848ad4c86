"""What follows from the box's twelve words: an Ed25519 key that signs, and an age identity that opens what was sealed for it.

Each use has a key of its own, derived by HKDF-SHA256 (RFC 5869), so that none says anything of another. A service needs those of its
digests at once and signs rarely: `cryptography` (6 MiB) comes in when it does, `pyrage` when something is sealed.
"""

import base64
import hmac
import secrets
from functools import cached_property
from typing import Any

from daemon.keys.bech32 import bech32
from daemon.keys.words import SEED_BYTES, seed_of, words_of

PUBLIC_PREFIX = "tether-ed25519:"
SALT = b"tether"


class BoxKey:
    """One box's key. Two boxes with the same words are, for all that is signed and sealed, the same box."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed

    @cached_property
    def _signing(self) -> Any:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.derive("signature"))

    @classmethod
    def new(cls) -> "BoxKey":
        return cls(secrets.token_bytes(SEED_BYTES))

    @classmethod
    def from_words(cls, words: str) -> "BoxKey":
        """Raises ValueError with what is wrong with them."""
        return cls(seed_of(words))

    @property
    def words(self) -> str:
        return words_of(self._seed)

    @property
    def public(self) -> str:
        """By which its signatures are checked: no secret."""
        raw = self._signing.public_key().public_bytes_raw()
        return PUBLIC_PREFIX + base64.b64encode(raw).decode()

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose, always the same."""
        extracted = hmac.digest(SALT, self._seed, "sha256")
        return hmac.digest(extracted, purpose.encode() + b"\x01", "sha256")  # one block is as long as the key

    def sign(self, domain: bytes, content: bytes) -> str:
        """`domain` says what kind of statement it is: a signature of one kind is none of another."""
        return base64.b64encode(self._signing.sign(domain + b"\n" + content)).decode()

    @property
    def identity(self) -> Any:
        """The age identity (pyrage) that opens what was sealed for `recipient`."""
        from pyrage import x25519

        return x25519.Identity.from_str(bech32("age-secret-key-", self.derive("age identity")).upper())

    @property
    def recipient(self) -> str:
        """As age writes it ("age1..."): no secret."""
        return str(self.identity.to_public())

    def __repr__(self) -> str:
        return f"BoxKey({self.public})"


def is_signed(public: str, domain: bytes, content: bytes, signature: str) -> bool:
    """Whether that key said so. What can't be read as a key or a signature is none."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        raw = base64.b64decode(public.removeprefix(PUBLIC_PREFIX), validate=True)
        Ed25519PublicKey.from_public_bytes(raw).verify(
            base64.b64decode(signature, validate=True), domain + b"\n" + content
        )
    except (ValueError, InvalidSignature):
        return False
    return public.startswith(PUBLIC_PREFIX)
