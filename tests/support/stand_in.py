"""Asking the sandbox's stand-ins without a server: they are functions of a call."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from multidict import CIMultiDict

from daemon.sandbox.config import CREDENTIALS
from daemon.sandbox.exchange import Call, Response
from daemon.sandbox.mailbox import Arrival, Mailbox
from daemon.sandbox.providers import make_providers
from daemon.sandbox.providers.base import World
from daemon.sandbox.providers.webhook import sign
from daemon.sandbox.tokens import Tokens
from daemon.sandbox.windows import Windows
from tests.support.channel_cases import CASES

NOW = 1_795_515_300_000
"""2026-11-24T10:15:00Z: where FakeClock starts."""
FORM = "application/x-www-form-urlencoded"
C = CREDENTIALS


class Said:
    """An answer as a client sees it."""

    def __init__(self, answer: Response) -> None:
        self.status = answer.status
        self.headers = CIMultiDict(answer.headers)
        self.text = answer.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class StandIns:
    """All of them on one mailbox, at a moment that `later` moves."""

    def __init__(self, *, secrets: Mapping[str, str] | None = None, google_key: RSAPublicKey | None = None) -> None:
        rng = Random(7)
        self.now = NOW
        self.mailbox = Mailbox(1000)
        self.tokens = Tokens(rng)
        self.windows = Windows()
        self.secrets = {**C, **(secrets or {})}
        self.world = World(self.mailbox, self.tokens, self.windows, self.secrets, rng, 1.0, google_key)
        self.providers = make_providers(self.world)

    def later(self, seconds: float) -> None:
        self.now += round(seconds * 1000)

    @property
    def last(self) -> Arrival:
        return list(self.mailbox)[-1]

    def call(
        self,
        name: str,
        method: str,
        path: str,
        *,
        form: Any = None,
        value: Any = None,
        body: bytes = b"",
        query: Mapping[str, str] | str = "",
        headers: Mapping[str, str] | None = None,
        signed: bool = True,
    ) -> Call:
        """A call with good credentials (`signed=False`: with none)."""
        given = CIMultiDict(headers or {})
        if form is not None:
            body = urlencode(form, doseq=True).encode()
            given.setdefault("Content-Type", FORM)
        if value is not None:
            body = json.dumps(value).encode()
            given.setdefault("Content-Type", "application/json")
        wire_query = query if isinstance(query, str) else urlencode(query)
        wire_path = f"/{name}{quote(path, safe='/:@._-~%')}"
        call = Call(
            method=method, wire_path=wire_path, wire_query=wire_query, path=path, headers=given, body=body, now=self.now
        )
        if signed:
            self._sign(name, call, given)
        return call

    def ask(self, name: str, method: str, path: str, **what: Any) -> Said:
        return self.answer(name, self.call(name, method, path, **what))

    def answer(self, name: str, call: Call) -> Said:
        return Said(self.providers[name].answer(call))

    def _sign(self, name: str, call: Call, headers: CIMultiDict[str]) -> None:
        if name in ("outlook", "fcm", "sfmc"):
            headers.setdefault("Authorization", f"Bearer {self.tokens.issue(name, self.now, 3600)}")
        elif name == "zoho":
            headers.setdefault("Authorization", f"Zoho-oauthtoken {self.tokens.issue(name, self.now, 3600)}")
        elif name == "ses":
            sign_aws(call, headers, C["AWS_ACCESS_KEY_ID"], C["AWS_SECRET_ACCESS_KEY"])
        elif name == "pusher":
            call.wire_query = pusher_query(call)
        elif name == "webhook":
            seconds = str(self.now // 1000)
            headers.setdefault("webhook-id", "m1.1".replace(".", "_"))
            headers.setdefault("webhook-timestamp", seconds)
            signature = sign(C["WEBHOOK_SECRET"], headers["webhook-id"], headers["webhook-timestamp"], call.body)
            headers.setdefault("webhook-signature", signature)
        for header, text in GOOD.get(name, {}).items():
            headers.setdefault(header, text)


GOOD: Mapping[str, Mapping[str, str]] = {name: case.proof for name, case in CASES.items()}


def pusher_query(call: Call, *, secret: str = C["PUSHER_SECRET"], seconds: int | None = None) -> str:
    """Signed by the written rules, independently of the stand-in."""
    query = {"auth_key": C["PUSHER_KEY"], "auth_timestamp": str(seconds or call.now // 1000), "auth_version": "1.0"}
    if call.body:
        query["body_md5"] = hashlib.md5(call.body).hexdigest()
    text = f"{call.method}\n{call.path}\n" + "&".join(f"{name}={query[name]}" for name in sorted(query))
    query["auth_signature"] = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return urlencode(query)


def sign_aws(call: Call, headers: CIMultiDict[str], key: str, secret: str, *, region: str = "eu-west-1") -> None:
    """botocore's own signer, at the call's time."""
    from botocore import auth as botocore_auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    at = datetime.fromtimestamp(call.now / 1000, UTC)
    request = AWSRequest(
        method=call.method,
        url=f"https://email.{region}.amazonaws.com{call.wire_path}",
        data=call.body,
        headers=dict(headers),
    )
    original = botocore_auth.get_current_datetime
    botocore_auth.get_current_datetime = lambda *a, **k: at.replace(tzinfo=None)
    try:
        botocore_auth.SigV4Auth(Credentials(key, secret), "ses", region).add_auth(request)
    finally:
        botocore_auth.get_current_datetime = original
    headers["Host"] = f"email.{region}.amazonaws.com"
    headers["X-Amz-Date"] = request.headers["X-Amz-Date"]
    headers["Authorization"] = request.headers["Authorization"]
