"""Intercom, as its sheet tells it."""

import hashlib
import hmac
import json
from typing import Any

from daemon.channels.base import InboundRequest, Reply
from daemon.sandbox.config import CREDENTIALS
from tests.support.channel_case import EMAIL, NOW, PHONE, Answer, Case, Hook, Variant, bearer, inbound, says
from tests.support.good_requests import INTERCOM_MESSAGE

CONTACT = "667d61638a68186f43bafe4a"
CLIENT_SECRET = "client-secret-0123456789"
ROW = {"type": "contact", "id": CONTACT, "role": "user", "created_at": NOW // 1000 - 86400}


def error(code: str, words: str) -> Answer:
    statuses = {"not_found": 404, "forbidden": 403, "rate_limit_exceeded": 429, "contact_merged": 410}
    status = 401 if code.startswith(("token", "unauth")) else statuses.get(code, 400)
    return says({"type": "error.list", "request_id": "r1", "errors": [{"code": code, "message": words}]}, status)


def posted(topic: str, item: dict[str, Any], *, secret: str = CLIENT_SECRET) -> InboundRequest:
    notification = {"type": "notification_event", "id": "notif_1", "topic": topic, "data": {"item": item}}
    body = json.dumps(notification).encode()
    return inbound(body, {"X-Hub-Signature": f"sha1={hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()}"})


PART = {"id": "9", "body": "<p>Merci &amp; à bientôt</p>", "author": {"type": "user", "id": CONTACT, "email": EMAIL}}
REPLIED = {"type": "conversation", "conversation_parts": {"conversation_parts": [PART]}}

CASE = Case(
    settings={"admin_id": "991267766"},
    secrets={"INTERCOM_ACCESS_TOKEN": "dG9rOmludGVyY29t0123456789"},
    receipt_secrets={"INTERCOM_CLIENT_SECRET": CLIENT_SECRET},
    out={"to": EMAIL},
    steps={
        r"POST https://api\.intercom\.io/messages": says(
            {"type": "admin_message", "id": "19", "created_at": 1734537786, "body": "x", "message_type": "inapp"}
        ),
        r"POST https://api\.intercom\.io/contacts/search": says({"type": "list", "data": [ROW]}),
        r"POST https://api\.intercom\.io/contacts$": says(ROW),
        r"GET https://api\.intercom\.io/contacts/find_by_external_id/": says(ROW),
        r"GET https://api\.(eu\.)?intercom\.io/me": says(
            {"type": "admin", "app": {"id_code": "abc", "name": "Balloon Loft"}}
        ),
        r"POST https://api\.eu\.intercom\.io/messages": says({"type": "admin_message", "id": "20"}),
    },
    write=r"POST .*/messages",
    provider_id="19",
    error=error,
    codes={
        "api_plan_restricted": "rejected:channel",
        "forbidden": "rejected:channel",
        "not_found": "rejected:recipient",
        "parameter_invalid": "rejected:message",
        "parameter_not_found": "rejected:message",
        "rate_limit_exceeded": "deferred:throttled",
        "contact_merged": "rejected:recipient",
        "unauthorized": "rejected:channel",
        "token_unauthorized": "rejected:channel",
        "token_not_found": "rejected:channel",
        "token_revoked": "rejected:channel",
        "token_expired": "rejected:channel",
    },
    statuses={404: "rejected:recipient"},
    hooks=[
        Hook(
            request=posted("conversation.user.replied", REPLIED),
            replies=[Reply(address=EMAIL, text="Merci & à bientôt", id="9")],
            forged=[
                posted("conversation.user.replied", REPLIED, secret="another"),
                inbound(posted("conversation.user.replied", REPLIED).body, {}),
            ],
        ),
        Hook(
            request=posted("conversation.user.created", {"source": {**PART, "id": "5"}}),
            replies=[Reply(address=EMAIL, text="Merci & à bientôt", id="5")],
        ),
        Hook(
            request=posted("contact.unsubscribed", {"type": "contact", "id": CONTACT, "email": EMAIL}),
            replies=[Reply(address=EMAIL, id="notif_1", consent="stop", medium="email")],
        ),
        Hook(request=posted("ping", {"type": "ping"})),
    ],
    spec="intercom.json",
    variants=[
        Variant(settings={"kind": "email"}),
        Variant(out={"addresses": {"phone": PHONE}, "to": PHONE}),
        Variant(out={"addresses": {"intercom": "cust-77"}, "to": "cust-77"}),
        Variant(settings={"region": "eu"}, out={"addresses": {"intercom": CONTACT}, "to": CONTACT}),
    ],
    proof=bearer(CREDENTIALS["INTERCOM_ACCESS_TOKEN"]),
    good=[("/messages", INTERCOM_MESSAGE)],
    shapes=[
        (lambda item: posted("conversation.user.replied", item), REPLIED),
        (lambda item: posted("contact.unsubscribed", item), {"email": "ada@example.com"}),
    ],
)
