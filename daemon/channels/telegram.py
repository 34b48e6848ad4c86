"""Telegram Bot API, sendMessage: https://core.telegram.org/bots/api#sendmessage (2026-11; errors as github.com/tdlib/telegram-bot-api words them).

Quirks: the token stands in the path; codes are HTTP's, so the description decides; a bot may write to nobody who has not begun the chat;
nothing can be looked up, and nothing tells delivery. Limits are the FAQ's: some 30 messages a second, 20 a minute into one group.
A few lines over the usual for two ways of being silenced.
UNVERIFIED (Telegram's own servers say it, the published source does not): "bot can't initiate conversation", "message is too long".
"""

import hmac
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from daemon.channels._http import HttpChannel
from daemon.channels._verdict import Problem, Verdict, channel, message, recipient, throttled
from daemon.channels.base import Health, HttpSettings, Inbound, InboundRefused, InboundRequest, Outgoing, Reply
from daemon.http import Http, Request, Response, json_request
from outbox.outcome import Accepted

_TOKEN = "copy the bot's token again: @BotFather, /mybots, API Token; put it into .env as TELEGRAM_BOT_TOKEN"  # noqa: S105 - advice
_GROUP = "add the bot to that group or channel again (to a channel as an administrator), or choose another chat"
_PERSON = "they must write to the bot first: t.me/ and its name"
_Wish: TypeAlias = Literal["stop", "start"]
_COMMANDS: Mapping[str, _Wish] = {"/stop": "stop", "/start": "start"}
_MEMBERS: Mapping[str, _Wish] = {"kicked": "stop", "member": "start"}
"""What a person's `my_chat_member` means: "kicked" is that they blocked the bot."""


class TelegramSettings(HttpSettings, frozen=True, kw_only=True):
    chat: str = ""
    """Where the team reads: a group's id ("-100..."), or "@name" of a public channel."""


class Telegram(HttpChannel):
    name = "telegram"
    medium = "chat"
    title = "Telegram"
    known_to_customers = True
    address_kinds = ("telegram",)
    ships_as = ("chat", "team")
    rank = 40
    Settings = TelegramSettings
    secrets = ("TELEGRAM_BOT_TOKEN",)
    optional_secrets = ("TELEGRAM_WEBHOOK_SECRET",)
    asked = ("chat",)
    console = "@BotFather, /mybots, API Token"
    origin = "https://api.telegram.org"
    default_rate = 20
    default_concurrency = 2

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "bot was blocked by the user": recipient("they blocked the bot", opted_out=True),
        **dict.fromkeys(("bot can't initiate conversation", "chat not found"), recipient(_PERSON)),
        "user is deactivated": recipient("this account is gone"),
        "group chat was upgraded to a supergroup chat": recipient(
            "the group has a new id: put it in the old one's place"
        ),
        **dict.fromkeys(
            ("bot was kicked", "bot is not a member", "group chat was deleted", "not enough rights"), recipient(_GROUP)
        ),
        **dict.fromkeys(("message is too long", "text is too long", "message text is empty"), message()),
        "Too Many Requests": throttled(),
    }
    STATUSES: ClassVar[Mapping[int, Verdict]] = {
        403: recipient(_GROUP),
        404: channel(_TOKEN),
        406: channel("Telegram has frozen this bot: @BotFather and @SpamBot say why"),
        421: channel(_TOKEN),
    }

    settings: TelegramSettings

    def __init__(self, settings: TelegramSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self._path = f"/bot{self.secret['TELEGRAM_BOT_TOKEN']}"

    def destination(self) -> str | None:
        return self.settings.chat or None

    def build(self, out: Outgoing) -> Request:
        value = {"chat_id": out.to, "text": out.rendered.text, "link_preview_options": {"is_disabled": True}}
        return json_request("POST", f"{self._path}/sendMessage", value)

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        result = response.object().get("result")
        number = result.get("message_id") if isinstance(result, dict) else None
        return Accepted(f"{out.to}:{number}") if response.object().get("ok") is True and number else None

    def problem(self, response: Response) -> Problem:
        """Its words tell what it is: `error_code` repeats the status, and may change, as Telegram says itself."""
        answer = response.object()
        text = str(answer.get("description") or "")
        more = answer.get("parameters")
        parameters: Mapping[str, Any] = more if isinstance(more, dict) else {}
        wait, moved = parameters.get("retry_after"), parameters.get("migrate_to_chat_id")
        return Problem(
            next((words for words in self.CODES if words in text), ""),
            text,
            remedy=f"the group has a new id: {moved}" if isinstance(moved, int) else "",
            after=float(wait) if isinstance(wait, int | float) else None,
        )

    def receive(self, request: InboundRequest) -> Inbound:
        """An Update, with the secret that setWebhook was given: https://core.telegram.org/bots/api#setwebhook"""
        secret = self.secret.get("TELEGRAM_WEBHOOK_SECRET")
        if not secret:
            raise InboundRefused("TELEGRAM_WEBHOOK_SECRET is needed to know Telegram by: put it in .env", status=503)
        given = request.headers.get("x-telegram-bot-api-secret-token", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(secret.encode(), given):
            raise InboundRefused("the secret is another than setWebhook's secret_token")
        reply = _reply(Response(status=200, body=request.body).object())
        return Inbound(replies=[reply] if reply else ())

    def check_request(self) -> Request:
        return Request(method="GET", path=f"{self._path}/getMe")

    def read_check(self, response: Response) -> Health:
        bot = response.object().get("result")
        if response.object().get("ok") is not True or not isinstance(bot, dict):
            return Health(ok=False, summary="Telegram did not say which bot this is", remedy=_TOKEN)
        return Health(ok=True, summary=f"writes as @{bot.get('username', 'a bot')}")


def _reply(update: Mapping[str, Any]) -> Reply | None:
    """What a person wrote to the bot in private, or that they blocked it or came back. Groups are the team's own affair."""
    number = str(update.get("update_id") or "")
    said, member = update.get("message"), update.get("my_chat_member")
    if isinstance(said, dict) and (chat := _private(said)):
        text = said["text"] if isinstance(said.get("text"), str) else ""
        words = text.split()
        return Reply(address=chat, text=text, id=number, consent=_COMMANDS.get(words[0].lower())) if words else None
    if isinstance(member, dict) and (chat := _private(member)):
        now = member.get("new_chat_member")
        wish = _MEMBERS.get(str(now.get("status"))) if isinstance(now, dict) else None
        return Reply(address=chat, id=number, consent=wish) if wish else None
    return None


def _private(part: Mapping[str, Any]) -> str:
    """The id of the private chat it is of; "" for any other, and for what a bot wrote."""
    chat, sender = part.get("chat"), part.get("from")
    if not isinstance(chat, dict) or not isinstance(sender, dict) or sender.get("is_bot") is True:
        return ""
    return str(chat.get("id") or "") if chat.get("type") == "private" else ""
