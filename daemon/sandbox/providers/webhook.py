"""A system of the store's own that takes Standard Webhooks (https://www.standardwebhooks.com): the signature is verified for real.

The same `webhook-id` again is answered well and has no second effect, as the standard asks of receivers.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, ClassVar

from daemon.sandbox.exchange import Call, Response, plain, reply
from daemon.sandbox.providers.base import Provider, Routes, as_object, as_text

TOLERANCE = 300
"""Seconds between `webhook-timestamp` and the receiver's clock."""


def sign(secret: str, id: str, timestamp: str, body: bytes) -> str:
    """The `v1` signature under a `whsec_` secret."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(mac.digest()).decode()}"


class Webhook(Provider):
    name = "webhook"
    medium = "chat"
    secrets: ClassVar[Mapping[str, str]] = {
        "WEBHOOK_SECRET": "whsec_" + "c2FuZGJveC1zYW5kYm94LXNhbmRib3gtMDAwMDA=",
    }

    @classmethod
    def settings(cls, url: str) -> dict[str, Any]:
        return {"url": f"{url}/webhook/store"}

    def routes(self) -> Routes:
        return {"POST ": self.receive, "POST /": self.receive, "POST /{path}": self.receive}

    def authorize(self, call: Call) -> None:
        id, timestamp = call.headers.get("webhook-id", ""), call.headers.get("webhook-timestamp", "")
        if not id or "." in id or not timestamp.isdecimal():
            raise self.refuse(400, "", "webhook-id and webhook-timestamp (unix seconds) are required")
        if abs(call.now / 1000 - int(timestamp)) > TOLERANCE:
            raise self.refuse(401, "", "the timestamp is too far from now")
        try:
            expected = sign(self.world.secrets["WEBHOOK_SECRET"], id, timestamp, call.body)
        except binascii.Error as error:
            raise ValueError("WEBHOOK_SECRET is not whsec_ and base64") from error
        given = call.headers.get("webhook-signature", "").split()
        if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in given):
            raise self.refuse(401, "", "the signature does not match")

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        return plain(status, text or "error")

    def receive(self, call: Call, path: str = "") -> Response:
        body = as_object(call.json)
        data = as_object(body.get("data"))
        id = call.headers["webhook-id"]
        self.accept(
            call,
            id=id,
            to=path or "webhook",
            subject=as_text(body.get("type")),
            text=_text(data),
            reference=id,
            data=body,
            repeat=self.world.mailbox.find(self.name, id) is not None,
        )
        return reply(200, {"ok": True})


def _text(data: Any) -> str:
    message = as_object(data.get("message"))
    return as_text(data.get("text")) or as_text(message.get("text"))
