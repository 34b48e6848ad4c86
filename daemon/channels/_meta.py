"""What WhatsApp and Messenger share, both being Meta's Graph API: the bearer token, errors, templates, and signed webhooks.

https://developers.facebook.com/docs/graph-api/guides/error-handling (2026-11). The code in the body decides: limits and closed
windows come as 400 like everything else.
"""

import hashlib
import hmac
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from daemon.channels._http import HttpChannel
from daemon.channels._values import values_of
from daemon.channels._verdict import Problem, Verdict, channel, later, message, throttled
from daemon.channels.base import HttpSettings, Inbound, InboundRefused, InboundRequest, Outgoing
from daemon.config import Table
from daemon.http import Http, Request, Response

_TOKEN = "make a new token of a system user in Meta's Business settings and put it in .env"  # noqa: S105 - a remedy, not a secret
RIGHT = "give the token the permission to send: Meta's Business settings, System users, Assign assets"

GRAPH_CODES: Mapping[str, Verdict] = {
    "0": channel(_TOKEN),
    "1": later(),
    "2": later(),
    "3": channel(RIGHT),
    "4": throttled(60),
    "10": channel(RIGHT),
    "100": message("Meta does not take this request: compare the template's name, language and fields with its own"),
    "190": channel(_TOKEN),
    "200": channel(RIGHT),
    "transient": later(),
}
"""Codes that mean the same on both; "200" stands for 200 to 299, "transient" for anything that says `is_transient`."""


class GraphTemplate(Table, frozen=True, kw_only=True):
    """One template approved at Meta. `header` and `body` name our fields, in the order of its placeholders."""

    name: str
    language: str = "en"
    languages: Mapping[str, str] = {}
    """A customer's locale or language -> the template's own ("de" = "de_DE"); others get `language`."""
    header: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    button: str = ""
    """The field that completes the URL of its first button."""
    named: bool = False
    """Its placeholders have names, ours."""

    def language_for(self, locale: str) -> str:
        """The template's language for a customer: theirs exactly, then its first part, then the default."""
        return self.languages.get(locale) or self.languages.get(locale.replace("_", "-").split("-")[0]) or self.language

    def filled(self, out: Outgoing) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
        """The template as both APIs want it, without its button; the parts; and the button's text ("" without one)."""
        known = values_of(out)
        parts = [
            {"type": kind, "parameters": [self._parameter(name, known) for name in names]}
            for kind, names in (("header", self.header), ("body", self.body))
            if names
        ]
        head = {"name": self.name, "language": {"code": self.language_for(out.locale)}}
        return head, parts, _line(known.get(self.button, "")) if self.button else ""

    def _parameter(self, name: str, known: Mapping[str, str]) -> dict[str, str]:
        value = {"type": "text", "text": _line(known.get(name, ""))}
        return {**value, "parameter_name": name} if self.named else value


def _line(text: str) -> str:
    """A parameter may hold neither line breaks nor be empty."""
    return " ".join(text.split()) or "-"


class GraphSettings(HttpSettings, frozen=True, kw_only=True):
    version: str = "v25.0"
    """Of the Graph API; a version lives about two years."""
    templates: Mapping[str, GraphTemplate] = {}
    """Event type -> template."""
    to: str = ""
    """The team's own address on this channel."""
    appsecret_proof: bool = False
    """Add the proof that an app with "Require App Secret" asks for."""


class GraphChannel(HttpChannel):
    """A channel of Meta's. The subclass names its secrets and reads its own webhooks (`events`)."""

    origin = "https://graph.facebook.com"
    console = "developers.facebook.com, your app"
    ambiguous_5xx = True
    token_secret: ClassVar[str]
    app_secret: ClassVar[str]
    verify_secret: ClassVar[str]

    settings: GraphSettings

    def __init__(self, settings: GraphSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self.headers = {"Authorization": f"Bearer {self.secret[self.token_secret]}"}

    def destination(self) -> str | None:
        return self.settings.to or None

    def request(self, method: str, path: str, body: Any = None, query: tuple[tuple[str, str], ...] = ()) -> Request:
        """A call of this version of the API, in the token's name."""
        headers = {**self.headers, "Content-Type": "application/json"} if body is not None else self.headers
        content = msgspec.json.encode(body) if body is not None else b""
        if self.settings.appsecret_proof and self.app_secret in self.secret:
            proof = hmac.new(
                self.secret[self.app_secret].encode(), self.secret[self.token_secret].encode(), hashlib.sha256
            )
            query = (*query, ("appsecret_proof", proof.hexdigest()))
        return Request(
            method=method, path=f"/{self.settings.version}{path}", query=query, headers=headers, body=content
        )

    def problem(self, response: Response) -> Problem:
        error = response.object().get("error")
        if not isinstance(error, dict):
            return Problem(text=response.text)
        data = error.get("error_data")
        details = data.get("details") if isinstance(data, dict) else None
        return Problem(code=self.code_of(error), text=str(details or error.get("message") or ""))

    def code_of(self, error: Mapping[str, Any]) -> str:
        """Meta's code as CODES writes it: with its subcode where that says more ("10/2018278")."""
        code, sub = str(error.get("code", "")), str(error.get("error_subcode", ""))
        if f"{code}/{sub}" in self.CODES:
            return f"{code}/{sub}"
        if code not in self.CODES and code.isdigit() and 200 <= int(code) <= 299:
            return "200"
        if code not in self.CODES and error.get("is_transient") is True:
            return "transient"
        return code

    # webhooks

    @abstractmethod
    def events(self, body: Mapping[str, Any]) -> Inbound:
        """What a webhook means whose signature holds."""

    def receive(self, request: InboundRequest) -> Inbound:
        if request.method == "GET":
            return self._subscribed(dict(request.query))
        secret = self.secret.get(self.app_secret)
        if not secret:
            raise InboundRefused(f"{self.app_secret} is needed to check Meta's signature: put it in .env", status=503)
        due = "sha256=" + hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(due.encode(), request.headers.get("x-hub-signature-256", "").encode()):
            raise InboundRefused(f"the signature does not hold: is {self.app_secret} the secret of the app that calls?")
        try:
            body = msgspec.json.decode(request.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InboundRefused("the body is not a JSON object", status=400) from error
        return self.events(body)

    def _subscribed(self, query: Mapping[str, str]) -> Inbound:
        """Meta's question when the webhook is entered in its console: it wants its challenge back."""
        token = self.secret.get(self.verify_secret, "")
        asked = query.get("hub.verify_token", "")
        if not token or not hmac.compare_digest(token.encode(), asked.encode()):
            raise InboundRefused(f"the verify token is not {self.verify_secret} of .env", status=403)
        return Inbound(answer=query.get("hub.challenge", "").encode())
