"""OAuth 1.0a with one leg, as WooCommerce asks for it where it has no TLS: the secret signs and never travels (RFC 5849). Pure."""

import hashlib
import hmac
from base64 import b64encode
from urllib.parse import quote

from daemon.http import Pairs


def signed(method: str, url: str, query: Pairs, *, key: str, secret: str, at: int) -> Pairs:
    """The query with the signature's parameters. `url` is without a query, as the shop knows itself; `at` (ms) is also what makes the
    nonce one that is used once."""
    nonce = hashlib.sha256(f"{secret}\0{at}\0{query!r}".encode()).hexdigest()[:32]
    whole = [
        *query,
        ("oauth_consumer_key", key),
        ("oauth_nonce", nonce),
        ("oauth_signature_method", "HMAC-SHA256"),
        ("oauth_timestamp", str(at // 1000)),
    ]
    listed = "&".join(f"{name}={value}" for name, value in sorted((_escaped(n), _escaped(v)) for n, v in whole))
    base = "&".join(_escaped(part) for part in (method.upper(), url, listed))
    digest = hmac.digest(f"{_escaped(secret)}&".encode(), base.encode(), hashlib.sha256)
    return [*whole, ("oauth_signature", b64encode(digest).decode())]


def _escaped(text: str) -> str:
    return quote(text, safe="-._~")
