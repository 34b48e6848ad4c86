"""Firebase Cloud Messaging, as its sheet tells it. The key is made anew each time: none is kept in the tree."""

import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.channel_case import EMAIL, Answer, Case, Variant, says
from tests.support.good_requests import FCM, FCM_MESSAGE

TOKEN = "bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvDMExUdFQ3P1"
NAME = "projects/demo/messages/0:1500415314455276%31bd1c9631bd1c96"
PRIVATE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEY_FILE = json.dumps(
    {
        "type": "service_account",
        "project_id": "demo",
        "private_key_id": "0123456789abcdef",
        "private_key": PRIVATE_KEY.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        "client_email": "tether@demo.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
)
HTTP = {"UNREGISTERED": 404, "NOT_FOUND": 404, "QUOTA_EXCEEDED": 429, "RESOURCE_EXHAUSTED": 429, "INTERNAL": 500, "UNAVAILABLE": 503, "UNAUTHENTICATED": 401, "THIRD_PARTY_AUTH_ERROR": 401, "APNS_AUTH_ERROR": 401, "SENDER_ID_MISMATCH": 403, "PERMISSION_DENIED": 403}  # fmt: skip
STATUS_ONLY = {"UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "RESOURCE_EXHAUSTED"}


def error(code: str, words: str, *, field: str = "message.data") -> Answer:
    plain, _, bad_request = code.partition("/")
    details: list[dict[str, Any]] = []
    if plain not in STATUS_ONLY:
        details.append({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": plain})
    if bad_request:
        violations = [{"field": field, "description": words}]
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations})
    status = HTTP.get(plain, 400)
    return says({"error": {"code": status, "message": words, "status": plain, "details": details}}, status)


CASE = Case(
    settings={},
    secrets={"GOOGLE_APPLICATION_CREDENTIALS": KEY_FILE},
    out={"to": TOKEN, "addresses": {"fcm": TOKEN, "email": EMAIL}},
    steps={
        r"POST https://oauth2\.googleapis\.com/token$": says(
            {"access_token": "ya29.token-0123456789", "expires_in": 3599, "token_type": "Bearer"}
        ),
        r"POST https://fcm\.googleapis\.com/v1/projects/demo/messages:send$": says({"name": NAME}),
    },
    write=r"POST https://fcm",
    provider_id=NAME,
    error=error,
    codes={
        "INVALID_ARGUMENT": "rejected:recipient",
        "INVALID_ARGUMENT/BadRequest": "rejected:message",
        "UNREGISTERED": "rejected:recipient",
        "SENDER_ID_MISMATCH": "rejected:recipient",
        "THIRD_PARTY_AUTH_ERROR": "rejected:message",
        "APNS_AUTH_ERROR": "rejected:message",
        "UNAUTHENTICATED": "rejected:channel",
        "PERMISSION_DENIED": "rejected:channel",
        "NOT_FOUND": "rejected:channel",
        "QUOTA_EXCEEDED": "deferred:throttled",
        "RESOURCE_EXHAUSTED": "deferred:throttled",
        "INTERNAL": "deferred",
        "UNAVAILABLE": "deferred",
    },
    rows=[
        (error("INVALID_ARGUMENT/BadRequest", "not a valid token", field="message.token"), "rejected:recipient"),
        (says({"error": {"code": 404, "message": "gone", "status": "NOT_FOUND"}}, 404), "rejected:channel"),
    ],
    spec="fcm.json",
    beyond_spec=[r"POST https://oauth2\.googleapis\.com/token"],
    variants=[
        Variant(settings={"target": "fid", "project_id": "demo"}),
        Variant(out={"to": "/topics/team", "expires_at": None}),
        Variant(out={"expires_at": 1}),
    ],
    good=[(FCM, FCM_MESSAGE)],
)
