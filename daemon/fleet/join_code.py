"""What a store and headquarters say to each other when one joins, and the code that carries it to a person's hand and back."""

import base64
import binascii
import hashlib
import ssl
from urllib.parse import urlsplit

import msgspec

SECRET_BYTES = 16
PIN_BYTES = 16


class JoinRefused(Exception):
    """Says what is wrong and what to do."""


class Code(msgspec.Struct, frozen=True):
    """`https://hq.example:8788/#SECRET.PIN`, as `tether hq store add` prints it."""

    url: str
    secret: str
    pin: bytes

    @classmethod
    def read(cls, text: str) -> "Code":
        """Raises JoinRefused."""
        url, _, rest = text.strip().partition("#")
        secret, _, pin = rest.partition(".")
        parts = urlsplit(url)
        try:
            raw, secret_raw = _from_text(pin), _from_text(secret)
        except (binascii.Error, ValueError):
            raw = secret_raw = b""
        if parts.scheme != "https" or not parts.hostname or len(raw) != PIN_BYTES or len(secret_raw) != SECRET_BYTES:
            raise JoinRefused(
                "that is no code of headquarters: copy the whole line that tether hq store add printed, in quotes"
            )
        return cls(url.rstrip("/"), secret, raw)

    def names(self, ca: str) -> bool:
        """Whether that certificate (PEM) is the fleet's. Raises ValueError for what is none."""
        return _pin(ca) == self.pin

    def __str__(self) -> str:
        return f"{self.url}/#{self.secret}.{_text(self.pin)}"


class JoinWish(msgspec.Struct, frozen=True):
    """What a store asks of HQ's door."""

    secret: str
    key: str
    sealing: str
    signature: str

    @staticmethod
    def signed(secret: str, sealing: str) -> bytes:
        return f"tether fleet join {secret} {sealing}".encode()


class Welcome(msgspec.Struct, frozen=True):
    """What HQ answers. `keys`: the consent keys, sealed."""

    store: str
    servers: tuple[str, ...]
    ca: str
    claim: str
    publisher: str = ""
    keys: dict[str, str] = {}


def make_code(url: str, ca: str, secret: bytes) -> Code:
    return Code(url.rstrip("/"), _text(secret), _pin(ca))


def _pin(pem: str) -> bytes:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.strip() + "\n")).digest()[:PIN_BYTES]


def _text(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def _from_text(text: str) -> bytes:
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))
