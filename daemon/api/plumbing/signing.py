"""Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md), checked by us.

Signed is `{webhook-id}.{webhook-timestamp}.{raw body}` with HMAC-SHA256; any matching `v1` entry is enough, so that secrets rotate.
"""

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import lru_cache

from daemon.api.schema.problem import Problem

TOLERANCE_S = 300
SECRET_NAME = "TETHER_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable


@lru_cache(maxsize=8)
def keys_of(secrets: str) -> tuple[bytes, ...]:
    """The keys in a value of `.env`: `whsec_` and base64 each, two while one is being exchanged, by comma or space.

    Raises ValueError that names the variable, never its value.
    """
    keys = []
    for part in re.split(r"[,\s]+", secrets.strip()):
        try:
            key = b64decode(part.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            key = b""
        if not 16 <= len(key) <= 128:
            raise ValueError(f"{SECRET_NAME} is malformed: it is whsec_ and 24 to 64 bytes in base64")
        keys.append(key)
    return tuple(keys)


def verify(headers: Mapping[str, str], raw: bytes, secrets: str, *, now: int, clock_trusted: bool) -> None:
    """Raises Problem 401 unless the signature holds and is fresh. While the clock can't be trusted the signature alone decides:
    a repeat is harmless, since an event is taken once."""
    if not secrets:
        raise Problem(401, f"signed events are not set up here: put {SECRET_NAME} into .env, or send a bearer token")
    try:
        keys = keys_of(secrets)
    except ValueError as error:
        raise Problem(401, str(error)) from error
    id_, timestamp, signatures = (headers.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))
    if not (id_ and timestamp and signatures):
        raise Problem(401, "a signed event needs the headers webhook-id, webhook-timestamp and webhook-signature")
    if not re.fullmatch(r"[0-9]{1,12}", timestamp):
        raise Problem(401, "webhook-timestamp must be whole seconds since 1970")
    if not _any_holds(keys, f"{id_}.{timestamp}.".encode("utf-8", "surrogateescape") + raw, signatures):
        raise Problem(401, "the signature does not hold: check the secret, and that the body is signed as it is sent")
    if clock_trusted and abs(now / 1000 - int(timestamp)) > TOLERANCE_S:
        raise Problem(
            401, f"webhook-timestamp is more than {TOLERANCE_S // 60} minutes off this clock; sign each try anew"
        )


def _any_holds(keys: tuple[bytes, ...], signed: bytes, signatures: str) -> bool:
    given = [
        part.removeprefix("v1,").encode("utf-8", "surrogateescape")
        for part in signatures.split()
        if part.startswith("v1,")
    ]
    due = [b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    return any(hmac.compare_digest(mine, theirs) for mine in due for theirs in given)
