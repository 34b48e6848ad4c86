"""What Meta's Graph API has in common for WhatsApp and Messenger: bearer or query token, and its error body."""

import hashlib
import hmac
from typing import Any

import msgspec

from daemon.sandbox.callback import Callback
from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.providers.base import Provider
from daemon.wire.event_types import EVENT_TYPES

TEMPLATES = {
    type: {"name": type.replace(".", "_"), "language": "en", "body": ["name", "order_ref"]} for type in EVENT_TYPES
}
"""The templates that a store turned to Meta's stand-ins has."""


class Graph(Provider):
    """`problem`'s code is Meta's, with a subcode after a slash: "10/2018278"."""

    credential: str
    """The name of the access token among the secrets."""
    signed_with: str
    """The name of the secret that webhooks are signed with."""
    says_when = False

    def authorize(self, call: Call) -> None:
        if (call.token() or call.query.get("access_token")) != self.world.secrets[self.credential]:
            raise self.refuse(401, "190", "Error validating access token")

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        fallback = {404: "803", 429: "4"}.get(status, "100" if status < 500 else "2")
        number, _, subcode = (code if code.replace("/", "").isdecimal() else fallback).partition("/")
        error: dict[str, Any] = {
            "message": f"(#{number}) {text or 'Error'}",
            "type": "OAuthException",
            "code": int(number),
            "fbtrace_id": f"A{self.hex(22)}",
        }
        if subcode:
            error["error_subcode"] = int(subcode)
        if status >= 500:
            error["is_transient"] = True
        return reply(status, {"error": error})

    def throttled(self, call: Call, seconds: float) -> Response:
        """As a 400, and without a Retry-After: the code decides."""
        return self.problem(400, "4", "Application request limit reached")

    def webhook(self, value: Any) -> Callback:
        """Signed as https://developers.facebook.com/docs/graph-api/webhooks/getting-started has it."""
        body = msgspec.json.encode(value)
        digest = hmac.new(self.world.secrets[self.signed_with].encode(), body, hashlib.sha256).hexdigest()
        return Callback({"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}, body)
