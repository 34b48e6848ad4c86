"""AWS Signature Version 4, the verifying side (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html)."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from daemon.sandbox.exchange import Call

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request,"
    r" ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)
MAX_SKEW = 300.0
"""Seconds between the signature's time and the vendor's clock."""


class SignatureProblem(Exception):
    """Why a signature does not hold: `code` is AWS's error type."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def verify(call: Call, *, access_key: str, secret_key: str, session_token: str, service: str) -> str:
    """Check the request's signature and return the region it was made for. Raises SignatureProblem.

    Where a path prefix stands before the vendor's path (as a base URL may have one), the signature may cover either.
    """
    match = _AUTHORIZATION.fullmatch(call.headers.get("Authorization", ""))
    if not match:
        raise SignatureProblem("MissingAuthenticationTokenException", "Missing Authentication Token")
    key, day, region, named, signed, signature = match.groups()
    date = call.headers.get("X-Amz-Date", "")
    if key != access_key:
        raise SignatureProblem("UnrecognizedClientException", "The security token included in the request is invalid.")
    if call.headers.get("X-Amz-Security-Token", "") != session_token:
        raise SignatureProblem("UnrecognizedClientException", "The security token included in the request is invalid.")
    if named != service:
        raise SignatureProblem("SignatureDoesNotMatch", f"Credential should be scoped to correct service: '{service}'.")
    _check_time(date, day, call.now)
    names = signed.split(";")
    needed = {"host", "x-amz-date"} | ({"x-amz-security-token"} if session_token else set())
    if names != sorted(names) or not needed <= set(names):
        raise SignatureProblem("SignatureDoesNotMatch", "The signed headers must include host and x-amz-date, sorted.")
    scope = f"{day}/{region}/{service}/aws4_request"
    signing_key = derive_key(secret_key, day, region, service)
    for path in {call.wire_path, _encoded(call.path)}:
        request = canonical_request(call.method, path, call.query_pairs, call.headers, names, call.body)
        to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        if hmac.compare_digest(hmac.new(signing_key, to_sign.encode(), hashlib.sha256).hexdigest(), signature):
            return region
    text = "The request signature we calculated does not match the signature you provided."
    raise SignatureProblem("SignatureDoesNotMatch", text)


def derive_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def canonical_request(
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    signed: Iterable[str],
    body: bytes,
) -> str:
    """`path` is as on the wire: its segments are encoded a second time here, as every service but S3 has it."""
    names = list(signed)
    return "\n".join(
        [
            method,
            quote(path, safe="/-_.~"),
            "&".join(sorted(f"{_encoded(name, '')}={_encoded(value, '')}" for name, value in query)),
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        ]
    )


def _encoded(text: str, safe: str = "/") -> str:
    return quote(text, safe=f"{safe}-_.~")


def _check_time(date: str, day: str, now: int) -> None:
    try:
        at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise SignatureProblem("SignatureDoesNotMatch", "X-Amz-Date must be in ISO 8601 basic form.") from error
    if not date.startswith(day):
        raise SignatureProblem("SignatureDoesNotMatch", "Date in Credential scope does not match X-Amz-Date.")
    skew = now / 1000 - at.timestamp()
    if abs(skew) > MAX_SKEW:
        text = f"Signature {'expired' if skew > 0 else 'not yet current'}: {date} is {abs(skew):.0f} s off."
        raise SignatureProblem("SignatureDoesNotMatch", text)
