"""Passwords of those who may see the page, kept by argon2id at the cost that RFC 9106 recommends where memory is scarce."""

import secrets

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

LEAST = 12
MOST = 1024
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$bm9ib2R5IGhhcyB0aGlzIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""What nobody's password comes to: as much work as to check somebody's, so that time tells nobody which names there are."""


def keep(password: str) -> str:
    """As it is kept, in the usual notation."""
    salt = secrets.token_bytes(16)
    return Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=2**16).derive_phc_encoded(
        password.encode()
    )


def is_right(password: str, kept: str | None) -> bool:
    """`kept` None: there is nobody of that name; it takes as long."""
    try:
        Argon2id.verify_phc_encoded(password.encode()[:MOST], kept or _NOBODY)
    except InvalidKey:
        return False
    return kept is not None
