"""Plivo, as its sheet tells it."""

import base64
import hashlib
import hmac
from urllib.parse import urlencode

from daemon.channels.base import InboundRequest, ReceiptUpdate, Reply
from daemon.sandbox.config import CREDENTIALS
from outbox.outcome import ReceiptState
from tests.support.channel_case import PHONE, Answer, Case, Hook, Variant, basic, inbound, says
from tests.support.good_requests import PLIVO, PLIVO_SMS
from tests.support.vendor import DATE

UUID = "5b40a428-bfc7-4daf-9d06-726c558bf3b8"
TOKEN = "plivo-auth-token-0123456789"
URL = "https://hook.example.com/v1/receipts/plivo"


def listed(*, at: str = DATE, **changes: str) -> Answer:
    row = {"message_uuid": UUID, "message_state": "queued", "message_time": "2026-11-24 15:45:01+05:30", **changes}
    return says({"objects": [row], "meta": {}}, Date=at)


def others(count: int, *, oldest: str) -> Answer:
    """What went to the same number, the newest first, as a full page shows it or one that is not."""
    row = {"message_uuid": UUID, "message_state": "sent", "message_time": "2026-11-24 10:16:00Z"}
    return says({"objects": [*[row] * (count - 1), row | {"message_time": oldest}], "meta": {}}, Date=DATE)


def told(**row: str) -> Answer:
    return says({"message_uuid": UUID, **row})


def hashed(text: str, token: str) -> str:
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha256).digest()).decode()


def v2(fields: dict[str, str], *, token: str = TOKEN) -> InboundRequest:
    head = {"X-Plivo-Signature-V2": hashed(f"{URL}12345", token), "X-Plivo-Signature-V2-Nonce": "12345"}
    return inbound(urlencode(fields), head, url=f"{URL}?shop=1", query=[("shop", "1")])


def v3(fields: dict[str, str], *, query: str = "", token: str = TOKEN) -> InboundRequest:
    named = "".join(name + fields[name] for name in sorted(fields))
    signed = f"{URL}?{query}.{named}.12345" if query else f"{URL}?{named}.12345"
    head = {"X-Plivo-Signature-V3": f"AAAA,{hashed(signed, token)}", "X-Plivo-Signature-V3-Nonce": "12345"}
    return inbound(urlencode(fields), head, url=f"{URL}?{query}" if query else URL)


FAILED = {"MessageUUID": UUID, "Status": "failed", "ErrorCode": "200", "To": "447700900123", "From": "14155550100"}
DELIVERED = {"MessageUUID": UUID, "Status": "delivered", "To": "447700900123", "Sequence": "2"}

CASE = Case(
    settings={"from": "14155550100"},
    secrets={"PLIVO_AUTH_ID": "MA" + "X" * 18, "PLIVO_AUTH_TOKEN": TOKEN},
    steps={
        r"POST https://api\.plivo\.com/v1/Account/MA\w+/Message/$": says(
            {"api_id": "948b53a2", "message": "message(s) queued", "message_uuid": [UUID]}, 202
        ),
        r"GET .*/Message/$": listed(),
        r"GET .*/Message/[\w-]+/$": told(message_state="delivered", error_code="000"),
        r"GET .*/v1/Account/MA\w+/$": says({"cash_credits": "12.5"}),
    },
    write=r"POST .*/Message/",
    provider_id=UUID,
    error=lambda code, words: says({"api_id": "948b53a2", "error": words}, 400),
    codes={},
    statuses={403: "rejected:recipient"},
    rows=[
        (says({"error": "dst is a required parameter"}, 400), "rejected:message"),
        (
            Answer(401, "Could not verify your access level for that URL.", {"Content-Type": "text/plain"}),
            "rejected:channel",
        ),
        (says({"message_uuid": [UUID, "another"]}, 207), f"accepted:{UUID}"),
        (says({"message_uuid": []}, 202), "unknown"),
    ],
    lookups=[
        (listed(), f"found:{UUID}"),
        (listed(message_time="2026-11-24 10:15:02"), f"found:{UUID}"),
        (listed(message_time="2026-11-24 09:15:02+00:00"), "absent"),
        (listed(message_time="soon"), "absent"),
        (says({"objects": []}), "absent"),
        (others(20, oldest="2026-11-24 10:15:50Z"), "cannot_tell"),
        (others(20, oldest="2026-11-24 09:15:02Z"), "absent"),
        (others(19, oldest="2026-11-24 10:15:50Z"), "absent"),
        (listed(at="Tue, 24 Nov 2026 11:16:00 GMT", message_time="2026-11-24 11:15:01Z"), f"found:{UUID}"),
    ],
    polls=[
        (told(message_state="queued"), []),
        (told(message_state="sent"), [ReceiptUpdate(state=ReceiptState.SENT, provider_id=UUID)]),
        (
            told(message_state="failed", error_code="50", error_message="Invalid destination"),
            [
                ReceiptUpdate(
                    state=ReceiptState.UNDELIVERED,
                    provider_id=UUID,
                    code="50",
                    detail="Invalid destination",
                    bad_address=True,
                )
            ],
        ),
    ],
    hooks=[
        Hook(
            request=v2(FAILED),
            receipts=[ReceiptUpdate(state=ReceiptState.UNDELIVERED, provider_id=UUID, code="200", opted_out=True)],
            forged=[v2(FAILED, token="another"), inbound(urlencode(FAILED), {}, url=URL)],
        ),
        Hook(
            request=v3(DELIVERED),
            receipts=[ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=UUID)],
            forged=[v3(DELIVERED, token="another")],
        ),
        Hook(
            request=v3(DELIVERED, query="a=1"), receipts=[ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=UUID)]
        ),
        Hook(
            request=v2(
                {"From": "447700900123", "To": "14155550100", "Text": "Stop", "MessageUUID": "u2", "Type": "sms"}
            ),
            replies=[Reply(address=PHONE, text="Stop", id="u2")],
        ),
    ],
    spec="plivo.json",
    beyond_spec=[r"GET .*/v1/Account/MA\w+/$"],
    variants=[
        Variant(settings={"from": "", "powerpack_uuid": "86bbb125-97bb-4d72-89fd-81d5c515b015"}),
        Variant(settings={"receipts_url": "https://hook.example.com/v1/receipts/plivo"}, out={"expires_at": None}),
    ],
    proof=basic(CREDENTIALS["PLIVO_AUTH_ID"], CREDENTIALS["PLIVO_AUTH_TOKEN"]),
    good=[(PLIVO, PLIVO_SMS)],
)
