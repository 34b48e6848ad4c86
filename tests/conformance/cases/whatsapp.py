"""WhatsApp, as its sheet tells it."""

import hashlib
import hmac
import json
from typing import Any

from daemon.channels.base import InboundRequest, ReceiptUpdate, Reply
from daemon.sandbox.config import CREDENTIALS
from outbox.outcome import ReceiptState
from tests.support.channel_case import NOW, PHONE, Answer, Case, Hook, Variant, bearer, inbound, says
from tests.support.good_requests import WHATSAPP, WHATSAPP_TEMPLATE

WAMID = "wamid.HBgLMTY1MDU1NTEyMzQVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA"
TOKEN = "EAAXwhatsapp0123456789"
APP_SECRET = "app-secret-0123456789"
NUMBER = "106540352242922"


def error(code: str, words: str) -> Answer:
    if code == "transient":
        return says({"error": {"message": words, "type": "OAuthException", "code": 999, "is_transient": True}}, 500)
    data = {"messaging_product": "whatsapp", "details": words}
    error = {
        "message": f"(#{code})",
        "type": "OAuthException",
        "code": int(code),
        "error_data": data,
        "fbtrace_id": "A",
    }
    return says({"error": error}, 401 if code in {"0", "190"} else 400)


def posted(value: dict[str, Any], *, secret: str = APP_SECRET) -> InboundRequest:
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", **value}}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}).encode()
    return inbound(
        body, {"X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}
    )


def asked(token: str) -> InboundRequest:
    query = [("hub.mode", "subscribe"), ("hub.verify_token", token), ("hub.challenge", "1158201444")]
    return inbound(b"", {}, method="GET", query=query)


def status(state: str, **more: Any) -> dict[str, Any]:
    row = {"id": WAMID, "status": state, "timestamp": str(NOW // 1000), "recipient_id": "447700900123"}
    return {"statuses": [{**row, "biz_opaque_callback_data": "m1042ready0000000000000abc.1", **more}]}


def told(state: ReceiptState, **more: Any) -> ReceiptUpdate:
    return ReceiptUpdate(state=state, provider_id=WAMID, reference="m1042ready0000000000000abc.1", at=NOW, **more)


READ = status("read")
MESSAGE = {
    "id": "wamid.in",
    "from": "447700900123",
    "timestamp": str(NOW // 1000),
    "type": "text",
    "text": {"body": "STOP"},
}
OFFERS = {"wa_id": "447700900123", "category": "marketing_messages", "timestamp": NOW // 1000}
"""Of who stops the shop's offers in WhatsApp, or resumes them."""
TEMPLATE = {"name": "order_ready", "language": "en_US", "languages": {"en-GB": "en_GB"}, "body": ["name", "order_ref"]}

CASE = Case(
    settings={"phone_number_id": NUMBER},
    secrets={"WHATSAPP_ACCESS_TOKEN": TOKEN},
    receipt_secrets={"WHATSAPP_APP_SECRET": APP_SECRET, "WHATSAPP_VERIFY_TOKEN": "our-own-word"},
    steps={
        r"POST https://graph\.facebook\.com/v25\.0/\d+/messages": says(
            {
                "messaging_product": "whatsapp",
                "contacts": [{"input": "447700900123", "wa_id": "447700900123"}],
                "messages": [{"id": WAMID, "message_status": "accepted"}],
            }
        ),
        r"GET https://graph\.facebook\.com/v25\.0/\d+/message_history$": says({"data": []}),
        r"GET https://graph\.facebook\.com/v25\.0/\d+$": says(
            {"verified_name": "Balloon Loft", "quality_rating": "GREEN"}
        ),
    },
    write=r"POST .*/messages",
    provider_id=WAMID,
    error=error,
    codes={
        "0": "rejected:channel",
        "1": "deferred",
        "2": "deferred",
        "3": "rejected:channel",
        "4": "deferred:throttled",
        "10": "rejected:channel",
        "33": "rejected:channel",
        "100": "rejected:message",
        "190": "rejected:channel",
        "200": "rejected:channel",
        "368": "rejected:channel",
        "80007": "deferred:throttled",
        "130429": "deferred:throttled",
        "130472": "rejected:message",
        "130497": "rejected:recipient",
        "131000": "deferred",
        "131005": "rejected:channel",
        "131008": "rejected:message",
        "131009": "rejected:message",
        "131016": "deferred",
        "131021": "rejected:recipient",
        "131026": "rejected:recipient",
        "131030": "rejected:recipient",
        "131031": "rejected:channel",
        "131037": "rejected:channel",
        "131042": "rejected:channel",
        "131045": "rejected:channel",
        "131047": "rejected:message",
        "131048": "deferred:throttled",
        "131049": "rejected:message",
        "131050": "rejected:message",
        "131051": "rejected:message",
        "131056": "deferred:recipient",
        "131057": "deferred",
        "131062": "rejected:recipient",
        "131064": "deferred:throttled",
        "132000": "rejected:message",
        "132001": "rejected:message",
        "132005": "rejected:message",
        "132007": "rejected:message",
        "132008": "rejected:message",
        "132012": "rejected:message",
        "132015": "rejected:message",
        "132016": "rejected:message",
        "133016": "deferred:throttled",
        "135000": "deferred",
        "transient": "deferred",
    },
    rows=[
        (error("294", "a permission"), "rejected:channel"),
        (error("139999", "a code of tomorrow"), "rejected:message"),
        (says({"messages": [{"id": WAMID, "message_status": "held_for_quality_assessment"}]}), f"accepted:{WAMID}"),
        (says({"error": {"message": "no code"}}, 500), "unknown"),
    ],
    hooks=[
        Hook(
            request=posted(READ),
            receipts=[told(ReceiptState.READ)],
            forged=[posted(READ, secret="another"), inbound(posted(READ).body, {}), asked("a guess"), asked("")],
        ),
        Hook(
            request=posted(
                status(
                    "failed", errors=[{"code": 131047, "title": "Re-engagement", "error_data": {"details": "24 hours"}}]
                )
            ),
            receipts=[told(ReceiptState.UNDELIVERED, code="131047", detail="24 hours")],
        ),
        Hook(
            request=posted(status("failed", errors=[{"code": 131050, "title": "Stopped"}])),
            receipts=[told(ReceiptState.UNDELIVERED, code="131050", detail="Stopped")],
        ),
        Hook(
            request=posted({"messages": [MESSAGE]}),
            replies=[Reply(address=PHONE, text="STOP", id="wamid.in", at=NOW)],
        ),
        *(Hook(request=posted({"user_preferences": [{**OFFERS, "value": value}]})) for value in ("stop", "resume")),
        Hook(request=posted(status("deleted"))),
        Hook(request=asked("our-own-word")),
    ],
    spec="whatsapp.json",
    beyond_spec=[r"GET https://graph\.facebook\.com/v25\.0/\d+$"],
    variants=[
        Variant(settings={"templates": {"order.ready": TEMPLATE}}),
        Variant(settings={"templates": {"order.ready": {**TEMPLATE, "header": ["name"], "button": "order_ref"}}}),
        Variant(settings={"templates": {"order.ready": {"name": "hello_world", "language": "en_US"}}}),
        Variant(settings={"history": True}),
    ],
    proof=bearer(CREDENTIALS["WHATSAPP_ACCESS_TOKEN"]),
    good=[(WHATSAPP, WHATSAPP_TEMPLATE)],
    shapes=[
        (
            lambda value: posted(value if isinstance(value, dict) else {"statuses": value}),
            {
                **status("failed", errors=[{"code": 131026, "title": "t", "error_data": {"details": "d"}}]),
                "messages": [MESSAGE, {"from": "1", "button": {"text": "STOP"}}],
            },
        )
    ],
)
