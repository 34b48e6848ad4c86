"""Messenger, as its sheet tells it."""

import hashlib
import hmac
import json
from typing import Any

from daemon.channels.base import InboundRequest, ReceiptUpdate, Reply
from daemon.sandbox.config import CREDENTIALS
from outbox.outcome import ReceiptState
from tests.support.channel_case import EMAIL, NOW, Answer, Case, Hook, Variant, bearer, inbound, says
from tests.support.good_requests import MESSENGER, MESSENGER_TEMPLATE

PSID = "25381719828140932"
PAGE = "1909458034523498"
MID = "m_zm2fACsz21560tai1om-TvABABVG5sm"
APP_SECRET = "app-secret-0123456789"


def error(code: str, words: str) -> Answer:
    number, _, sub = code.partition("/")
    if code == "transient":
        return says({"error": {"message": words, "type": "OAuthException", "code": 999, "is_transient": True}}, 500)
    error: dict[str, Any] = {"message": words, "type": "OAuthException", "code": int(number), "fbtrace_id": "BLBz"}
    return says({"error": {**error, "error_subcode": int(sub)} if sub else error}, 400)


def posted(row: dict[str, Any], *, secret: str = APP_SECRET) -> InboundRequest:
    event = {"sender": {"id": PSID}, "recipient": {"id": PAGE}, "timestamp": NOW, **row}
    body = json.dumps({"object": "page", "entry": [{"id": PAGE, "time": NOW, "messaging": [event]}]}).encode()
    return inbound(
        body, {"X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}
    )


DELIVERY = {"delivery": {"mids": [MID], "watermark": NOW}}

CASE = Case(
    settings={"page_id": PAGE},
    secrets={"MESSENGER_PAGE_TOKEN": "EAAXmessenger0123456789"},
    receipt_secrets={"MESSENGER_APP_SECRET": APP_SECRET, "MESSENGER_VERIFY_TOKEN": "our-own-word"},
    out={"to": PSID, "addresses": {"messenger": PSID, "email": EMAIL}},
    steps={
        r"POST https://graph\.facebook\.com/v25\.0/\d+/messages": says({"recipient_id": PSID, "message_id": MID}),
        r"GET https://graph\.facebook\.com/v25\.0/\d+$": says({"id": PAGE, "name": "Balloon Loft"}),
    },
    write=r"POST .*/messages",
    provider_id=MID,
    error=error,
    codes={
        "0": "rejected:channel",
        "1": "deferred",
        "1/1357046": "unknown",
        "2": "deferred",
        "3": "rejected:channel",
        "4": "deferred:throttled",
        "4/2018022": "deferred:throttled",
        "10": "rejected:channel",
        "10/1893063": "rejected:channel",
        "10/2018065": "rejected:message",
        "10/2018108": "rejected:recipient",
        "10/2018278": "rejected:message",
        "32": "deferred:throttled",
        "100": "rejected:message",
        "100/2018001": "rejected:recipient",
        "190": "rejected:channel",
        "200": "rejected:channel",
        "200/1545041": "rejected:recipient",
        "551": "rejected:recipient",
        "613": "deferred:throttled",
        "1200": "deferred",
        "80006": "deferred:throttled",
        "transient": "deferred",
    },
    rows=[
        (error("100/2018034", "empty"), "rejected:message"),
        (error("230", "a permission"), "rejected:channel"),
        (says({"recipient_id": PSID}), "unknown"),
    ],
    hooks=[
        Hook(
            request=posted(DELIVERY),
            receipts=[ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=MID, at=NOW)],
            forged=[posted(DELIVERY, secret="another"), inbound(posted(DELIVERY).body, {})],
        ),
        Hook(
            request=posted({"message": {"mid": "m_in", "text": "Merci !"}}),
            replies=[Reply(address=PSID, text="Merci !", id="m_in", at=NOW)],
        ),
        Hook(request=posted({"message": {"mid": "m_out", "text": "ours", "is_echo": True}})),
        Hook(request=posted({"read": {"watermark": NOW}})),
    ],
    variants=[
        Variant(
            settings={
                "templates": {"order.ready": {"name": "order_ready", "body": ["order_ref"], "button": "order_ref"}}
            }
        )
    ],
    proof=bearer(CREDENTIALS["MESSENGER_PAGE_TOKEN"]),
    good=[(MESSENGER, MESSENGER_TEMPLATE)],
    shapes=[
        (
            lambda row: posted(row if isinstance(row, dict) else {"message": row}),
            {**DELIVERY, "message": {"mid": "m", "text": "x"}, "sender": {"id": "1"}},
        )
    ],
)
