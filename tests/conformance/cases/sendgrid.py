"""SendGrid, as its sheet tells it."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, derive_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from daemon.channels.base import InboundRequest, ReceiptUpdate, Reply
from daemon.sandbox.config import CREDENTIALS
from outbox.outcome import ReceiptState
from tests.support.channel_case import EMAIL, Answer, Case, Hook, Variant, bearer, inbound, says
from tests.support.good_requests import SENDGRID_MAIL

ID = "14c5d75ce93.dfd.64b469"
REFERENCE = "m1042ready0000000000000abc.1"
PHRASES = {
    "credits": ("Maximum credits exceeded", 401, None),
    "sender": ("The from address does not match a verified Sender Identity", 403, "from"),
    "blocked": ("Too many bad requests. Temporary block", 403, None),
    "to": ("Does not contain a valid address.", 400, "personalizations.0.to.0.email"),
}
_KEY = derive_private_key(1042, SECP256R1())
_OTHER = derive_private_key(1043, SECP256R1())
PUBLIC = base64.b64encode(_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def error(code: str, words: str) -> Answer:
    phrase, status, field = PHRASES.get(code, ("Bad Request", 400, None))
    return says({"errors": [{"message": f"{phrase}: {words}", "field": field, "help": None}]}, status)


def posted(*events: dict[str, Any], key: Any = _KEY, body: str = "") -> InboundRequest:
    text = json.dumps(events) + "\r\n"
    signature = base64.b64encode(key.sign(f"1600112502{text}".encode(), ECDSA(SHA256()))).decode()
    head = {
        "X-Twilio-Email-Event-Webhook-Timestamp": "1600112502",
        "X-Twilio-Email-Event-Webhook-Signature": signature,
    }
    return inbound(body or text, head)


def event(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "event": kind,
        "email": EMAIL,
        "sg_message_id": f"{ID}.filter0001.1.1",
        "sg_event_id": f"e-{kind}",
        "msg_ref": REFERENCE,
        "timestamp": 1600112502,
        **more,
    }


def update(state: ReceiptState, **more: Any) -> ReceiptUpdate:
    return ReceiptUpdate(state=state, provider_id=ID, reference=REFERENCE, at=1600112502000, **more)


CASE = Case(
    settings={"from": "Balloon Loft <orders@example.com>", "activity": True},
    secrets={"SENDGRID_API_KEY": "SG.0123456789abcdef.secret"},
    receipt_secrets={"SENDGRID_WEBHOOK_PUBLIC_KEY": PUBLIC},
    out={"to": EMAIL},
    steps={
        r"POST https://api(\.eu)?\.sendgrid\.com/v3/mail/send": Answer(202, b"", {"X-Message-Id": ID}),
        r"GET .*/v3/messages": says({"messages": []}),
        r"GET .*/v3/scopes": says({"scopes": ["mail.send"]}),
    },
    write=r"POST .*/v3/mail/send",
    provider_id=ID,
    bodyless=True,
    error=error,
    codes={
        "credits": "rejected:channel",
        "sender": "rejected:channel",
        "blocked": "rejected:channel",
        "to": "rejected:recipient",
    },
    rows=[
        (Answer(429, b"", {"X-RateLimit-Reset": "1795515420", "X-RateLimit-Remaining": "0"}), "deferred:throttled@60"),
        (Answer(200, b""), "accepted"),
        (says({"errors": [{"message": "Bad template", "field": "template_id"}]}, 400), "rejected:message"),
        (says({"errors": [{"message": "authorization required"}]}, 401), "rejected:channel"),
        (Answer(406, b""), "rejected:message"),
    ],
    polls=[
        (
            says({"messages": [{"msg_id": f"{ID}.filter0001", "status": "processed"}]}),
            [ReceiptUpdate(state=ReceiptState.SENT, provider_id=ID)],
        ),
        (
            says({"messages": [{"msg_id": f"{ID}.recvd-1", "status": "delivered"}]}),
            [ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=ID)],
        ),
        (
            says({"messages": [{"msg_id": ID, "status": "not_delivered"}, {"status": "delivered"}, 5]}),
            [ReceiptUpdate(state=ReceiptState.UNDELIVERED, provider_id=ID)],
        ),
        (says({"errors": [{"message": "access forbidden"}]}, 403), []),
    ],
    hooks=[
        Hook(
            request=posted(event("processed"), event("delivered"), event("deferred")),
            receipts=[update(ReceiptState.SENT), update(ReceiptState.DELIVERED)],
            forged=[
                posted(event("delivered"), key=_OTHER),
                posted(event("delivered"), body="[]"),
                inbound(json.dumps([event("delivered")]), {}),
                inbound("[]", {"X-Twilio-Email-Event-Webhook-Signature": "no base64"}),
            ],
        ),
        Hook(
            request=posted(event("bounce", type="bounce", status="5.1.1", reason="550 no such user")),
            receipts=[update(ReceiptState.UNDELIVERED, code="5.1.1", detail="550 no such user", bad_address=True)],
        ),
        Hook(
            request=posted(event("dropped", reason="Unsubscribed Address")),
            receipts=[update(ReceiptState.UNDELIVERED, code="dropped", detail="Unsubscribed Address", opted_out=True)],
        ),
        Hook(
            request=posted(event("spamreport"), event("group_unsubscribe")),
            replies=[
                Reply(address=EMAIL, id="e-spamreport", consent="stop"),
                Reply(address=EMAIL, id="e-group_unsubscribe", consent="stop"),
            ],
        ),
        Hook(request=posted(event("group_unsubscribe", asm_group_id=77))),  # the newsletter's group: none of ours
        Hook(  # the newsletter itself: a mail of ours bears our reference
            request=posted(*(event(kind, msg_ref=None) for kind in ("processed", "delivered", "open", "spamreport"))),
            replies=[Reply(address=EMAIL, id="e-spamreport", consent="stop")],
        ),
        Hook(  # what comes back days later has no id of theirs
            request=posted(event("bounce", type="bounce", status="5.1.10", reason="550 unknown", sg_message_id="")),
            receipts=[
                ReceiptUpdate(
                    state=ReceiptState.UNDELIVERED,
                    reference=REFERENCE,
                    at=1600112502000,
                    code="5.1.10",
                    detail="550 unknown",
                    bad_address=True,
                )
            ],
        ),
    ],
    spec="sendgrid.json",
    beyond_spec=[r"/v3/scopes"],
    variants=[
        Variant(
            out={"reply_to": "hello@shop.example", "unsubscribe": "https://tether.shop.example/unsubscribe/" + "A" * 43}
        ),
        Variant(out={"reply_to": "", "unsubscribe": "mailto:"}),
        Variant(settings={"templates": {"order.ready": "d-" + "0" * 32}}),
        Variant(settings={"region": "eu", "unsubscribe_group": 5}, out={"name": ""}),
    ],
    proof=bearer(CREDENTIALS["SENDGRID_API_KEY"]),
    good=[("/v3/mail/send", SENDGRID_MAIL)],
)
