"""Events that are signed by Standard Webhooks instead of carrying a token (`daemon.standard_webhooks`)."""

import re
from collections.abc import Mapping
from functools import lru_cache

from daemon.api.schema.problem import Problem
from daemon.intake.own_sources import SIGNING_SECRET
from daemon.standard_webhooks import TOLERANCE_S, NoKey, holds, key_of, off_by

_SIZES = range(16, 129)
"""In bytes: senders' own keys may be other than the standard's."""


@lru_cache(maxsize=8)
def keys_of(secrets: str) -> tuple[bytes, ...]:
    """The keys in a value of `.env`: `whsec_` and base64 each, two while one is being exchanged, by comma or space.

    Raises NoKey that names the variable, never its value.
    """
    try:
        return tuple(key_of(part, _SIZES) for part in re.split(r"[,\s]+", secrets.strip()))
    except NoKey as error:
        raise NoKey(f"{SIGNING_SECRET} is malformed: it is whsec_ and 24 to 64 bytes in base64") from error


def verify(headers: Mapping[str, str], raw: bytes, secrets: str, *, now: int, clock_trusted: bool) -> None:
    """Raises Problem 401 unless the signature holds and is fresh. While the clock can't be trusted the signature alone decides:
    a repeat is harmless, since an event is taken once."""
    if not secrets:
        raise Problem(401, f"signed events are not set up here: put {SIGNING_SECRET} into .env, or send a bearer token")
    try:
        keys = keys_of(secrets)
    except NoKey as error:
        raise Problem(401, str(error)) from error
    if not all(headers.get(f"webhook-{part}") for part in ("id", "timestamp", "signature")):
        raise Problem(401, "a signed event needs the headers webhook-id, webhook-timestamp and webhook-signature")
    off = off_by(headers["webhook-timestamp"], now)
    if off is None:
        raise Problem(401, "webhook-timestamp must be whole seconds since 1970")
    if not holds(keys, headers, raw):
        raise Problem(401, "the signature does not hold: check the secret, and that the body is signed as it is sent")
    if clock_trusted and off > TOLERANCE_S:
        raise Problem(
            401, f"webhook-timestamp is more than {TOLERANCE_S // 60} minutes off this clock; sign each try anew"
        )
