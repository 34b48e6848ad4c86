"""HubSpot, as its sheet tells it: the case writes a contact's property, variants write orders and deals and send single mails."""

import base64
import hashlib
import hmac
import json
from typing import Any

from daemon.channels.base import InboundRequest, ReceiptUpdate
from daemon.sandbox.config import CREDENTIALS
from outbox.outcome import ReceiptState
from tests.support.channel_case import EMAIL, NOW, PHONE, Answer, Case, Hook, Variant, bearer, inbound, says
from tests.support.good_requests import HUBSPOT, HUBSPOT_MAIL, HUBSPOT_ORDERS, HUBSPOT_SEND

CLIENT_SECRET = "11111111-2222-3333-4444-555555555555"
REFERENCE = "m1042ready0000000000000abc.1"
URL = "https://relay.example.com/v1/receipts/hubspot?store=a%2Fb"
STATUSES = {"CONFLICT": 409, "OBJECT_NOT_FOUND": 404, "MISSING_SCOPES": 403, "RATE_LIMITS": 429, "INVALID_AUTHENTICATION": 401, "EXPIRED_AUTHENTICATION": 401, "VALIDATION_ERROR": 400}  # fmt: skip


def error(code: str, words: str) -> Answer:
    plain = {"status": "error", "message": words, "correlationId": "0a1b"}
    if code in STATUSES:
        return says({**plain, "category": code}, STATUSES[code])
    if code == "PROPERTY_DOESNT_EXIST":
        return says({**plain, "category": "VALIDATION_ERROR", "errors": [{"message": "no", "code": code}]}, 400)
    if code == "DAILY":
        return says({**plain, "errorType": "RATE_LIMIT", "policyName": code}, 429)
    return says({"statusId": "s1", "status": "COMPLETE", "sendResult": code, "message": words})


def posted(events: Any, *, secret: str = CLIENT_SECRET, at: int = NOW, signed_url: str = URL) -> InboundRequest:
    body = json.dumps(events).encode()
    digest = hmac.new(secret.encode(), f"POST{signed_url}".encode() + body + str(at).encode(), hashlib.sha256).digest()
    headers = {"X-HubSpot-Signature-v3": base64.b64encode(digest).decode(), "X-HubSpot-Request-Timestamp": str(at)}
    return inbound(body, headers, url=URL)


def polled(**changes: Any) -> Answer:
    return says({"statusId": "44001122", "status": "COMPLETE", **changes})


TOLD = {
    "eventId": 1,
    "subscriptionType": "object.propertyChange",
    "objectId": 44001122,
    "propertyName": "tether_told",
    "propertyValue": REFERENCE,
    "occurredAt": NOW,
}
RECORD = says({"id": "44001122", "properties": {}, "archived": False})
SILENT = "rejected:recipient:opted_out"

CASE = Case(
    settings={"receipt_property": "tether_told", "reference_property": "tether_reference"},
    secrets={"HUBSPOT_ACCESS_TOKEN": "pat-eu1-0123456789abcdef"},
    receipt_secrets={"HUBSPOT_CLIENT_SECRET": CLIENT_SECRET},
    out={"to": EMAIL},
    steps={
        r"GET https://api\.hubapi\.com/crm/v3/objects/contacts/ada%40example\.com$": RECORD,
        r"POST https://api\.hubapi\.com/crm/v3/objects/contacts/search$": says({"total": 0, "results": []}),
        r"POST https://api\.hubapi\.com/crm/v3/objects/(contacts|orders|deals)$": says({"id": "44001122"}, 201),
        r"POST https://api\.hubapi\.com/crm/v3/objects/contacts/batch/upsert$": says(
            {"status": "COMPLETE", "results": [{"id": "44001122", "new": True, "properties": {}}]}
        ),
        r"GET https://api\.hubapi\.com/crm/v3/objects/orders/B-1042$": error("OBJECT_NOT_FOUND", "no such order"),
        r"GET https://api\.hubapi\.com/crm/v3/objects/deals/B-1042$": RECORD,
        r"PATCH https://api\.hubapi\.com/crm/v3/objects/(contacts|orders|deals)/\d+$": RECORD,
        r"POST https://api\.hubapi\.com/marketing/v3/transactional/single-email/send$": says(
            {"requestedAt": "2026-11-24T10:15:00.000Z", "statusId": "cf3f0d5a", "status": "PENDING"}
        ),
        r"GET https://api\.hubapi\.com/marketing/v3/email/send-statuses/\w+$": polled(sendResult="SENT"),
        r"GET https://api\.hubapi\.com/crm/v3/properties/\w+/\w+$": says({"name": "x"}),
    },
    write=r"PATCH .*/objects/contacts/",
    provider_id="44001122",
    error=error,
    codes={
        "INVALID_TO_ADDRESS": "rejected:recipient",
        "PREVIOUSLY_BOUNCED": "rejected:recipient",
        "QUARANTINED_ADDRESS": "rejected:recipient",
        "BLOCKED_ADDRESS": "rejected:recipient",
        "BLOCKED_DOMAIN": "rejected:recipient",
        "UNDELIVERABLE": "rejected:recipient",
        "ADDRESS_OPTED_OUT": SILENT,
        "PREVIOUS_SPAM": SILENT,
        "PREVIOUSLY_UNSUBSCRIBED_BRAND": SILENT,
        "PREVIOUSLY_UNSUBSCRIBED_BUSINESS_UNIT": SILENT,
        "PREVIOUSLY_UNSUBSCRIBED_MESSAGE": SILENT,
        "PREVIOUSLY_UNSUBSCRIBED_PORTAL": SILENT,
        "IDEMPOTENT_FAIL": "rejected:message",
        "MISSING_CONTENT": "rejected:message",
        "MISSING_REQUIRED_PARAMETER": "rejected:message",
        "MISSING_TEMPLATE_PROPERTIES": "rejected:message",
        "TEMPLATE_RENDER_EXCEPTION": "rejected:message",
        "EMAIL_DISABLED": "rejected:channel",
        "INVALID_FROM_ADDRESS": "rejected:channel",
        "PORTAL_EXPIRED": "rejected:channel",
        "PORTAL_SUSPENDED": "rejected:channel",
        "PORTAL_OVER_LIMIT": "rejected:channel",
        "UNCONFIGURED_SENDING_DOMAIN": "rejected:channel",
        "THROTTLED": "deferred:throttled",
        "CANCELLED_ABUSE": "rejected:channel",
        "CAMPAIGN_CANCELLED": "deferred",
        "VALIDATION_ERROR": "rejected:message",
        "PROPERTY_DOESNT_EXIST": "rejected:channel",
        "OBJECT_NOT_FOUND": "rejected:message",
        "CONFLICT": "deferred",
        "INVALID_AUTHENTICATION": "rejected:channel",
        "EXPIRED_AUTHENTICATION": "rejected:channel",
        "MISSING_SCOPES": "rejected:channel",
        "RATE_LIMITS": "deferred:throttled",
        "DAILY": "rejected:channel",
    },
    rows=[
        (Answer(477), "deferred"),
        (Answer(423), "deferred"),
        (Answer(409), "deferred"),
        (
            says(
                {
                    "status": "COMPLETE",
                    "results": [],
                    "numErrors": 1,
                    "errors": [{"category": "VALIDATION_ERROR", "message": "no"}],
                },
                207,
            ),
            "rejected:message",
        ),
        (says({"statusId": "s1", "status": "COMPLETE", "sendResult": "IDEMPOTENT_IGNORE"}), "accepted:s1"),
    ],
    hooks=[
        Hook(
            request=posted([TOLD, {**TOLD, "propertyName": "another"}]),
            receipts=[ReceiptUpdate(state=ReceiptState.DELIVERED, reference=REFERENCE, at=NOW)],
            forged=[
                posted([TOLD], secret="another"),
                posted([TOLD], at=NOW - 400_000),
                posted([TOLD], at=NOW + 400_000),
                posted([TOLD], signed_url="https://elsewhere.example.com/"),
                inbound(b"[]", {}),
            ],
        ),
        Hook(
            request=posted([TOLD], signed_url=URL.replace("%2F", "/")),
            receipts=[ReceiptUpdate(state=ReceiptState.DELIVERED, reference=REFERENCE, at=NOW)],
        ),
    ],
    spec="hubspot.json",
    variants=[
        Variant(settings={"object": "orders", "text_property": "tether_text"}),
        Variant(settings={"object": "deals"}),
        Variant(settings={"object": "orders", "order_property": ""}),
        Variant(out={"to": PHONE, "addresses": {"phone": PHONE}}),
        Variant(settings={"templates": {"order.ready": 4126643121}}),
    ],
    proof=bearer(CREDENTIALS["HUBSPOT_ACCESS_TOKEN"]),
    good=[(HUBSPOT, HUBSPOT_ORDERS), (HUBSPOT_SEND, HUBSPOT_MAIL)],
    shapes=[(posted, [TOLD])],
)
