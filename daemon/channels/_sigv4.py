"""AWS Signature Version 4 for requests with a body in memory: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import msgspec

from daemon.http import Request

_ALGORITHM = "AWS4-HMAC-SHA256"


class Keys(msgspec.Struct, frozen=True):
    """Who signs, and for where."""

    access: str
    secret: str
    session: str
    """The session token of temporary credentials; "" for others."""
    region: str
    service: str

    def __repr__(self) -> str:
        return f"Keys({self.region}/{self.service})"


def sign(request: Request, base: str, keys: Keys, now: int, *, digest: str | None = None) -> Request:
    """The request with the headers that prove it, good for some minutes around `now` (ms). `base`: where it will be sent; `digest`:
    the SHA-256 (hex) of a body that is streamed and not in the request."""
    stamp = datetime.fromtimestamp(now // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    own = {"X-Amz-Date": stamp, **({"X-Amz-Security-Token": keys.session} if keys.session else {})}
    request = request.with_headers(own)
    url = urlsplit(base)
    signed = {name.lower(): " ".join(value.split()) for name, value in request.headers.items()}
    signed["host"] = url.netloc
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        [
            request.method,
            quote(url.path.rstrip("/") + request.path, safe="/-_.~"),
            "&".join(
                sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in request.query)
            ),
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            digest or hashlib.sha256(request.body).hexdigest(),
        ]
    )
    scope = f"{stamp[:8]}/{keys.region}/{keys.service}/aws4_request"
    text = "\n".join([_ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.new(_key(keys, stamp[:8]), text.encode(), hashlib.sha256).hexdigest()
    proof = f"{_ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    return request.with_headers({"Authorization": proof})


def _key(keys: Keys, day: str) -> bytes:
    key = f"AWS4{keys.secret}".encode()
    for part in (day, keys.region, keys.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
