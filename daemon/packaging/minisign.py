"""Signatures as minisign makes and checks them (https://jedisct1.github.io/minisign/): Ed25519 over BLAKE2b-512 of the file, and over the
"trusted comment" that says what the file is. Made and checked here, they are made and checked by `minisign -V` as well.
"""

import base64
import binascii
import hashlib
import os
import secrets
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SUFFIX = ".minisig"
PURE, HASHED = b"Ed", b"ED"
KDF_NONE, CHECKSUM = b"\0\0", b"B2"
KEY_ID = 8
MAX_SIGNATURE = 4096
UNTRUSTED, TRUSTED = "untrusted comment: ", "trusted comment: "


class SignatureError(Exception):
    """Why a file is not believed."""


class PublicKey(msgspec.Struct, frozen=True):
    id: bytes
    key: bytes


class SecretKey(msgspec.Struct, frozen=True):
    id: bytes
    seed: bytes

    @classmethod
    def new(cls) -> "SecretKey":
        return cls(secrets.token_bytes(KEY_ID), secrets.token_bytes(32))

    @property
    def public(self) -> PublicKey:
        key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return PublicKey(self.id, key.public_bytes(Encoding.Raw, PublicFormat.Raw))

    def __repr__(self) -> str:
        return f"SecretKey({self.id.hex()})"


# ---------------------------------------------------------------- keys in files


def public_text(key: PublicKey) -> str:
    comment = f"{UNTRUSTED}minisign public key {key.id[::-1].hex().upper()}"
    return f"{comment}\n{_text(PURE + key.id + key.key)}\n"


def read_public(text: str) -> PublicKey:
    """Raises SignatureError."""
    raw = _bytes(text.strip().splitlines()[-1] if text.strip() else "")
    if len(raw) != 2 + KEY_ID + 32 or raw[:2] != PURE:
        raise SignatureError("it is no public key of minisign")
    return PublicKey(raw[2:10], raw[10:])


def secret_text(key: SecretKey) -> str:
    """Without a password, as `minisign -G -W` writes it: the file's mode guards it."""
    pair = key.seed + key.public.key
    check = hashlib.blake2b(PURE + key.id + pair, digest_size=32).digest()
    body = PURE + KDF_NONE + CHECKSUM + bytes(32 + 8 + 8) + key.id + pair + check
    return f"{UNTRUSTED}minisign encrypted secret key\n{_text(body)}\n"


def read_secret(path: Path) -> SecretKey:
    """Raises SignatureError, OSError."""
    raw = _bytes(path.read_text(encoding="ascii").strip().splitlines()[-1])
    if len(raw) != 158 or raw[:2] != PURE or raw[4:6] != CHECKSUM:
        raise SignatureError(f"{path} is no secret key of minisign")
    if raw[2:4] != KDF_NONE:
        raise SignatureError(f"{path} has a password: sign with `minisign -S` itself")
    return SecretKey(raw[54:62], raw[62:94])


def write_secret(path: Path, key: SecretKey) -> None:
    """Raises FileExistsError: a key is never written over."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secret_text(key))


# ---------------------------------------------------------------- signatures


def sign(file: Path, key: SecretKey, comment: str) -> str:
    """The text of its .minisig. `comment` is signed too: it says what the file is, whatever it is called later."""
    own = Ed25519PrivateKey.from_private_bytes(key.seed)
    signature = own.sign(_digest(file))
    whole = own.sign(signature + comment.encode())
    return f"{UNTRUSTED}signature of a Tether release\n{_text(HASHED + key.id + signature)}\n{TRUSTED}{comment}\n{_text(whole)}\n"


def verify(file: Path, signature: str, keys: tuple[PublicKey, ...]) -> str:
    """The signed comment. Raises SignatureError for a file that none of these keys has signed."""
    lines = signature.splitlines()
    if len(lines) != 4 or not lines[0].startswith(UNTRUSTED) or not lines[2].startswith(TRUSTED):
        raise SignatureError("its signature is no signature of minisign")
    raw, whole, comment = _bytes(lines[1]), _bytes(lines[3]), lines[2].removeprefix(TRUSTED)
    if len(raw) != 2 + KEY_ID + 64 or raw[:2] != HASHED:
        raise SignatureError("its signature is of a kind that is not taken here")
    key = next((key for key in keys if key.id == raw[2:10]), None)
    if key is None:
        raise SignatureError("it is signed by another key than the one that is trusted here")
    public = Ed25519PublicKey.from_public_bytes(key.key)
    try:
        public.verify(raw[10:], _digest(file))
        public.verify(whole, raw[10:] + comment.encode())
    except InvalidSignature as error:
        raise SignatureError("it was changed after it was signed") from error
    return comment


def _digest(file: Path) -> bytes:
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=64)).digest()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise SignatureError("it can't be read: it is no base64") from error
