"""Mailgun, as its sheet tells it: the words decide, and a 200 may come from nowhere."""

import hashlib
import hmac
import json
from typing import Any

from daemon.channels.base import InboundRequest, ReceiptUpdate, Reply
from daemon.sandbox.config import CREDENTIALS
from outbox.outcome import ReceiptState
from tests.support.channel_case import EMAIL, NOW, Answer, Case, Hook, Variant, basic, inbound, says

REFERENCE = "m1042ready0000000000000abc.1"
ID = f"{REFERENCE}@mg.example.com"
KEY = "key-webhook-signing"
WORDS = {
    "bad_address": ("'to' parameter is not a valid address. please check documentation", 400),
    "not_allowed": ("Domain mg.example.com is not allowed to send: account disabled", 400),
    "domain": ("Domain not found: mg.example.com", 404),
    "path": ("Mailgun Magnificent API", 200),
}


def error(code: str, words: str) -> Answer:
    phrase, status = WORDS.get(code, ("Something is wrong", 400))
    return says({"message": f"{phrase} ({words})"}, status)


def event(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "event": kind,
        "id": f"e-{kind}",
        "timestamp": 1529006854.5,
        "recipient": EMAIL,
        "message": {"headers": {"message-id": ID}},
        **more,
    }


def bounced(reason: str, code: int = 550) -> dict[str, Any]:
    status = {"code": code, "message": f"no such user <{EMAIL}>"}
    return event("failed", severity="permanent", reason=reason, **{"delivery-status": status})


def listed(*events: dict[str, Any]) -> Answer:
    return says({"items": list(events), "paging": {}})


def posted(of: dict[str, Any], *, key: str = KEY, token: str = "a8ce0edb2dd8301dee6c") -> InboundRequest:
    at = str(NOW // 1000)
    signature = hmac.new(key.encode(), f"{at}a8ce0edb2dd8301dee6c".encode(), hashlib.sha256).hexdigest()
    signed = {"timestamp": at, "token": token, "signature": signature}
    return inbound(json.dumps({"signature": signed, "event-data": of}), {"Content-Type": "application/json"})


def update(state: ReceiptState, **more: Any) -> ReceiptUpdate:
    return ReceiptUpdate(state=state, provider_id=ID, reference=REFERENCE, at=1529006854500, **more)


UNTIL = "Domain mg.example.com is not allowed to send: request limit exceeded, try again after Tue, 24 Nov 2026 10:26:00 UTC"

CASE = Case(
    settings={"domain": "mg.example.com", "from": "Balloon Loft <orders@mg.example.com>"},
    secrets={"MAILGUN_API_KEY": "key-0123456789abcdef0123456789abcdef"},
    receipt_secrets={"MAILGUN_WEBHOOK_SIGNING_KEY": KEY},
    out={"to": EMAIL},
    steps={
        r"POST https://api(\.eu)?\.mailgun\.net/v3/mg\.example\.com/messages": says(
            {"id": f"<{ID}>", "message": "Queued. Thank you."}
        ),
        r"GET .*/v3/mg\.example\.com/events": listed(event("accepted")),
    },
    write=r"POST .*/messages",
    provider_id=ID,
    error=error,
    codes={
        "bad_address": "rejected:recipient",
        "not_allowed": "rejected:channel",
        "domain": "rejected:channel",
        "path": "rejected:channel",
    },
    rows=[
        (Answer(200, "Mailgun Magnificent API", {"Content-Type": "text/plain"}), "rejected:channel"),
        (says({"id": f"<{ID}>", "message": "Something else"}), "unknown"),
        (Answer(401, "Forbidden", {"Content-Type": "text/plain"}), "rejected:channel"),
        (says({"message": "parameters valid but request failed"}, 402), "rejected:channel"),
        (says({"message": UNTIL}, 429), "deferred:throttled@600"),
        (
            says({"message": "account-requests-per-sec limit exceeded, try again after 120 seconds"}, 429),
            "deferred:throttled@120",
        ),
    ],
    lookups=[
        (listed(event("accepted")), f"found:{ID}"),
        (listed(event("accepted"), event("delivered")), f"found:{ID}"),
        (listed(), "cannot_tell"),
        (listed(event("accepted", recipient="bob@example.com"), event("delivered", recipient="")), f"found:{ID}"),
        (listed(event("accepted", recipient="bob@example.com")), "cannot_tell"),
        (Answer(401, "Forbidden"), "cannot_tell"),
        (says({"items": "none"}), "cannot_tell"),
    ],
    polls=[
        (listed(event("accepted")), []),
        (listed(event("failed", severity="temporary")), []),
        (listed(event("delivered")), [update(ReceiptState.DELIVERED)]),
        (listed(event("delivered", recipient="ADA@Example.com")), [update(ReceiptState.DELIVERED)]),
        (listed(event("delivered", recipient="bob@example.com")), []),
        (listed({**event("delivered"), "message": {"headers": {"message-id": "another@mg.example.com"}}}), []),
        (
            listed(bounced("bounce")),
            [update(ReceiptState.UNDELIVERED, code="550", detail="no such user <a…@example.com>", bad_address=True)],
        ),
        (
            listed(bounced("suppress-unsubscribe", 606)),
            [update(ReceiptState.UNDELIVERED, code="606", detail="no such user <a…@example.com>", opted_out=True)],
        ),
    ],
    hooks=[
        Hook(
            request=posted(event("delivered")),
            receipts=[update(ReceiptState.DELIVERED)],
            forged=[
                posted(event("delivered"), key="another"),
                posted(event("delivered"), token="another"),
                inbound(json.dumps({"event-data": event("delivered")}), {}),
            ],
        ),
        Hook(
            request=posted(event("complained")),
            receipts=[update(ReceiptState.DELIVERED, opted_out=True)],
            replies=[Reply(address=EMAIL, id="e-complained", consent="stop")],
        ),
        Hook(
            request=posted(event("unsubscribed")),
            receipts=[update(ReceiptState.DELIVERED, opted_out=True)],
            replies=[Reply(address=EMAIL, id="e-unsubscribed", consent="stop")],
        ),
        *(
            Hook(  # another domain of the account: none of ours, but a wish for silence counts
                request=posted({**event("complained"), "message": {"headers": {"message-id": id}}}),
                replies=[Reply(address=EMAIL, id="e-complained", consent="stop")],
            )
            for id in (f"{REFERENCE}@news.example.com", "news-7")
        ),
    ],
    spec="mailgun.json",
    variants=[
        Variant(
            out={"reply_to": "hello@shop.example", "unsubscribe": "https://tether.shop.example/unsubscribe/" + "A" * 43}
        ),
        Variant(out={"reply_to": "", "unsubscribe": "mailto:"}),
        Variant(settings={"region": "eu", "templates": {"order.ready": "order-ready"}}),
        Variant(out={"expires_at": None}),
    ],
    proof=basic("api", CREDENTIALS["MAILGUN_API_KEY"]),
)
