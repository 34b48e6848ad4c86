"""ntfy, publish as JSON: https://docs.ntfy.sh/publish/#publish-as-json (2026-11; errors as server/errors.go words them; tried on 2.11).

Quirks: JSON goes to the root, never to the topic; a topic is there by being written to, so a mistyped one tells nobody; a 429 says no time; a text over
4,096 bytes becomes a file, so it is not sent; a token may be allowed to write and not to read, and then nothing can be looked up.
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from daemon.channels._http import HttpChannel
from daemon.channels._values import title_of
from daemon.channels._verdict import Problem, Verdict, ahead, channel, message, recipient, throttled
from daemon.channels.base import Health, HttpSettings, Misconfigured, Outgoing, Sent
from daemon.http import Http, Request, Response, json_request
from outbox.outcome import Accepted, CannotTell, Found, Lookup, Outcome, Rejected, Scope

_TOKEN = "check NTFY_TOKEN in .env: the server's web page, Account, Access tokens, or `ntfy token add USER`"  # noqa: S105 - advice
_ACCESS = "let the token's user write to that topic: `ntfy access USER TOPIC write-only`, or choose another topic"
_TOPIC = "a topic is 1 to 64 letters, digits, _ and -"
_MOST_BYTES = 4096
_MOST_TITLE = 250
_SLACK = 5000


class NtfySettings(HttpSettings, frozen=True, kw_only=True):
    topic: str = ""
    """Where the team reads. On a server that is open to all it is the password as well: choose one that nobody guesses."""
    priority: int = 3
    """1 (no sound) to 5 (rings through)."""
    priorities: Mapping[str, int] = {}
    """Event type -> priority, where it is another."""
    tags: tuple[str, ...] = ()
    """Names of emojis, or words beneath the text."""


class Ntfy(HttpChannel):
    name = "ntfy"
    medium = "push"
    title = "ntfy"
    address_kinds = ("ntfy",)
    ships_as = ("team",)
    rank = 30
    Settings = NtfySettings
    optional_secrets = ("NTFY_TOKEN",)
    secrets_begin: ClassVar[Mapping[str, tuple[str, ...]]] = {"NTFY_TOKEN": ("tk_",)}
    asked = ("topic", "NTFY_TOKEN")
    self_hosted = True
    console = "the server's web page, Account, Access tokens"
    origin = "https://ntfy.sh"
    default_rate = 0.2
    default_concurrency = 2
    can_look_up = True

    CODES: ClassVar[Mapping[str, Verdict]] = {
        **dict.fromkeys(("40009", "40010"), recipient(_TOPIC)),
        **dict.fromkeys(("40011", "40014", "40017", "40024", "41301", "41303", "42905"), message()),
        "40101": channel(_TOKEN),
        "40301": recipient(_ACCESS),
        "42901": throttled(),
        "42904": channel("the server takes no more topics: whoever runs it must raise its limit", after=3600),
        "42908": channel("today's messages are used up: a server of your own, or a bigger plan, has more", after=3600),
        "42909": channel(_TOKEN, after=600),
        "50701": recipient("topics that begin with up are UnifiedPush's: choose another"),
    }
    STATUSES: ClassVar[Mapping[int, Verdict]] = {403: recipient(_ACCESS)}

    settings: NtfySettings

    def __init__(self, settings: NtfySettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        if not {settings.priority, *settings.priorities.values()} <= {1, 2, 3, 4, 5}:
            raise Misconfigured("priority and priorities in [channels.ntfy] of tether.toml are 1 (least) to 5 (most)")
        token = self.secret.get("NTFY_TOKEN")
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def destination(self) -> str | None:
        return self.settings.topic or None

    async def prepare(self, out: Outgoing, *, until: float) -> Request | Outcome:
        if len(out.rendered.text.encode()) > _MOST_BYTES:
            return Rejected(
                Scope.MESSAGE, "too_long", f"a text of more than {_MOST_BYTES} bytes becomes a file at ntfy"
            )
        return self.build(out)

    def build(self, out: Outgoing) -> Request:
        value: dict[str, Any] = {
            "topic": out.to,
            "title": title_of(out)[:_MOST_TITLE],
            "message": out.rendered.text,
            "priority": self.settings.priorities.get(out.trigger, self.settings.priority),
        }
        if self.settings.tags:
            value["tags"] = self.settings.tags
        if (page := out.data.get("order_url", "")).startswith(("http://", "https://")):
            value["click"] = page
        return json_request("POST", "/", value, headers=self.headers)

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        answer = response.object()
        return Accepted(str(answer["id"])) if answer.get("event") == "message" and answer.get("id") else None

    def problem(self, response: Response) -> Problem:
        answer = response.object()
        code = answer.get("code")
        return Problem(str(code) if isinstance(code, int) else "", str(answer.get("error") or ""))

    def lookup_request(self, sent: Sent) -> Request:
        topic, since = quote(sent.attempt.address, safe=""), sent.attempt.started_at // 1000 - _SLACK // 1000
        query = [("poll", "1"), ("since", str(since))]
        return Request(method="GET", path=f"/{topic}/json", query=query, headers=self.headers)

    def read_lookup(self, response: Response, sent: Sent) -> Lookup:
        """A line for each message that the server still keeps. That ours is not among them proves nothing: it may keep none."""
        text, begun = (
            sent.attempt.sent.text if sent.attempt.sent else "",
            sent.attempt.started_at + ahead(response, sent.now),
        )
        last = (begun + round(self.settings.timeout * 2000) + _SLACK) / 1000
        for line in response.body.splitlines():
            row = Response(status=200, body=line).object()
            time = row.get("time")
            if (
                row.get("message") == text
                and str(row.get("id")) not in sent.others
                and isinstance(time, int)
                and (begun - _SLACK) / 1000 - 1 <= time <= last
            ):
                return Found(str(row.get("id")))
        return CannotTell("it is not among the messages that the server keeps")

    def check_request(self) -> Request:
        return Request(method="GET", path="/v1/account", headers=self.headers)

    def read_check(self, response: Response) -> Health:
        user = response.object().get("username")
        if not isinstance(user, str):
            return Health(
                ok=False, summary="the server did not say whom it takes us for", remedy="is base_url an ntfy server's?"
            )
        return Health(ok=True, summary="writes without a token" if user == "*" else f"writes as {user}")
