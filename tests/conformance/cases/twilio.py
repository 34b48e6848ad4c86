"""Twilio, as its sheet tells it."""

import base64
import hashlib
import hmac
from urllib.parse import urlencode

from daemon.channels.base import InboundRequest, ReceiptUpdate, Reply
from daemon.sandbox.config import CREDENTIALS
from outbox.outcome import ReceiptState
from tests.support.channel_case import PHONE, Answer, Case, Hook, Variant, basic, inbound, says
from tests.support.vendor import DATE

SID = "SM" + "0" * 31 + "1"
TOKEN = "twilio-auth-token-0123456789abcdef"
ACCOUNT = "AC" + "0" * 31 + "1"
CREATED = "Tue, 24 Nov 2026 10:15:01 +0000"


def posted(fields: dict[str, str], *, token: str = TOKEN) -> InboundRequest:
    url = "https://hook.example.com/v1/receipts/twilio"
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    signature = base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()
    return inbound(urlencode(fields), {"X-Twilio-Signature": signature}, url=url)


def error(code: str, words: str) -> Answer:
    return says({"code": int(code), "message": words, "more_info": "", "status": 400}, 429 if code == "20429" else 400)


def listed(*, at: str = DATE, **changes: str) -> Answer:
    row = {"sid": SID, "body": "Order B-1042 is ready.", "status": "queued", "date_created": CREATED, **changes}
    return says({"messages": [row]}, Date=at)


def others(count: int, *, oldest: str) -> Answer:
    """What went to the same number, the newest first, as a full page shows it or one that is not."""
    row = {
        "sid": SID,
        "body": "Another order is ready.",
        "status": "sent",
        "date_created": "Tue, 24 Nov 2026 10:15:30 +0000",
    }
    return says({"messages": [*[row] * (count - 1), row | {"date_created": oldest}]}, Date=DATE)


DELIVERED = {"MessageSid": SID, "MessageStatus": "delivered", "To": PHONE, "From": "+15005550006"}

CASE = Case(
    settings={"from": "+15005550006"},
    secrets={"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN},
    steps={
        r"POST https://api\.twilio\.com/2010-04-01/Accounts/AC\w+/Messages\.json": says(
            {"sid": SID, "status": "queued"}, 201
        ),
        r"GET .*/Messages\.json": listed(),
        r"GET .*/Messages/SM\w+\.json": says({"sid": SID, "status": "delivered"}),
        r"GET .*/Accounts/AC\w+\.json": says({"status": "active"}),
    },
    write=r"POST .*/Messages\.json",
    provider_id=SID,
    error=error,
    codes={
        "20003": "rejected:channel",
        "20429": "deferred:throttled",
        "21211": "rejected:recipient",
        "21212": "rejected:channel",
        "21408": "rejected:recipient",
        "21606": "rejected:channel",
        "21610": "rejected:recipient:opted_out",
        "21611": "deferred",
        "21612": "rejected:recipient",
        "21614": "rejected:recipient",
        "21617": "rejected:message",
    },
    rows=[(error("21999", "a code of tomorrow"), "rejected:message"), (error("21611", "queue full"), "deferred@120")],
    lookups=[
        (listed(), f"found:{SID}"),
        (listed(body="Another order is ready."), "absent"),
        (listed(body="Sent from your Twilio trial account - Order B-1042 is ready."), f"found:{SID}"),
        (listed(date_created="Tue, 24 Nov 2026 09:00:00 +0000"), "absent"),
        (says({"messages": []}), "absent"),
        (others(50, oldest="Tue, 24 Nov 2026 10:15:20 +0000"), "cannot_tell"),
        (others(50, oldest="soon"), "cannot_tell"),
        (others(50, oldest="Tue, 24 Nov 2026 09:00:00 +0000"), "absent"),
        (others(49, oldest="Tue, 24 Nov 2026 10:15:20 +0000"), "absent"),
        (listed(at="Tue, 24 Nov 2026 11:16:00 GMT", date_created="Tue, 24 Nov 2026 11:15:01 +0000"), f"found:{SID}"),
    ],
    polls=[
        (says({"sid": SID, "status": "queued"}), []),
        (says({"sid": SID, "status": "sent"}), [ReceiptUpdate(state=ReceiptState.SENT, provider_id=SID)]),
        (says({"sid": SID, "status": "delivered"}), [ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=SID)]),
        (
            says({"sid": SID, "status": "undelivered", "error_code": 30005, "error_message": "Unknown destination"}),
            [
                ReceiptUpdate(
                    state=ReceiptState.UNDELIVERED,
                    provider_id=SID,
                    code="30005",
                    detail="Unknown destination",
                    bad_address=True,
                )
            ],
        ),
    ],
    hooks=[
        Hook(
            request=posted(DELIVERED),
            receipts=[ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=SID)],
            forged=[posted(DELIVERED, token="another token"), inbound(urlencode(DELIVERED), {})],
        ),
        Hook(
            request=posted(
                {"MessageSid": "SM2", "From": PHONE, "To": "+15005550006", "Body": "STOP", "OptOutType": "STOP"}
            ),
            replies=[Reply(address=PHONE, text="STOP", id="SM2", consent="stop")],
        ),
        Hook(
            request=posted({"MessageSid": "SM3", "From": PHONE, "To": "+15005550006", "Body": "Merci !"}),
            replies=[Reply(address=PHONE, text="Merci !", id="SM3")],
        ),
    ],
    spec="twilio.json",
    beyond_spec=[r"GET .*/Accounts/AC\w+\.json"],
    variants=[
        Variant(settings={"from": "", "messaging_service_sid": "MG" + "0" * 32}),
        Variant(settings={"templates": {"order.ready": "HX" + "0" * 32}}),
        Variant(settings={"receipts_url": "https://hook.example.com/v1/receipts/twilio"}, out={"expires_at": None}),
    ],
    proof=basic(CREDENTIALS["TWILIO_ACCOUNT_SID"], CREDENTIALS["TWILIO_AUTH_TOKEN"]),
)
