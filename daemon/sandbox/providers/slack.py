"""Slack Web API: chat.postMessage, auth.test, conversations.open and history (https://docs.slack.dev/reference/methods).

Nearly everything is answered with HTTP 200: `ok` decides.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.fate import Fate, fate_of
from daemon.sandbox.providers.base import Provider, Routes, as_object, as_text

_CHANNEL = re.compile(r"[CGDU][A-Z0-9]+(-[a-z]+)?|#[\w-]+")
_FATES = {Fate.INVALID: "channel_not_found", Fate.OPTED_OUT: "cannot_dm_bot", Fate.UNDELIVERED: "is_archived"}


class Slack(Provider):
    name = "slack"
    medium = "chat"
    secrets: ClassVar[Mapping[str, str]] = {
        "SLACK_BOT_TOKEN": "-".join(("xoxb", "sandbox", "token")),
    }
    table: ClassVar[Mapping[str, Any]] = {"channel": "C0123ABCD"}

    def routes(self) -> Routes:
        return {
            "POST /api/chat.postMessage": self.post_message,
            "POST /api/auth.test": self.auth_test,
            "GET /api/auth.test": self.auth_test,
            "POST /api/conversations.open": self.open,
            "GET /api/conversations.history": self.history,
            "POST /api/conversations.history": self.history,
        }

    def authorize(self, call: Call) -> None:
        token = call.token()
        if token != self.world.secrets["SLACK_BOT_TOKEN"]:
            raise self.refuse(200, "invalid_auth" if token else "not_authed")

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        names = {400: "invalid_arguments", 404: "unknown_method", 405: "unknown_method", 429: "ratelimited"}
        return reply(status, {"ok": False, "error": code or names.get(status, "internal_error")})

    def malformed(self, text: str) -> Response:
        return self.problem(200, "invalid_json")

    # ------------------------------------------------------------ calls

    def post_message(self, call: Call) -> Response:
        fields = self._fields(call)
        channel, text = as_text(fields.get("channel")), as_text(fields.get("text"))
        if not channel or not _CHANNEL.fullmatch(channel):
            raise self.refuse(200, "channel_not_found")
        if (fate := fate_of(channel)) in _FATES:
            raise self.refuse(200, _FATES[fate])
        text = text or as_text(fields.get("markdown_text"))
        if not text and not fields.get("blocks") and not fields.get("attachments"):
            raise self.refuse(200, "no_text")
        if len(text) > 40_000:
            raise self.refuse(200, "msg_too_long")
        if isinstance(fields.get("blocks"), list) and len(fields["blocks"]) > 50:
            raise self.refuse(200, "invalid_blocks")
        metadata = self._metadata(fields.get("metadata"))
        ts = f"{call.now // 1000}.{self.world.mailbox.next_seq % 1_000_000:06d}"
        payload = as_object(metadata.get("event_payload"))
        self.accept(
            call,
            id=ts,
            to=channel,
            text=_unescape(text),
            reference=as_text(payload.get("ref")) or next((v for v in payload.values() if isinstance(v, str)), ""),
            data={"blocks": fields["blocks"]} if fields.get("blocks") else {},
        )
        message = {"type": "message", "text": text, "bot_id": "B19LU7CSY", "ts": ts, "user": "U19LU7CSY"}
        return reply(200, {"ok": True, "channel": channel, "ts": ts, "message": message})

    def auth_test(self, call: Call) -> Response:
        who = {
            "team": "Sandbox",
            "team_id": "T12345678",
            "user": "tether",
            "user_id": "U12345678",
            "bot_id": "B12345678",
        }
        return reply(200, {"ok": True, "url": "https://sandbox.slack.com/", "is_enterprise_install": False, **who})

    def open(self, call: Call) -> Response:
        users = as_text(self._fields(call).get("users"))
        if not users or fate_of(users) is Fate.INVALID:
            raise self.refuse(200, "user_not_found")
        return reply(200, {"ok": True, "channel": {"id": f"D{users[1:]}"}})

    def history(self, call: Call) -> Response:
        fields = call.query if call.method == "GET" else self._fields(call)
        try:
            oldest, limit = float(fields.get("oldest") or 0), int(fields.get("limit") or 100)
        except (TypeError, ValueError) as error:
            raise self.refuse(200, "invalid_arguments") from error
        held = [a for a in self.mine(as_text(fields.get("channel"))) if float(a.id) >= oldest]
        messages = [
            {
                "type": "message",
                "ts": a.id,
                "text": a.text,
                "bot_id": "B19LU7CSY",
                "metadata": {"event_type": "order_status", "event_payload": {"ref": a.reference}},
            }
            for a in held[:limit]
        ]
        if str(fields.get("include_all_metadata", "")).lower() != "true":
            messages = [{k: v for k, v in m.items() if k != "metadata"} for m in messages]
        return reply(200, {"ok": True, "messages": messages, "has_more": len(held) > limit})

    # ------------------------------------------------------------ parts

    def _fields(self, call: Call) -> dict[str, Any]:
        if call.media_type == "application/json":
            return dict(as_object(call.json))
        if call.media_type == "application/x-www-form-urlencoded":
            return {name: values[0] for name, values in call.form.items()}
        raise self.refuse(200, "invalid_post_type" if call.media_type else "missing_post_type")

    def _metadata(self, value: Any) -> Any:
        if isinstance(value, str):
            try:
                value = msgspec.json.decode(value)
            except msgspec.DecodeError as error:
                raise self.refuse(200, "invalid_arguments") from error
        metadata = as_object(value)
        if metadata and not (metadata.get("event_type") and isinstance(metadata.get("event_payload"), dict)):
            raise self.refuse(200, "invalid_metadata_format")
        return metadata


def _unescape(text: str) -> str:
    """As it is shown: Slack wants these three escaped."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
