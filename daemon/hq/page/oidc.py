"""Logging in by a provider of the owner's (OpenID Connect, authorization code with PKCE): it says who somebody is, `tether hq user add` what they may.

The ID token comes straight from the provider's token endpoint over TLS, which by OpenID Connect Core 3.1.3.7 (6) stands for its signature; who
issued it, for whom, until when and for which log-in is checked here. No library: what one would add is the signature.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import msgspec

from daemon.hq.config import Oidc
from daemon.http import read_up_to

T = TypeVar("T")

SECONDS = 10.0
ANSWER_MOST = 256 * 1024
SECRET = "HQ_OIDC_SECRET"  # noqa: S105 - its name, not what it is
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class OidcRefused(Exception):
    """The provider, or what it said, is not to be trusted: the reason is for the log."""


class Endpoints(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str


class Begun(msgspec.Struct, frozen=True):
    """One log-in on its way, as the browser keeps it."""

    state: str
    nonce: str
    verifier: str
    following: str

    @property
    def text(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


class _Token(msgspec.Struct, frozen=True):
    id_token: str


def begin(following: str) -> Begun:
    return Begun(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), following)


def read_begun(text: str) -> Begun:
    """Raises OidcRefused."""
    try:
        return msgspec.json.decode(_unpadded(text), type=Begun)
    except (msgspec.MsgspecError, ValueError) as error:
        raise OidcRefused("the browser holds no log-in that began here") from error


def where_to(endpoints: Endpoints, oidc: Oidc, begun: Begun, back: str) -> str:
    """The provider's page."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code", "client_id": oidc.client_id, "redirect_uri": back, "scope": "openid email profile", "state": begun.state,
        "nonce": begun.nonce, "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    joint = "&" if "?" in endpoints.authorization_endpoint else "?"
    return f"{endpoints.authorization_endpoint}{joint}{urlencode(asked)}"


async def discover(http: aiohttp.ClientSession, oidc: Oidc) -> Endpoints:
    """What the provider says of itself. Raises OidcRefused."""
    url = oidc.issuer.rstrip("/") + "/.well-known/openid-configuration"
    found = await _ask(http, "GET", _safe(url), None, None, Endpoints)
    if found.issuer.rstrip("/") != oidc.issuer.rstrip("/"):
        raise OidcRefused(f"{oidc.issuer} calls itself {found.issuer}")
    for endpoint in (found.authorization_endpoint, found.token_endpoint):
        _safe(endpoint)
    return found


async def name_of(
    http: aiohttp.ClientSession, oidc: Oidc, secret: str, begun: Begun, query: Mapping[str, str], back: str, now: float
) -> str:
    """Who it is, as the provider says it. `query`: of the browser that comes back. Raises OidcRefused."""
    if not hmac.compare_digest(query.get("state", "").encode(), begun.state.encode()):
        raise OidcRefused("it is another log-in that comes back")
    if not (code := query.get("code", "")):
        raise OidcRefused(f"the provider let nobody in: {query.get('error', 'no code')[:100]}")
    endpoints = await discover(http, oidc)
    if query.get("iss", endpoints.issuer) != endpoints.issuer:
        raise OidcRefused("another provider answers")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": begun.verifier}
    own = base64.b64encode(f"{quote(oidc.client_id, safe='')}:{quote(secret, safe='')}".encode()).decode()
    auth = {"Authorization": f"Basic {own}"}
    token = await _ask(http, "POST", endpoints.token_endpoint, form, auth, _Token)
    return read_claims(_claims(token.id_token), oidc, endpoints.issuer, begun.nonce, now)


def read_claims(claims: Mapping[str, Any], oidc: Oidc, issuer: str, nonce: str, now: float) -> str:
    """Raises OidcRefused."""
    audience = claims.get("aud")
    if claims.get("iss") != issuer:
        raise OidcRefused("the token is of another issuer")
    if audience not in (oidc.client_id, [oidc.client_id]):
        raise OidcRefused("the token is for somebody else")
    if not isinstance(until := claims.get("exp"), int | float) or until <= now:
        raise OidcRefused("the token is not good any more: is the clock right?")
    if claims.get("nonce") != nonce:
        raise OidcRefused("the token is of another log-in")
    if oidc.claim == "email" and claims.get("email_verified") is not True:
        raise OidcRefused("the provider does not say that the address was verified ([oidc] claim names another claim)")
    name = claims.get(oidc.claim)
    if not isinstance(name, str) or not name:
        raise OidcRefused(f"the token has no {oidc.claim}")
    return name


def _claims(token: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(_unpadded(token.split(".")[1]), type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, IndexError) as error:
        raise OidcRefused("the token can't be read") from error


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _safe(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise OidcRefused(f"{url} is not https")
    return url


async def _ask(
    http: aiohttp.ClientSession,
    method: str,
    url: str,
    form: Mapping[str, str] | None,
    headers: Mapping[str, str] | None,
    kind: type[T],
) -> T:
    try:
        async with http.request(
            method, url, data=form, headers=headers, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=SECONDS)
        ) as answer:
            body = await read_up_to(answer.content, ANSWER_MOST)
            if answer.status != 200:
                raise OidcRefused(f"{url} answered {answer.status}")
        return msgspec.json.decode(body, type=kind)
    except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError) as error:
        raise OidcRefused(f"{url}: {str(error) or type(error).__name__}") from error
