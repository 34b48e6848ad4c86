"""Pusher Channels' HTTP API: events, batch, channels (https://pusher.com/docs/channels/library_auth_reference/rest-api).

Signatures are verified for real, over the exact body. Answers carry no id.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from daemon.sandbox.exchange import Call, Response, plain, reply
from daemon.sandbox.providers.base import Provider, Routes, as_list, as_object, as_text

_CHANNEL = re.compile(r"[-a-zA-Z0-9_=@,.;]{1,200}")
_SOCKET = re.compile(r"\d+\.\d+")
MAX_AGE = 600
"""Seconds between `auth_timestamp` and the server's clock."""


def signature(secret: str, method: str, path: str, query: Mapping[str, str]) -> str:
    """`auth_signature` for these query parameters (itself left out)."""
    pairs = sorted((name.lower(), value) for name, value in query.items() if name != "auth_signature")
    text = f"{method}\n{path}\n{'&'.join(f'{name}={value}' for name, value in pairs)}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


class Pusher(Provider):
    name = "pusher"
    medium = "push"
    secrets: ClassVar[Mapping[str, str]] = {
        "PUSHER_APP_ID": "3",
        "PUSHER_KEY": "sandbox-pusher-key",
        "PUSHER_SECRET": "sandbox-pusher-secret",
    }
    table: ClassVar[Mapping[str, Any]] = {"cluster": "eu"}

    def routes(self) -> Routes:
        return {
            "POST /apps/{app}/events": self.trigger,
            "POST /apps/{app}/batch_events": self.batch,
            "GET /apps/{app}/channels": self.channels,
            "GET /apps/{app}/channels/{channel}": self.channel,
        }

    def authorize(self, call: Call) -> None:
        query, secrets = call.query, self.world.secrets
        if call.path.split("/")[2] != secrets["PUSHER_APP_ID"]:
            raise self.refuse(404, "", "Unknown app")
        if query.get("auth_key") != secrets["PUSHER_KEY"] or query.get("auth_version") != "1.0":
            raise self.refuse(401, "", "Unknown auth_key")
        timestamp = query.get("auth_timestamp", "")
        if not timestamp.isdecimal() or abs(call.now / 1000 - int(timestamp)) > MAX_AGE:
            raise self.refuse(401, "", "Timestamp expired: the given timestamp is not within 600s of the server's")
        if call.body and query.get("body_md5") != hashlib.md5(call.body, usedforsecurity=False).hexdigest():
            raise self.refuse(401, "", "Invalid signature: body_md5 does not match the body")
        expected = {
            signature(secrets["PUSHER_SECRET"], call.method, path, query) for path in (call.path, call.wire_path)
        }
        if query.get("auth_signature") not in expected:
            raise self.refuse(
                401, "", "Invalid signature: you should have sent HmacSHA256Hex over method, path and query"
            )

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        return plain(status, f"{text or 'error'}\n")

    # ------------------------------------------------------------ calls

    def trigger(self, call: Call, app: str) -> Response:
        body = as_object(call.json)
        channels = as_list(body.get("channels")) if "channels" in body else [body.get("channel")]
        if not 1 <= len(channels) <= 100:
            raise self.refuse(400, "", "The channels list must have 1 to 100 names")
        for channel in channels:
            self._check(body, as_text(channel))
        for channel in channels:
            self._take(call, body, as_text(channel))
        return reply(200, {})

    def batch(self, call: Call, app: str) -> Response:
        batch = [as_object(event) for event in as_list(as_object(call.json).get("batch"))]
        if not 1 <= len(batch) <= 10:
            raise self.refuse(400, "", "The batch must have 1 to 10 events")
        for event in batch:
            self._check(event, as_text(event.get("channel")))
        for event in batch:
            self._take(call, event, event["channel"])
        return reply(200, {})

    def channels(self, call: Call, app: str) -> Response:
        return reply(200, {"channels": {}})

    def channel(self, call: Call, app: str, channel: str) -> Response:
        return reply(200, {"occupied": True, "subscription_count": 1})

    def _check(self, event: Mapping[str, Any], channel: str) -> None:
        name, data = as_text(event.get("name")), event.get("data")
        if not name or len(name) > 200:
            raise self.refuse(400, "", "Missing or too long event name")
        if not isinstance(data, str):
            raise self.refuse(400, "", "data must be a string")
        if len(data.encode()) > 10_240:
            raise self.refuse(413, "", "The data content of this event exceeds the allowed maximum (10240 bytes)")
        if not _CHANNEL.fullmatch(channel):
            raise self.refuse(400, "", f"Invalid channel name {channel!r}")
        if "socket_id" in event and not _SOCKET.fullmatch(as_text(event["socket_id"])):
            raise self.refuse(400, "", "Invalid socket id")

    def _take(self, call: Call, event: Mapping[str, Any], channel: str) -> None:
        try:
            data = msgspec.json.decode(event["data"])
        except msgspec.DecodeError:
            data = event["data"]  # any string is allowed
        fields = as_object(data)
        self.accept(
            call,
            id="",
            to=channel,
            subject=event["name"],
            text=as_text(fields.get("text") or fields.get("body")) or event["data"],
            reference=str(fields.get("id") or ""),
            data={"event": event["name"], "data": data},
        )
