"""Slack, as its sheet tells it: an HTTP 200 says nothing."""

import hashlib
import hmac
import json
from typing import Any

from daemon.channels.base import InboundRequest, Reply
from daemon.sandbox.config import CREDENTIALS
from tests.support.channel_case import NOW, Answer, Case, Hook, Variant, bearer, inbound, says
from tests.support.good_requests import SLACK, SLACK_MESSAGE

TS = "1503435956.000247"
ID = f"C0123ABCD:{TS}"
REFERENCE = "m1042ready0000000000000abc.1"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


def error(code: str, words: str) -> Answer:
    status = 429 if code == "ratelimited" else 200
    return says({"ok": False, "error": code, "response_metadata": {"messages": [words]}}, status)


def history(ref: str, **more: Any) -> Answer:
    row = {"type": "message", "ts": TS, "metadata": {"event_type": "order_status", "event_payload": {"ref": ref}}}
    return says({"ok": True, "messages": [{"ts": "1.0"}, row], **more})


def posted(value: dict[str, Any], *, secret: str = SECRET, age: int = 10) -> InboundRequest:
    body, stamp = json.dumps(value), str(NOW // 1000 - age)
    signature = "v0=" + hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return inbound(body, {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": stamp})


MESSAGE = {
    "type": "event_callback",
    "event_id": "Ev1",
    "event": {"type": "message", "user": "U1", "text": "Merci", "ts": TS},
}
OWN = {"type": "event_callback", "event_id": "Ev2", "event": {"type": "message", "bot_id": "B1", "text": "ours"}}
PEOPLE = ("channel_not_found", "not_in_channel", "is_archived", "user_not_found", "user_disabled", "cannot_dm_bot")
TEXTS = ("msg_too_long", "no_text", "too_many_attachments", "invalid_blocks", "invalid_arguments", "invalid_arg_name")
OWNERS = ("not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "no_permission")

CASE = Case(
    settings={"channel": "C0123ABCD"},
    secrets={"SLACK_BOT_TOKEN": "xoxb-0123456789-abcdef"},
    receipt_secrets={"SLACK_SIGNING_SECRET": SECRET},
    out={"to": "U0123PERSON"},
    steps={
        r"POST https://slack\.com/api/chat\.postMessage": says({"ok": True, "channel": "C0123ABCD", "ts": TS}),
        r"POST https://slack\.com/api/conversations\.open": says({"ok": True, "channel": {"id": "D0123ABCD"}}),
        r"GET https://slack\.com/api/conversations\.history": history("another"),
        r"POST https://slack\.com/api/auth\.test": says({"ok": True, "team": "Balloon Loft", "user": "tether"}),
    },
    write=r"POST .*/chat\.postMessage",
    provider_id=ID,
    error=error,
    codes={
        **dict.fromkeys((*PEOPLE, "restricted_action"), "rejected:recipient"),
        **dict.fromkeys((*TEXTS, "invalid_charset", "invalid_post_type", "missing_post_type"), "rejected:message"),
        **dict.fromkeys((*OWNERS, "missing_scope", "ekm_access_denied", "access_denied"), "rejected:channel"),
        "org_login_required": "rejected:channel",
        "ratelimited": "deferred:throttled",
        "rate_limited": "deferred:throttled",
        **dict.fromkeys(("internal_error", "service_unavailable", "request_timeout", "team_added_to_org"), "deferred"),
        "fatal_error": "unknown",
    },
    rows=[(error("a_code_of_tomorrow", "?"), "rejected:message"), (says({"ok": True}), "unknown")],
    lookups=[
        (says({"ok": True, "channel": {"id": "C0123ABCD"}, "messages": []}), "absent"),
        (says({"ok": True, "channel": {"id": "C0123ABCD"}, "messages": [], "has_more": True}), "cannot_tell"),
        (says({"ok": False, "error": "missing_scope", "needed": "im:history"}), "cannot_tell"),
        (
            says(
                {
                    "ok": True,
                    "channel": {"id": "C0123ABCD"},
                    "messages": [5, {"ts": TS, "metadata": {"event_payload": {"ref": REFERENCE}}}],
                }
            ),
            f"found:{ID}",
        ),
    ],
    hooks=[
        Hook(
            request=posted(MESSAGE),
            replies=[Reply(address="U1", text="Merci", id="Ev1")],
            forged=[
                posted(MESSAGE, secret="another"),
                posted(MESSAGE, age=301),
                posted(MESSAGE, age=-301),
                inbound(json.dumps(MESSAGE), {}),
            ],
        ),
        Hook(request=posted(OWN)),
        Hook(request=posted({"type": "url_verification", "challenge": "abc"})),
    ],
    spec="slack.json",
    beyond_spec=[r"conversations\.history"],
    variants=[Variant(out={"to": "C0123ABCD"})],
    proof=bearer(CREDENTIALS["SLACK_BOT_TOKEN"]),
    good=[(SLACK, SLACK_MESSAGE)],
)
