"""Pusher Channels, as its sheet tells it."""

import hashlib
import hmac
import json
from typing import Any

from daemon.channels.base import InboundRequest, ReceiptUpdate
from outbox.outcome import ReceiptState
from tests.support.channel_case import EMAIL, NOW, Answer, Case, Hook, Variant, inbound, says
from tests.support.good_requests import PUSHER, PUSHER_EVENT

KEY, SECRET = "278d425bdf160c739803", "7ad3773142a6692b25b8"
CHANNEL = "private-customer-77"
REFERENCE = "m1042ready0000000000000abc.1"


def error(code: str, words: str) -> Answer:
    return says({"error": words, "code": int(code)}, 200)


def posted(events: list[dict[str, Any]], *, secret: str = SECRET, key: str = KEY, at: int = NOW) -> InboundRequest:
    body = json.dumps({"time_ms": at, "events": events}).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return inbound(body, {"X-Pusher-Key": key, "X-Pusher-Signature": signature})


CONFIRMED = {
    "name": "client_event",
    "channel": CHANNEL,
    "event": "client-received",
    "data": json.dumps({"reference": REFERENCE}),
    "socket_id": "123.456",
}

CASE = Case(
    settings={"cluster": "eu"},
    secrets={"PUSHER_APP_ID": "3", "PUSHER_KEY": KEY, "PUSHER_SECRET": SECRET},
    out={"to": CHANNEL, "addresses": {"pusher": CHANNEL, "email": EMAIL}},
    steps={
        r"POST https://api-eu\.pusher\.com/apps/3/events$": says({}),
        r"GET https://api-eu\.pusher\.com/apps/3/channels/private-customer-77$": says({"occupied": True}),
        r"GET https://api-eu\.pusher\.com/apps/3/channels$": says({"channels": {CHANNEL: {}}}),
    },
    write=r"POST .*/events",
    provider_id="",
    error=error,
    codes={
        "400": "rejected:message",
        "401": "rejected:channel",
        "403": "rejected:channel",
        "404": "rejected:channel",
        "413": "rejected:message",
        "429": "deferred:throttled",
        "500": "deferred",
        "503": "deferred",
    },
    rows=[(Answer(401, "Invalid signature: you should have sent HmacSHA256Hex(...)"), "rejected:channel@900")],
    hooks=[
        Hook(
            request=posted([CONFIRMED, {"name": "channel_vacated", "channel": CHANNEL}]),
            receipts=[ReceiptUpdate(state=ReceiptState.DELIVERED, reference=REFERENCE, at=NOW)],
            forged=[
                posted([CONFIRMED], secret="another"),
                posted([CONFIRMED], key="another"),
                posted([CONFIRMED], at=NOW - 400_000),
                posted([CONFIRMED], at=NOW + 400_000),
                inbound(posted([CONFIRMED]).body, {}),
            ],
        ),
        Hook(request=posted([{"name": "client_event", "event": "client-received", "data": "no json"}])),
    ],
    too_long="rejected:message",
    spec="pusher.json",
    variants=[Variant(settings={"only_if_listening": False, "event": "order"}), Variant(out={"trigger": ""})],
    good=[(PUSHER, PUSHER_EVENT)],
    shapes=[(posted, [CONFIRMED])],
)
