"""The keys by which a fleet names who said STOP without their address, as they stand beside a configuration."""

import base64


def read_keys(text: str) -> dict[str, bytes]:
    """ "k1:base64 k2:base64" as it stands in `.env`. Raises ValueError, which never repeats it."""
    keys = {}
    for part in text.split():
        kid, colon, secret = part.partition(":")
        try:
            key = base64.b64decode(secret, validate=True)
        except ValueError:
            key = b""
        if not colon or len(key) < 16:
            raise ValueError(
                'FLEET_CONSENT_KEY is not written like "k1:<base64>": join the fleet again, or copy it whole'
            )
        keys[kid] = key
    return keys
