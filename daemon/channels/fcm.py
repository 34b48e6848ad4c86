"""Firebase Cloud Messaging, HTTP v1: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages (2026-11).

Quirks: Google gives a token for an RS256 assertion of the service account's key file, which carries the time; our message id
is the collapse key, so a repeat replaces the first on the screen; an app that was removed shows only as UNREGISTERED. A 404
without Google's own detail is a wrong project, not a dead device. The file is longer than most for the assertion and its key.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from daemon.channels._oauth import OAuthChannel
from daemon.channels._values import title_of
from daemon.channels._verdict import Problem, Verdict, channel, later, message, recipient, throttled
from daemon.channels.base import Health, Misconfigured, OAuthSettings, Outgoing
from daemon.http import Http, Request, Response, form_request, json_request, objects
from outbox.outcome import Accepted

_AUDIENCE = "https://oauth2.googleapis.com/token"
_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_LONGEST = 28 * 86400
"""Seconds: the longest time to live that FCM takes."""
_KEY = "the service account's key was revoked, or this machine's clock is wrong: make a new key in the Firebase console"
_PROJECT = (
    "project_id names no project with the FCM API switched on: Firebase console, Project settings, Cloud Messaging"
)


class FcmSettings(OAuthSettings, frozen=True, kw_only=True):
    project_id: str = ""
    """"": the key file's own."""
    target: Literal["token", "fid"] = "token"
    """What the addresses are: registration tokens, or Firebase installation ids."""
    topic: str = ""
    """The team's own topic."""


class _Key(msgspec.Struct, frozen=True):
    """A service account's key file, as Google writes it."""

    private_key: str
    private_key_id: str
    client_email: str
    project_id: str = ""
    token_uri: str = _AUDIENCE


class Fcm(OAuthChannel):
    name = "fcm"
    medium = "push"
    title = "Firebase Cloud Messaging"
    address_kinds = ("fcm",)
    rank = 10
    Settings = FcmSettings
    secrets = ("GOOGLE_APPLICATION_CREDENTIALS",)
    console = "Firebase console, Project settings, Service accounts"
    origin = "https://fcm.googleapis.com"
    ambiguous_5xx = False
    repeat_is_harmless = True
    needs_time = True

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "INVALID_ARGUMENT": recipient("this is not a registration token of the app"),
        "INVALID_ARGUMENT/BadRequest": message("FCM does not take this message: it may be longer than 4 kB"),
        "UNREGISTERED": recipient("the app was removed from this device, or its token has lapsed"),
        "SENDER_ID_MISMATCH": recipient("the token belongs to another Firebase project"),
        "THIRD_PARTY_AUTH_ERROR": message("Apple's or the browsers' key in the project is not valid: Cloud Messaging"),
        "APNS_AUTH_ERROR": message("Apple's key in the project is not valid: Firebase console, Cloud Messaging"),
        "UNAUTHENTICATED": channel(_KEY, after=900),
        "PERMISSION_DENIED": channel("give the service account the role Firebase Cloud Messaging API Admin"),
        "NOT_FOUND": channel(_PROJECT),
        "QUOTA_EXCEEDED": throttled(60),
        "RESOURCE_EXHAUSTED": throttled(60),
        "INTERNAL": later(),
        "UNAVAILABLE": later(),
    }
    STATUSES: ClassVar[Mapping[int, Verdict]] = {429: throttled(60)}
    TOKEN_CODES: ClassVar[Mapping[str, Verdict]] = {"invalid_grant": channel(_KEY, after=900)}

    settings: FcmSettings

    def __init__(self, settings: FcmSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self._key, self._signer = _load(self.secret["GOOGLE_APPLICATION_CREDENTIALS"])
        project = settings.project_id or self._key.project_id
        if not project:
            raise Misconfigured("project_id is missing: put it into [channels.fcm] of tether.toml")
        self._path = f"/v1/projects/{project}/messages:send"
        token = urlsplit(self._key.token_uri)
        self.token_origin, self._token_path = f"{token.scheme}://{token.netloc}", token.path

    @classmethod
    def secret_trouble(cls, name: str, value: str) -> str:
        if Path(value).expanduser().is_file():
            return ""
        return f"{name} is the path of a file (the service account's key, JSON), and there is none at that place"

    def destination(self) -> str | None:
        return f"/topics/{self.settings.topic}" if self.settings.topic else None

    def private(self) -> Sequence[str]:
        return (*super().private(), self._key.private_key)

    def token_request(self) -> Request:
        now = self.http.clock.now() // 1000
        head = {"alg": "RS256", "typ": "JWT", "kid": self._key.private_key_id}
        claims = {
            "iss": self._key.client_email,
            "scope": _SCOPE,
            "aud": _AUDIENCE,
            "iat": now,
            "exp": now + 3600,
        }
        words = f"{_base64(msgspec.json.encode(head))}.{_base64(msgspec.json.encode(claims))}"
        signature = self._signer.sign(words.encode(), padding.PKCS1v15(), hashes.SHA256())
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        return form_request(
            "POST", self._token_path, [("grant_type", grant), ("assertion", f"{words}.{_base64(signature)}")]
        )

    def build(self, out: Outgoing) -> Request:
        topic = out.to.removeprefix("/topics/")
        target: dict[str, str] = {"topic": topic} if topic != out.to else {self.settings.target: out.to}
        android: dict[str, Any] = {"priority": "HIGH", "collapse_key": out.message_id}
        apns, webpush = {"apns-collapse-id": out.message_id}, {"Topic": out.message_id}
        if out.expires_at is not None:
            left = min(max((out.expires_at - out.now) // 1000, 0), _LONGEST)
            android["ttl"] = f"{left}s"
            apns["apns-expiration"] = str(out.now // 1000 + left)
            webpush["TTL"] = str(left)
        content = {
            **target,
            "notification": {"title": title_of(out), "body": out.rendered.text},
            "data": {"id": out.message_id, "type": out.trigger, "order_ref": out.order_ref},
            "android": {**android, "notification": {"tag": out.message_id}},
            "apns": {"headers": apns},
            "webpush": {"headers": webpush},
        }
        return json_request("POST", self._path, {"message": content})

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        name = response.object().get("name")
        return Accepted(name) if isinstance(name, str) and name else None

    def problem(self, response: Response) -> Problem:
        error = response.object().get("error")
        if not isinstance(error, dict):
            return Problem(text=response.text)
        details = objects(error.get("details"))
        kinds = {str(row.get("@type", "")).rpartition(".")[2]: row for row in details}
        code = str(kinds.get("FcmError", {}).get("errorCode") or error.get("status") or "")
        fields = [str(row.get("field", "")) for row in objects(kinds.get("BadRequest", {}).get("fieldViolations"))]
        if code == "INVALID_ARGUMENT" and fields and not {"message.token", "message.fid"} & set(fields):
            code = "INVALID_ARGUMENT/BadRequest"
        return Problem(code=code, text=str(error.get("message") or ""))

    def check_request(self) -> Request:
        content = {"topic": "tether-check", "notification": {"title": "Tether", "body": "A check: nobody gets this."}}
        return json_request("POST", self._path, {"validate_only": True, "message": content})

    def read_check(self, response: Response) -> Health:
        return Health(ok=True, summary=f"{self._key.client_email} may send")


def _load(where: str) -> tuple[_Key, rsa.RSAPrivateKey]:
    """The key of a service account: `where` is its file, or the file's own JSON. Read once, at the start."""
    remedy = f"make one at {Fcm.console}, and put the path of its file in .env"
    try:
        text = where if where.startswith("{") else Path(where).read_text(encoding="utf-8")
        key = msgspec.json.decode(text, type=_Key)
        signer = _signer(key.private_key)
    except OSError as error:
        raise Misconfigured(
            f"GOOGLE_APPLICATION_CREDENTIALS: {where}: {error.strerror or 'can not be read'}; {remedy}"
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Misconfigured(f"GOOGLE_APPLICATION_CREDENTIALS is no key of a service account; {remedy}") from error
    if not isinstance(signer, rsa.RSAPrivateKey):
        raise Misconfigured(f"GOOGLE_APPLICATION_CREDENTIALS holds no RSA key; {remedy}")
    return key, signer


@lru_cache(maxsize=1)
def _signer(pem: str) -> PrivateKeyTypes:
    """Its primes are checked once, which takes a Pi a while: each reload reads the same key."""
    return serialization.load_pem_private_key(pem.encode(), password=None)


def _base64(data: bytes) -> str:
    """Base64url without padding, as JWTs have it (RFC 7515)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()
