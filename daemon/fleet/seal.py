"""A secret for one store on a line that others could read: sealed for the key that the store made when it joined (X25519, HKDF-SHA-256,
ChaCha20-Poly1305). Each sealing has a key pair of its own, so the nonce is used once."""

import base64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = bytes(12)


class Unsealable(ValueError):
    """It was sealed for somebody else, or changed on the way."""


def key_of(seed: str) -> X25519PrivateKey:
    """The store's key for what is sealed, from its seed: one secret to keep."""
    raw = HKDF(SHA256(), 32, None, b"tether fleet seal").derive(seed.encode())
    return X25519PrivateKey.from_private_bytes(raw)


def public_text(key: X25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def seal(secret: bytes, public: str, about: str) -> str:
    """`about` is bound to it: what was sealed as one thing does not open as another."""
    own = X25519PrivateKey.generate()
    theirs = X25519PublicKey.from_public_bytes(base64.b64decode(public))
    box = ChaCha20Poly1305(_derive(own.exchange(theirs), about)).encrypt(_NONCE, secret, about.encode())
    return base64.b64encode(own.public_key().public_bytes_raw() + box).decode()


def unseal(sealed: str, key: X25519PrivateKey, about: str) -> bytes:
    """Raises Unsealable."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        shared = key.exchange(X25519PublicKey.from_public_bytes(raw[:32]))
        return ChaCha20Poly1305(_derive(shared, about)).decrypt(_NONCE, raw[32:], about.encode())
    except (InvalidTag, ValueError) as error:
        raise Unsealable("it was not sealed for this store") from error


def _derive(shared: bytes, about: str) -> bytes:
    return HKDF(SHA256(), 32, None, about.encode()).derive(shared)
