"""Telegram Bot API: getMe and sendMessage (https://core.telegram.org/bots/api), and the updates that a webhook gets.

Refusals are worded as github.com/tdlib/telegram-bot-api words them. Parameters come as JSON, as a form or in the query.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from daemon.sandbox.callback import Callback, CustomerAct
from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.fate import Fate, fate_of
from daemon.sandbox.providers.base import Provider, Routes, as_object, whole, with_headers

_CHAT = re.compile(r"-?\d{1,16}|@\w{5,32}")
_MOST = 4096
_FATES = {
    Fate.INVALID: (400, "chat not found"),
    Fate.OPTED_OUT: (403, "bot was blocked by the user"),
    Fate.UNDELIVERED: (403, "user is deactivated"),
}
_NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
}


class Telegram(Provider):
    name = "telegram"
    medium = "chat"
    tells = frozenset({"writes"})
    secrets: ClassVar[Mapping[str, str]] = {
        "TELEGRAM_BOT_TOKEN": "110201543:sandbox-telegram-token",
        "TELEGRAM_WEBHOOK_SECRET": "sandbox-telegram-secret",
    }
    table: ClassVar[Mapping[str, Any]] = {"chat": "-1001234567890"}

    def routes(self) -> Routes:
        return {
            "GET /bot{token}/getMe": self.get_me,
            "POST /bot{token}/getMe": self.get_me,
            "GET /bot{token}/sendMessage": self.send_message,
            "POST /bot{token}/sendMessage": self.send_message,
        }

    def authorize(self, call: Call) -> None:
        """The token is in the path."""
        if call.path.split("/")[1] != f"bot{self.world.secrets['TELEGRAM_BOT_TOKEN']}":
            raise self.refuse(401)

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        name = _NAMES.get(status, "Internal Server Error" if status >= 500 else "Bad Request")
        words = code or text
        return reply(status, {"ok": False, "error_code": status, "description": f"{name}: {words}" if words else name})

    def throttled(self, call: Call, seconds: float) -> Response:
        wait = whole(seconds)
        words = {"description": f"Too Many Requests: retry after {wait}", "parameters": {"retry_after": int(wait)}}
        return with_headers(reply(429, {"ok": False, "error_code": 429, **words}), {"Retry-After": wait})

    # ------------------------------------------------------------ calls

    def get_me(self, call: Call, token: str) -> Response:
        bot = {
            "id": int(token.partition(":")[0]),
            "is_bot": True,
            "first_name": "Tether",
            "username": "tether_sandbox_bot",
        }
        return reply(200, {"ok": True, "result": bot})

    def send_message(self, call: Call, token: str) -> Response:
        fields = self._fields(call)
        chat, text = str(fields.get("chat_id", "")), fields.get("text")
        if not chat:
            raise self.refuse(400, "chat_id is empty")
        if not _CHAT.fullmatch(chat):
            raise self.refuse(400, "chat not found")
        if (fate := fate_of(chat)) in _FATES:
            status, words = _FATES[fate]
            raise self.refuse(status, words)
        if not isinstance(text, str) or not text.strip():
            raise self.refuse(400, "message text is empty")
        if len(text) > _MOST:
            raise self.refuse(400, "message is too long")
        arrival = self.accept(call, id="", to=chat, text=text, sender=token.partition(":")[0])
        message = {
            "message_id": arrival.seq,
            "from": {"id": int(token.partition(":")[0]), "is_bot": True, "first_name": "Tether"},
            "chat": {"id": int(chat), "type": "private"} if chat.isdecimal() else {"id": chat, "type": "supergroup"},
            "date": call.now // 1000,
            "text": text,
        }
        return reply(200, {"ok": True, "result": message})

    def _fields(self, call: Call) -> Mapping[str, Any]:
        if call.media_type == "application/json":
            return as_object(call.json)
        form = {name: values[0] for name, values in call.form.items()} if call.method == "POST" else {}
        return {**call.query, **form}

    # ------------------------------------------------------------ the store's webhook

    def callback(self, word: CustomerAct, url: str) -> Callback:
        person = {"id": int(word.customer), "is_bot": False, "first_name": "Customer"}
        chat = {"id": int(word.customer), "type": "private"}
        message = {
            "message_id": int(self.digits(6)),
            "from": person,
            "chat": chat,
            "date": word.at // 1000,
            "text": word.text,
        }
        body = msgspec.json.encode({"update_id": int(self.digits(9)), "message": message})
        secret = self.world.secrets["TELEGRAM_WEBHOOK_SECRET"]
        return Callback({"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": secret}, body)
