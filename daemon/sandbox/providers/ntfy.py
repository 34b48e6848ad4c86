"""ntfy: publish as JSON, poll, account (https://docs.ntfy.sh/publish/ and https://docs.ntfy.sh/subscribe/api/), on a server that lets in nobody without a token.

Answers are those of the real one (2.11), errors those of its server/errors.go.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.fate import Fate, fate_of
from daemon.sandbox.providers.base import Provider, Routes, as_object, as_text

_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
_MOST = 4096
_KEPT = 12 * 3600
_CODES = {400: 40000, 401: 40101, 403: 40301, 404: 40401, 413: 41303, 429: 42901, 507: 50701}
_WORDS = {
    40000: "invalid request",
    40007: "invalid priority parameter",
    40009: "invalid request: topic invalid",
    40014: "invalid request: attachments not allowed",
    40024: "invalid request: request body must be valid JSON",
    40101: "unauthorized",
    40301: "forbidden",
    40401: "page not found",
    41303: "JSON body too large",
    42901: "limit reached: too many requests",
    50001: "internal server error",
    50701: "cannot publish to UnifiedPush topic without previously active subscriber",
}


class Ntfy(Provider):
    name = "ntfy"
    medium = "push"
    secrets: ClassVar[Mapping[str, str]] = {"NTFY_TOKEN": "tk_sandboxsandboxsandboxsandbox0"}
    table: ClassVar[Mapping[str, Any]] = {"topic": "balloon-team"}
    says_when = False

    def routes(self) -> Routes:
        return {
            "POST /": self.publish,
            "PUT /": self.publish,
            "GET /{topic}/json": self.poll,
            "GET /v1/account": self.account,
        }

    def authorize(self, call: Call) -> None:
        """Who shows nothing is anonymous, and may do nothing here; a token that is none is told apart from that."""
        if not call.headers.get("Authorization"):
            raise self.refuse(403)
        if call.token() != self.world.secrets["NTFY_TOKEN"]:
            raise self.refuse(401)

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        number = int(code) if code.isdecimal() else _CODES.get(status, 50001 if status >= 500 else 40000)
        return reply(status, {"code": number, "http": status, "error": _WORDS.get(number) or text or "error"})

    def throttled(self, call: Call, seconds: float) -> Response:
        """Without a word on when."""
        return self.problem(429)

    def malformed(self, text: str) -> Response:
        return self.problem(400, "40024")

    # ------------------------------------------------------------ calls

    def publish(self, call: Call) -> Response:
        if len(call.body) > 2 * _MOST:
            raise self.refuse(413)
        fields = as_object(call.json)
        topic, priority = as_text(fields.get("topic")), fields.get("priority", 0)
        if not self._fits(fields):
            raise self.refuse(400, "40024")
        if not _TOPIC.fullmatch(topic):
            raise self.refuse(400, "40009")
        if fate_of(topic) is Fate.INVALID:
            raise self.refuse(403)
        if fate_of(topic) is Fate.UNDELIVERED:
            raise self.refuse(507)
        if priority not in range(6):
            raise self.refuse(400, "40007")
        text = as_text(fields.get("message")) or "triggered"
        if len(text.encode()) > _MOST:
            raise self.refuse(400, "40014")
        kept = {name: fields[name] for name in ("title", "priority", "tags", "click") if fields.get(name)}
        id = f"{self.hex(12)}"
        self.accept(call, id=id, to=topic, text=text, subject=as_text(fields.get("title")), data=kept)
        return reply(200, self._row(id, call.now, topic, text, kept))

    def _fits(self, fields: Mapping[str, Any]) -> bool:
        """Whether each field has its kind, as Go's decoder wants it."""
        kinds = {"topic": str, "message": str, "title": str, "click": str, "priority": int, "tags": list}
        good = all(isinstance(fields[name], kind) for name, kind in kinds.items() if fields.get(name) is not None)
        tags = fields.get("tags") or ()
        return good and fields.get("priority") not in (True, False) and all(isinstance(tag, str) for tag in tags)

    def poll(self, call: Call, topic: str) -> Response:
        """What is kept of a topic, a line each (`poll=1`); `since` is a unix time."""
        since = call.query.get("since", "")
        first = int(since) if since.isascii() and since.isdecimal() and len(since) < 12 else 0
        held = [one for one in self.mine(topic)[::-1] if one.at // 1000 >= first]
        rows = [self._row(one.id, one.at, topic, one.text, one.data) for one in held]
        body = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        return Response(200, body, {"Content-Type": "application/x-ndjson; charset=utf-8"})

    def account(self, call: Call) -> Response:
        return reply(200, {"username": "shop", "role": "user", "limits": {"basis": "ip", "messages": 17280}})

    def _row(self, id: str, at: int, topic: str, text: str, more: Mapping[str, Any]) -> dict[str, Any]:
        time = at // 1000
        return {
            "id": id,
            "time": time,
            "expires": time + _KEPT,
            "event": "message",
            "topic": topic,
            "message": text,
            **more,
        }
