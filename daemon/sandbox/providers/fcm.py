"""Firebase Cloud Messaging, HTTP v1: token by service-account assertion, send (https://firebase.google.com/docs/reference/fcm/rest)."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.fate import Fate, fate_of
from daemon.sandbox.providers.base import Provider, Routes, as_object, as_text

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCE = "https://oauth2.googleapis.com/token"
SCOPES = frozenset(f"https://www.googleapis.com/auth/{name}" for name in ("firebase.messaging", "cloud-platform"))
LIFETIME = 3599
_TTL = re.compile(r"\d+(\.\d{1,9})?s")
_TARGETS = ("token", "fid", "topic", "condition")
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
           429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}  # fmt: skip


GOOGLE_FILE = "sandbox-google.json"
PROJECT = "sandbox-project"
CLIENT_EMAIL = "tether@sandbox-project.iam.gserviceaccount.com"


class Fcm(Provider):
    name = "fcm"
    medium = "push"
    table: ClassVar[Mapping[str, Any]] = {"project_id": PROJECT}

    def routes(self) -> Routes:
        return {"POST /v1/projects/{project}/messages:send": self.send}

    def authorize(self, call: Call) -> None:
        if not self.world.tokens.good(self.name, call.token(), call.now):
            raise self.refuse(401, "", "Request had invalid authentication credentials.")

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        """`code` is FCM's own errorCode, kept in the details."""
        known = code or {429: "QUOTA_EXCEEDED", 500: "INTERNAL", 503: "UNAVAILABLE"}.get(status, "")
        details = [{"@type": _FCM_ERROR, "errorCode": known}] if known else []
        name = _STATUS.get(status, "UNKNOWN")
        error = {"code": status, "message": text or name, "status": name}
        return reply(status, {"error": error | ({"details": details} if details else {})})

    def malformed(self, text: str) -> Response:
        return self._violation("message", text)

    # ------------------------------------------------------------ sending

    def send(self, call: Call, project: str) -> Response:
        body = as_object(call.json)
        message = as_object(body.get("message"))
        if project != PROJECT:
            return self.problem(404, "", "Requested entity was not found.")
        targets = [name for name in _TARGETS if message.get(name)]
        if len(targets) != 1:
            return self._violation("message", "Exactly one of token, fid, topic and condition must be set.")
        for field, value in as_object(message.get("data")).items():
            if not isinstance(value, str):
                return self._violation(
                    "message.data[0].value", f"Invalid value at 'message.data[0].value' (TYPE_STRING), {value}"
                )
            if field in ("from", "message_type") or field.startswith(("google.", "gcm.notification.")):
                return self._violation("message.data", f"Invalid data payload key: {field}")
        if problem := self._options(message):
            return self._violation(*problem)
        to = as_text(message[targets[0]])
        if targets[0] in ("token", "fid"):
            self._check_token(to)
        return reply(200, {"name": self._take(call, project, message, to, body)})

    def _options(self, message: Mapping[str, Any]) -> tuple[str, str] | None:
        android = as_object(message.get("android"))
        if "ttl" in android and not _TTL.fullmatch(as_text(android["ttl"])):
            return ("message.android.ttl", "Illegal duration format; duration must end with 's'")
        if str(android.get("priority", "HIGH")).upper() not in ("HIGH", "NORMAL"):
            return ("message.android.priority", "Invalid value (AndroidMessagePriority)")
        counted = {**as_object(message.get("notification")), **as_object(message.get("data"))}
        if sum(len(f"{name}{value}".encode()) for name, value in counted.items()) > 4096:
            return ("message", "Message is too big: at most 4096 bytes")
        return None

    def _check_token(self, token: str) -> None:
        fate = fate_of(token)
        if fate is Fate.INVALID:
            raise self.refuse(400, "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token")
        if fate is Fate.UNDELIVERED:
            raise self.refuse(404, "UNREGISTERED", "Requested entity was not found.")
        if fate is Fate.OPTED_OUT:
            raise self.refuse(403, "SENDER_ID_MISMATCH", "SenderId mismatch")

    def _take(self, call: Call, project: str, message: Mapping[str, Any], to: str, body: Mapping[str, Any]) -> str:
        if body.get("validate_only", body.get("validateOnly")):
            return f"projects/{project}/messages/fake_message_id"
        notification, data = as_object(message.get("notification")), as_object(message.get("data"))
        android = as_object(message.get("android"))
        id = f"projects/{project}/messages/0:{call.now * 1000}%{self.hex(16)}"
        self.accept(
            call,
            id=id,
            to=to,
            subject=as_text(notification.get("title")),
            text=as_text(notification.get("body")),
            reference=as_text(data.get("id") or data.get("message_id")),
            data={**data, "collapse_key": android.get("collapse_key", android.get("collapseKey", ""))},
        )
        return id

    def _violation(self, field: str, text: str) -> Response:
        details = [
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": field, "description": text}],
            }
        ]
        return reply(400, {"error": {"code": 400, "message": text, "status": "INVALID_ARGUMENT", "details": details}})

    # ------------------------------------------------------------ tokens

    @classmethod
    def files(cls, folder: Path) -> Mapping[str, str]:
        return {"GOOGLE_APPLICATION_CREDENTIALS": str(_service_account(folder))}

    def token_routes(self) -> Routes:
        return {"POST /token": self.token}

    def token(self, call: Call) -> Response:
        """POST {auth}/token"""
        if call.field("grant_type") != GRANT:
            return _grant_error("unsupported_grant_type", "Invalid grant_type")
        try:
            self._check_assertion(call.field("assertion"), call)
        except ValueError as error:
            return _grant_error("invalid_grant", str(error))
        token = self.world.tokens.issue(self.name, call.now, LIFETIME, prefix="ya29.")
        return reply(200, {"access_token": token, "expires_in": LIFETIME, "token_type": "Bearer"})

    def _check_assertion(self, assertion: str, call: Call) -> None:
        parts = assertion.split(".")
        if len(parts) != 3:
            raise ValueError("Bad Request: the assertion is no JWT")
        header, claims = _decoded(parts[0]), _decoded(parts[1])
        if header.get("alg") != "RS256":
            raise ValueError("Invalid JWT: alg must be RS256")
        if claims.get("iss") != CLIENT_EMAIL:
            raise ValueError("Invalid grant: account not found")
        if not SCOPES & set(str(claims.get("scope", "")).split()):
            raise ValueError("Invalid JWT: scope must be firebase.messaging or cloud-platform")
        own = str(claims.get("aud", "")).endswith("/auth/token")
        if claims.get("aud") != AUDIENCE and not own:
            raise ValueError(f"Invalid JWT: aud must be {AUDIENCE}")
        now, issued, expires = call.now / 1000, claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int) or not isinstance(expires, int) or not issued <= expires <= issued + 3600:
            raise ValueError("Invalid JWT: Token must be a short-lived token (60 minutes)")
        if not issued - 300 <= now < expires:
            raise ValueError("Invalid JWT: Token must be in a reasonable timeframe. Check your iat and exp values.")
        if self.world.google_key is not None:
            try:
                signed = f"{parts[0]}.{parts[1]}".encode()
                self.world.google_key.verify(_bytes(parts[2]), signed, PKCS1v15(), SHA256())
            except InvalidSignature as error:
                raise ValueError("Invalid JWT Signature.") from error


def _bytes(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("Invalid JWT: not base64url") from error


def _decoded(part: str) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(_bytes(part), type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ValueError("Invalid JWT: not a JSON object") from error


def _grant_error(error: str, text: str) -> Response:
    return reply(400, {"error": error, "error_description": text})


def google_key(folder: Path) -> rsa.RSAPublicKey:
    """The public half of the key in `folder`, which is made if it isn't there."""
    account = msgspec.json.decode(_service_account(folder).read_bytes(), type=dict[str, str])
    key = load_pem_private_key(account["private_key"].encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{folder / GOOGLE_FILE}: not an RSA key; remove the file, a new one is made")
    return key.public_key()


def _service_account(folder: Path) -> Path:
    path = folder / GOOGLE_FILE
    if path.exists():
        return path
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "sandbox",
        "private_key": pem.decode(),
        "client_email": CLIENT_EMAIL,
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(account))
    return path
