"""Vonage's SMS API, as its sheet tells it: an HTTP 200 may be anything."""

import base64
import hashlib
import hmac
import json
from urllib.parse import urlencode

from daemon.channels.base import InboundRequest, ReceiptUpdate, Reply
from daemon.sandbox.config import CREDENTIALS
from outbox.outcome import ReceiptState
from tests.support.channel_case import PHONE, Answer, Case, Hook, Variant, basic, inbound, says
from tests.support.good_requests import VONAGE_MESSAGE

SID = "0A0000000123ABCD1"
REFERENCE = "m1042ready0000000000000abc.1"
SECRET = "vonage-signature-secret"


def refused(status: str, words: str) -> Answer:
    return says({"message-count": "1", "messages": [{"status": status, "error-text": words}]})


def taken(*statuses: str) -> Answer:
    parts = [
        {"status": status, "message-id": f"{SID[:-1]}{n}", "to": "447700900123"} for n, status in enumerate(statuses, 1)
    ]
    return says({"message-count": str(len(parts)), "messages": parts})


def record(**changes: str) -> Answer:
    row = {"message_id": SID, "client_ref": REFERENCE, "status": "delivered", "error_code": "0", **changes}
    return says({"records": [row], "ids_not_found": ""})


def form(fields: dict[str, str], *, secret: str = SECRET) -> InboundRequest:
    signed = "".join(f"&{name}={fields[name].replace('&', '_').replace('=', '_')}" for name in sorted(fields))
    sig = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest().upper()
    return inbound(urlencode({**fields, "sig": sig}), {"Content-Type": "application/x-www-form-urlencoded"})


def signed_json(value: dict[str, object], *, secret: str = SECRET, body: str = "") -> InboundRequest:
    def part(claims: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")

    text = json.dumps(value)
    signed = (
        f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'payload_hash': hashlib.sha256(text.encode()).hexdigest()})}"
    )
    due = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    token = f"{signed}.{base64.urlsafe_b64encode(due).decode().rstrip('=')}"
    return inbound(body or text, {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})


RECEIPT = {"msisdn": "447700900123", "messageId": SID, "client-ref": REFERENCE, "status": "delivered", "err-code": "0"}
STOPPED = {
    "message_uuid": "aaaa-bbbb",
    "client_ref": REFERENCE,
    "status": "rejected",
    "error": {"title": 1240, "detail": "Opted out"},
}
UNSIGNED_ALG = "eyJhbGciOiJub25lIn0.e30."

CASE = Case(
    settings={"from": "+447700900999", "reports": True},
    secrets={"VONAGE_API_KEY": "abcd1234", "VONAGE_API_SECRET": "abcdef0123456789"},
    receipt_secrets={"VONAGE_SIGNATURE_SECRET": SECRET},
    steps={
        r"POST https://rest\.nexmo\.com/sms/json": taken("0"),
        r"GET https://api\.nexmo\.com/v2/reports/records": record(),
        r"GET https://rest\.nexmo\.com/account/get-balance": says({"value": 3.14, "autoReload": False}),
    },
    write=r"POST .*/sms/json",
    provider_id=SID,
    error=refused,
    codes={
        "1": "deferred:throttled",
        "2": "rejected:message",
        "3": "rejected:message",
        "4": "rejected:channel",
        "5": "deferred",
        "6": "rejected:recipient",
        "7": "rejected:recipient",
        "8": "rejected:channel",
        "9": "rejected:channel",
        "10": "deferred:throttled",
        "11": "rejected:channel",
        "12": "rejected:message",
        "13": "deferred",
        "14": "rejected:channel",
        "15": "rejected:recipient",
        "16": "rejected:message",
        "19": "rejected:channel",
        "20": "rejected:message",
        "22": "rejected:recipient",
        "23": "rejected:message",
        "29": "rejected:recipient",
        "32": "rejected:channel",
        "33": "rejected:recipient",
        "34": "rejected:recipient",
    },
    rows=[
        (taken("0", "0"), f"accepted:{SID}"),
        (refused("1", "Throughput Rate Exceeded - please wait [ 250 ] and retry"), "deferred:throttled@0.25"),
        (taken("0", "5"), "unknown"),
        (taken("0", "1"), "unknown"),
        (taken("0", "9"), "rejected:channel"),
        (refused("4711", "a code of tomorrow"), "rejected:message"),
        (says({"messages": []}), "unknown"),
    ],
    lookups=[
        (record(), f"found:{SID}"),
        (record(client_ref="another.1"), "cannot_tell"),
        (says({"records": []}), "cannot_tell"),
        (says({"title": "not bought"}, 403), "cannot_tell"),
    ],
    polls=[
        (record(status="accepted"), []),
        (record(), [ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=SID, reference=REFERENCE)]),
        (
            record(status="failed", error_code="9", error_code_description="Opted out"),
            [
                ReceiptUpdate(
                    state=ReceiptState.UNDELIVERED,
                    provider_id=SID,
                    reference=REFERENCE,
                    code="9",
                    detail="Opted out",
                    opted_out=True,
                )
            ],
        ),
    ],
    hooks=[
        Hook(
            request=form(RECEIPT),
            receipts=[ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=SID, reference=REFERENCE)],
            forged=[form(RECEIPT, secret="another"), inbound(urlencode(RECEIPT), {})],
        ),
        Hook(
            request=signed_json(STOPPED),
            receipts=[
                ReceiptUpdate(
                    state=ReceiptState.UNDELIVERED,
                    provider_id="aaaa-bbbb",
                    reference=REFERENCE,
                    code="1240",
                    detail="Opted out",
                    opted_out=True,
                )
            ],
            forged=[
                signed_json(STOPPED, secret="another"),
                signed_json(STOPPED, body='{"status": "delivered"}'),
                inbound(
                    json.dumps(STOPPED), {"Content-Type": "application/json", "Authorization": f"Bearer {UNSIGNED_ALG}"}
                ),
                inbound(json.dumps(STOPPED), {"Content-Type": "application/json", "Authorization": "Bearer é.ü.ß"}),
            ],
        ),
        Hook(
            request=form(
                {"msisdn": "447700900123", "to": "447700900999", "messageId": "0B", "text": "a&b=c", "keyword": "A"}
            ),
            replies=[Reply(address=PHONE, text="a&b=c", id="0B")],
        ),
    ],
    spec="vonage.json",
    beyond_spec=[r"/account/get-balance"],
    excused=[r"is not a 'date'"],  # its prose and examples want the time of day too
    variants=[
        Variant(settings={"receipts_url": "https://hook.example.com/v1/receipts/vonage"}, out={"expires_at": None}),
        Variant(settings={"from": "Balloons", "reports": False}),
    ],
    proof=basic(CREDENTIALS["VONAGE_API_KEY"], CREDENTIALS["VONAGE_API_SECRET"]),
    good=[("/v1/messages", VONAGE_MESSAGE)],
)
