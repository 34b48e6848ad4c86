"""Telegram's Bot API: https://core.telegram.org/bots/api (sendMessage, getMe, setWebhook, Update), read 2026-11.

Refusals stand as the Bot API server words them (github.com/tdlib/telegram-bot-api, Client.cpp and Query.cpp): HTTP's status again as `error_code`, and a `description`
that begins with its name; a 429 has `parameters.retry_after` and a Retry-After header. The vendor publishes no OpenAPI description. UNVERIFIED against a
live bot: "bot can't initiate conversation with a user" and "message is too long", which come from Telegram's own servers and are no part of that source.
"""

import json
from typing import Any

from daemon.channels.base import InboundRequest, Reply
from daemon.sandbox.config import CREDENTIALS
from tests.support.channel_case import Answer, Case, Hook, Variant, inbound, says

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
BOT = f"/bot{CREDENTIALS['TELEGRAM_BOT_TOKEN']}"
"""Where the stand-in has it."""
SECRET = "a-Secret_of_setWebhook"
CHAT = "5551230987"
ADA = {"id": int(CHAT), "is_bot": False, "first_name": "Ada"}
PRIVATE = {"id": int(CHAT), "first_name": "Ada", "type": "private"}
SENT = {
    "ok": True,
    "result": {
        "message_id": 42,
        "from": {"id": 110201543, "is_bot": True, "first_name": "Balloon Loft", "username": "balloon_loft_bot"},
        "chat": PRIVATE,
        "date": 1795515300,
        "text": "Order B-1042 is ready.",
    },
}
ME = {"ok": True, "result": {"id": 110201543, "is_bot": True, "first_name": "Loft", "username": "balloon_loft_bot"}}
FORBIDDEN = (
    "bot was blocked by the user",
    "bot can't initiate conversation",
    "user is deactivated",
    "bot was kicked",
    "bot is not a member",
    "group chat was deleted",
)


def refused(status: int, words: str, **parameters: Any) -> Answer:
    name = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 429: "Too Many Requests"}.get(
        status, "Not Found"
    )
    more = {"parameters": parameters} if parameters else {}
    return says(
        {"ok": False, "error_code": status, "description": f"{name}: {words}" if words else name, **more}, status
    )


def error(code: str, words: str) -> Answer:
    if code == "Too Many Requests":
        return refused(429, words)
    return refused(403 if code in FORBIDDEN else 400, f"{code} {words}")


def posted(update: Any, *, secret: str | None = SECRET) -> InboundRequest:
    """An Update as Telegram posts it: the secret of setWebhook comes as it is, and nothing is signed."""
    return inbound(json.dumps(update), {"X-Telegram-Bot-Api-Secret-Token": secret} if secret is not None else {})


def message(text: str, **changes: Any) -> dict[str, Any]:
    said = {"message_id": 43, "from": ADA, "chat": PRIVATE, "date": 1795515300, "text": text, **changes}
    return {"update_id": 9001, "message": said}


def member(status: str) -> dict[str, Any]:
    bot = {"id": 110201543, "is_bot": True, "first_name": "Balloon Loft"}
    old, new = {"user": bot, "status": "member"}, {"user": bot, "status": status}
    change = {"chat": PRIVATE, "from": ADA, "date": 1795515300, "old_chat_member": old, "new_chat_member": new}
    return {"update_id": 9002, "my_chat_member": change}


GROUP = message("Who packs B-1042?", chat={"id": -1001234567890, "type": "supergroup", "title": "Team"})
CASE = Case(
    settings={"chat": "-1001234567890"},
    secrets={"TELEGRAM_BOT_TOKEN": TOKEN},
    receipt_secrets={"TELEGRAM_WEBHOOK_SECRET": SECRET},
    out={"to": CHAT},
    steps={
        r"POST https://api\.telegram\.org/bot[^/]+/sendMessage": says(SENT),
        r"GET https://api\.telegram\.org/bot[^/]+/getMe": says(ME),
    },
    write=r"POST .*/sendMessage",
    provider_id=f"{CHAT}:42",
    error=error,
    codes={
        "bot was blocked by the user": "rejected:recipient:opted_out",
        **dict.fromkeys(FORBIDDEN[1:], "rejected:recipient"),
        **dict.fromkeys(
            ("chat not found", "group chat was upgraded to a supergroup chat", "not enough rights"),
            "rejected:recipient",
        ),
        **dict.fromkeys(("message is too long", "text is too long", "message text is empty"), "rejected:message"),
        "Too Many Requests": "deferred:throttled",
    },
    statuses={403: "rejected:recipient"},
    rows=[
        (refused(401, ""), "rejected:channel"),
        (refused(401, "invalid token specified"), "rejected:channel"),
        (refused(404, ""), "rejected:channel"),
        (refused(400, "chat not found"), "rejected:recipient"),
        (refused(400, "private chat not found"), "rejected:recipient"),
        (refused(400, "not enough rights to send text messages to the chat"), "rejected:recipient"),
        (refused(403, "bot can't initiate conversation with a user"), "rejected:recipient"),
        (refused(403, "the group chat was deleted"), "rejected:recipient"),
        (refused(403, "bot was kicked from the supergroup chat"), "rejected:recipient"),
        (refused(429, "retry after 35", retry_after=35), "deferred:throttled@35"),
        (refused(400, "group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1009), "rejected:recipient"),
        (says({"ok": False, "error_code": 400, "description": "Bad Request: of tomorrow"}, 400), "rejected:message"),
        (
            says({"ok": False, "error_code": 406, "description": "Not Acceptable: FROZEN_METHOD_INVALID"}, 406),
            "rejected:channel",
        ),
        (says({"ok": False, "error_code": 500, "description": "Internal Server Error: restart"}, 500), "unknown"),
        (says({"ok": True, "result": {}}), "unknown"),
        (says({"ok": True, "result": True}), "unknown"),
    ],
    hooks=[
        Hook(
            request=posted(message("Merci")),
            replies=[Reply(address=CHAT, text="Merci", id="9001")],
            forged=[
                posted(message("Merci"), secret="another"),
                posted(message("Merci"), secret=None),
                posted(message("x"), secret=""),
            ],
        ),
        Hook(request=posted(message("/stop")), replies=[Reply(address=CHAT, text="/stop", id="9001", consent="stop")]),
        Hook(
            request=posted(message("/start B-1042")),
            replies=[Reply(address=CHAT, text="/start B-1042", id="9001", consent="start")],
        ),
        Hook(request=posted(member("kicked")), replies=[Reply(address=CHAT, id="9002", consent="stop")]),
        Hook(request=posted(member("member")), replies=[Reply(address=CHAT, id="9002", consent="start")]),
        Hook(request=posted(GROUP)),
        Hook(request=posted(message("ours", **{"from": {"id": 1, "is_bot": True}}))),
        Hook(request=posted(message(" "))),
        Hook(request=posted({"update_id": 1, "edited_message": message("x")["message"]})),
    ],
    shapes=[(posted, message("/stop")), (posted, member("kicked"))],
    variants=[Variant(out={"to": "-1001234567890"}), Variant(out={"to": "@balloon_loft_news"})],
    good=[
        (
            f"{BOT}/sendMessage",
            {"chat_id": int(CHAT), "text": "Order B-1042 is ready.", "link_preview_options": {"is_disabled": True}},
        ),
    ],
    bad=[
        ("/bot110201543:another/sendMessage", {"chat_id": CHAT, "text": "x"}, 401, '"description":"Unauthorized"'),
        (f"{BOT}/sendMessage", {"text": "x"}, 400, "Bad Request: chat_id is empty"),
        (f"{BOT}/sendMessage", {"chat_id": "+447700900123", "text": "x"}, 400, "Bad Request: chat not found"),
        (f"{BOT}/sendMessage", {"chat_id": "5550903", "text": "x"}, 400, "Bad Request: chat not found"),
        (f"{BOT}/sendMessage", {"chat_id": 5550902, "text": "x"}, 403, "Forbidden: bot was blocked by the user"),
        (f"{BOT}/sendMessage", {"chat_id": 5550901, "text": "x"}, 403, "Forbidden: user is deactivated"),
        (f"{BOT}/sendMessage", {"chat_id": CHAT, "text": " "}, 400, "Bad Request: message text is empty"),
        (f"{BOT}/sendMessage", {"chat_id": CHAT, "text": "x" * 4097}, 400, "Bad Request: message is too long"),
        (f"{BOT}/sendMail", {}, 404, '"description":"Not Found'),
    ],
)
