"""Slack chat.postMessage: https://docs.slack.dev/reference/methods/chat.postMessage (2026-11).

Quirks: nearly every refusal is an HTTP 200 with `ok: false`; a person is written to by opening a conversation first; `&<>` must
be escaped or customers' words become live links; no idempotency key, but our reference travels as metadata and is looked up.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, ClassVar

from daemon.channels._http import HttpChannel, is_unanswered
from daemon.channels._verdict import (
    Later,
    Problem,
    Unsure,
    Verdict,
    ahead,
    channel,
    later,
    message,
    recipient,
    throttled,
    unsure,
)
from daemon.channels.base import Health, HttpSettings, Inbound, InboundRefused, InboundRequest, Outgoing, Reply, Sent
from daemon.http import Http, Request, Response, json_request, objects
from daemon.waits import number
from outbox.outcome import Absent, Accepted, CannotTell, Found, Lookup, Outcome

_TOKEN = "check SLACK_BOT_TOKEN in .env: api.slack.com/apps, OAuth & Permissions"  # noqa: S105 - advice
_SCOPE = "give the app chat:write (and im:write to reach people): api.slack.com/apps, OAuth & Permissions; reinstall it"
_INVITE = "invite the app into that channel: /invite @its-name"
_STALE = 300
_SLACK = 60_000
"""ms by which two clocks may still differ after the answer's Date was taken into account."""
_MAX_TEXT = 39_000


class SlackSettings(HttpSettings, frozen=True, kw_only=True):
    channel: str = ""
    """Where the team reads: the id of a channel (`C...`), from its About panel."""


class Slack(HttpChannel):
    name = "slack"
    medium = "chat"
    title = "Slack"
    address_kinds = ("slack",)
    secrets_begin: ClassVar[Mapping[str, tuple[str, ...]]] = {"SLACK_BOT_TOKEN": ("xoxb-",)}
    asked = ("channel",)
    ships_as = ("team",)
    rank = 10
    Settings = SlackSettings
    secrets = ("SLACK_BOT_TOKEN",)
    optional_secrets = ("SLACK_SIGNING_SECRET",)
    console = "api.slack.com/apps, OAuth & Permissions"
    origin = "https://slack.com"
    default_rate = 1
    default_concurrency = 2
    can_look_up = True

    CODES: ClassVar[Mapping[str, Verdict]] = {
        **dict.fromkeys(("channel_not_found", "not_in_channel"), recipient(_INVITE)),
        **dict.fromkeys(
            ("is_archived", "user_not_found", "user_disabled", "cannot_dm_bot", "restricted_action"),
            recipient("nobody reads there any more, or posting is restricted: choose another channel"),
        ),
        **dict.fromkeys(("msg_too_long", "no_text", "too_many_attachments", "invalid_blocks"), message()),
        **dict.fromkeys(("invalid_arguments", "invalid_arg_name", "invalid_charset", "invalid_post_type"), message()),
        "missing_post_type": message(),
        **dict.fromkeys(
            ("not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired"), channel(_TOKEN)
        ),
        **dict.fromkeys(("no_permission", "missing_scope", "ekm_access_denied", "access_denied"), channel(_SCOPE)),
        "org_login_required": channel("the workspace is being moved to another organisation: try later", after=3600),
        **dict.fromkeys(("ratelimited", "rate_limited"), throttled()),
        **dict.fromkeys(("internal_error", "service_unavailable", "request_timeout", "team_added_to_org"), later()),
        "fatal_error": unsure(),
    }

    settings: SlackSettings

    def __init__(self, settings: SlackSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self.headers = {"Authorization": f"Bearer {self.secret['SLACK_BOT_TOKEN']}"}

    def destination(self) -> str | None:
        return self.settings.channel or None

    def _post(self, method: str, value: Mapping[str, Any]) -> Request:
        head = {**self.headers, "Content-Type": "application/json; charset=utf-8"}
        return json_request("POST", f"/api/{method}", value, headers=head)

    async def prepare(self, out: Outgoing, *, until: float) -> Request | Outcome:
        if not _is_person(out.to):
            return self.build(out)
        answer = await self.ask(self._post("conversations.open", {"users": out.to}), out, until=until)
        if not isinstance(answer, Response):
            return answer
        opened = _opened(answer)
        return self._message(opened, out) if opened else self.untold(answer, out)

    def build(self, out: Outgoing) -> Request:
        return self._message(out.to, out)

    def _message(self, where: str, out: Outgoing) -> Request:
        value = {
            "channel": where,
            "text": _escape(out.rendered.text)[:_MAX_TEXT],
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": "order_status", "event_payload": {"ref": out.reference}},
        }
        return self._post("chat.postMessage", value)

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        answer = response.object()
        if answer.get("ok") is not True or not answer.get("ts"):
            return None
        return Accepted(f"{answer.get('channel')}:{answer['ts']}")

    def problem(self, response: Response) -> Problem:
        answer = response.object()
        more = answer.get("response_metadata")
        words = more.get("messages") if isinstance(more, dict) else None
        code = str(answer.get("error") or "")
        missing = f"needs {answer['needed']}" if answer.get("needed") else ""
        text = " ".join([code, missing, *(map(str, words) if isinstance(words, list) else ())]).strip()
        return Problem(code, text)

    # what became of it

    async def lookup(self, sent: Sent) -> Lookup:
        until, where = self.deadline(), sent.attempt.address
        if _is_person(where):
            opened = await self.call(self._post("conversations.open", {"users": where}), until=until)
            if not isinstance(opened, Response):
                return CannotTell("the conversation could not be opened", again=60, unreachable=is_unanswered(opened))
            where = _opened(opened)
        if not where:
            return CannotTell("the conversation could not be opened", again=60)
        query = [("channel", where), ("include_all_metadata", "true"), ("limit", "200")]
        request = Request(method="GET", path="/api/conversations.history", query=query, headers=self.headers)
        begun = self.http.clock.monotonic()
        answer = await self.call(request, until=until)
        if not isinstance(answer, Response) or not answer.ok:
            return CannotTell("the channel's history could not be read", again=60, unreachable=is_unanswered(answer))
        return _find(answer, where, self.answered(sent, begun))

    def receive(self, request: InboundRequest) -> Inbound:
        """Events API: https://docs.slack.dev/authentication/verifying-requests-from-slack"""
        secret = self.secret.get("SLACK_SIGNING_SECRET")
        if not secret:
            raise InboundRefused(
                "SLACK_SIGNING_SECRET is needed to check Slack's signature: put it in .env", status=503
            )
        stamp = request.headers.get("x-slack-request-timestamp", "")
        due = "v0=" + hmac.new(secret.encode(), f"v0:{stamp}:".encode() + request.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(due.encode(), request.headers.get("x-slack-signature", "").encode()):
            raise InboundRefused("the signature does not hold: is SLACK_SIGNING_SECRET the app's?")
        if not stamp.isdigit() or abs(request.now / 1000 - int(stamp)) > _STALE:
            raise InboundRefused("the request is older than five minutes, or this machine's clock is wrong")
        posted = Response(status=200, body=request.body).object()
        if posted.get("type") == "url_verification":
            return Inbound(answer=str(posted.get("challenge", "")).encode())
        event = posted.get("event")
        return Inbound(replies=_replies(event, str(posted.get("event_id", ""))) if isinstance(event, dict) else ())

    def check_request(self) -> Request:
        return Request(method="POST", path="/api/auth.test", headers=self.headers)

    def read_check(self, response: Response) -> Health:
        answer = response.object()
        if answer.get("ok") is not True:
            return Health(ok=False, summary=str(answer.get("error") or "Slack did not say why"), remedy=_TOKEN)
        return Health(
            ok=True, summary=f"writes to the workspace {answer.get('team', '')} as {answer.get('user', 'a bot')}"
        )


def _is_person(address: str) -> bool:
    return address.startswith(("U", "W"))


def _opened(response: Response) -> str:
    conversation = response.object().get("channel")
    return str(conversation.get("id") or "") if isinstance(conversation, dict) else ""


def _find(response: Response, where: str, sent: Sent) -> Lookup:
    """In a page of the newest messages. What is not there is surely absent where the page goes back past the attempt."""
    answer = response.object()
    if answer.get("ok") is not True:
        error = str(answer.get("error") or "")
        passes = not error or isinstance(Slack.CODES.get(error), Later | Unsure)
        return CannotTell(
            f"Slack does not show the history: {error or 'it did not say why'}", again=60 if passes else None
        )
    for row in objects(answer.get("messages")):
        metadata = row.get("metadata")
        payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
        if isinstance(payload, dict) and payload.get("ref") == sent.reference:
            return Found(f"{where}:{row.get('ts')}")
    if sent.now - sent.attempt.started_at < 30_000:
        return CannotTell("not there yet", again=30)
    times = [number(str(row.get("ts"))) for row in objects(answer.get("messages"))]
    begun = (sent.attempt.started_at + ahead(response, sent.now) - _SLACK) / 1000
    is_whole = not answer.get("has_more") or any(time is not None and time < begun for time in times)
    return Absent() if is_whole else CannotTell("there are more messages than one page")


def _replies(event: Mapping[str, Any], event_id: str) -> list[Reply]:
    if event.get("type") != "message" or event.get("bot_id") or event.get("subtype") or not event.get("user"):
        return []
    return [Reply(address=str(event["user"]), text=str(event.get("text") or ""), id=event_id)]


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
