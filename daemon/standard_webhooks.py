"""Standard Webhooks 1.0.0, signed and checked: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

Signed is `{webhook-id}.{webhook-timestamp}.{raw body}` with HMAC-SHA256; any matching `v1` entry is enough, so that secrets rotate.
The vendor's own library does no more than this and brings httpx: docs/architecture.md has what was weighed. A leaf.
"""

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping

PREFIX = "whsec_"
"""How a secret begins; by itself it is none."""
TOLERANCE_S = 300
"""Seconds that a signed time may lie from ours, either way."""
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_SIZE = range(24, 65)


class NoKey(ValueError):
    """What was given as a secret is none. The text never has any of it."""


def key_of(secret: str, sizes: range = _SIZE) -> bytes:
    """The key in `whsec_` and base64. Raises NoKey. `sizes`: in bytes, where another's secrets may be other than the standard's."""
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError as error:
        raise NoKey(f"must be {PREFIX} and base64") from error
    if len(key) not in sizes:
        raise NoKey(f"must be {PREFIX} and {_SIZE.start} to {_SIZE.stop - 1} bytes in base64")
    return key


def secret_trouble(name: str, value: str) -> str:
    """Why this is no secret to be set up with; "" where it is one."""
    try:
        key_of(value if value.startswith(PREFIX) else "")
    except NoKey:
        return (
            f"{name} is whsec_ and 24 to 64 bytes in base64: `openssl rand -base64 32` makes one, with whsec_ before it"
        )
    return ""


def sign(key: bytes, id: str, seconds: str, body: bytes) -> dict[str, str]:
    """The three headers of a request."""
    return {"webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": f"v1,{_mac(key, id, seconds, body)}"}


def holds(keys: Iterable[bytes], headers: Mapping[str, str], body: bytes) -> bool:
    """Whether any of the signatures was made with any of the keys. `headers`: names in lower case. How old it is: see `age`."""
    id, seconds, signatures = (headers.get(name, "") for name in HEADERS)
    given = [_bytes(part.removeprefix("v1,")) for part in signatures.split() if part.startswith("v1,")]
    due = [_mac(key, id, seconds, body).encode() for key in keys]
    return any(hmac.compare_digest(mine, theirs) for mine in due for theirs in given)


def off_by(seconds: str, now: int) -> float | None:
    """How far the signed time lies from `now` (ms), in seconds; None where it is no time."""
    return abs(now / 1000 - int(seconds)) if re.fullmatch(r"[0-9]{1,12}", seconds) else None


def _mac(key: bytes, id: str, seconds: str, body: bytes) -> str:
    return b64encode(hmac.digest(key, _bytes(f"{id}.{seconds}.") + body, hashlib.sha256)).decode()


def _bytes(text: str) -> bytes:
    """As it stood on the wire: headers may hold any byte."""
    return text.encode("utf-8", "surrogateescape")
