"""NATS's keys: an Ed25519 key pair whose halves are written as text that says what they are for ("U..." a user, "SU..." its seed).

The format: base32 without padding of prefix, key and CRC-16/XMODEM (little-endian); a seed's prefix takes two bytes, its own and its
role's. Pure, but for the making of a new key.
"""

import base64
import binascii
from typing import Literal, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Role: TypeAlias = Literal["user", "account", "operator"]

_PREFIX: dict[Role, int] = {"user": 20 << 3, "account": 0, "operator": 14 << 3}
_SEED = 18 << 3


class BadKey(ValueError):
    """What was given is no such key; the text never repeats it."""


class KeyPair:
    """A seed and what follows from it. Its repr shows the public half only."""

    def __init__(self, role: Role, raw: bytes) -> None:
        self.role = role
        self._raw = raw
        self._key = Ed25519PrivateKey.from_private_bytes(raw)

    @classmethod
    def make(cls, role: Role) -> "KeyPair":
        return cls(role, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_seed(cls, seed: str, role: Role) -> "KeyPair":
        """Raises BadKey, which says what was expected."""
        raw = _decode(seed)
        prefix = _PREFIX[role]
        head = bytes((_SEED | (prefix >> 5), (prefix & 31) << 3))
        if len(raw) != 34 or raw[:2] != head:
            raise BadKey(
                f'it is no seed of {_a(role)}: one begins with "{encode(head + bytes(32))[:2]}" and has 58 characters'
            )
        return cls(role, raw[2:])

    @property
    def seed(self) -> str:
        prefix = _PREFIX[self.role]
        return encode(bytes((_SEED | (prefix >> 5), (prefix & 31) << 3)) + self._raw)

    @property
    def public(self) -> str:
        return encode(bytes((_PREFIX[self.role],)) + self._key.public_key().public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        return self._key.sign(text)

    def __repr__(self) -> str:
        return f"KeyPair({self.public})"


def public_key(text: str, role: Role) -> Ed25519PublicKey:
    """Raises BadKey."""
    raw = _decode(text)
    if len(raw) != 33 or raw[0] != _PREFIX[role]:
        raise BadKey(f"it is no public key of {_a(role)}")
    return Ed25519PublicKey.from_public_bytes(raw[1:])


def is_signed(text: bytes, signature: bytes, by: str, role: Role) -> bool:
    """Whether the owner of that public key signed the text. Raises BadKey for what is no key."""
    try:
        public_key(by, role).verify(signature, text)
    except InvalidSignature:
        return False
    return True


def encode(raw: bytes) -> str:
    check = binascii.crc_hqx(raw, 0).to_bytes(2, "little")
    return base64.b32encode(raw + check).decode().rstrip("=")


def _decode(text: str) -> bytes:
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError) as error:
        raise BadKey("it is not written as a key is (base32)") from error
    if len(raw) < 3 or binascii.crc_hqx(raw[:-2], 0).to_bytes(2, "little") != raw[-2:]:
        raise BadKey("its check digits are wrong: it was cut or mistyped")
    return raw[:-2]


def _a(role: Role) -> str:
    return f"an {role}" if role[0] in "ao" else f"a {role}"
