"""Receipts' signatures against known answers that the vendors' own libraries gave."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from daemon.channels.base import Channel, Inbound, InboundRefused, InboundRequest, Misconfigured
from daemon.channels.registry import build
from tests.support.channel_case import NOW, inbound, outgoing
from tests.support.shared import shared


def vectors(name: str) -> Any:
    return json.loads(shared("specs/webhook-signature-vectors.json").read_text())[name]


def channel(name: str, table: dict[str, Any], secrets: dict[str, str]) -> Channel:
    return build(name, table, secrets, http=None)  # type: ignore[arg-type]


def holds(channel: Channel, request: InboundRequest) -> Inbound:
    """The request is taken as it is, and refused when nothing of it is signed."""
    got = channel.receive(request)
    with pytest.raises(InboundRefused):
        channel.receive(inbound(b"{}", {}, url=request.url))
    return got


# ---------------------------------------------------------------- Twilio


def twilio(**secrets: str) -> Channel:
    return channel("twilio", {"from": "+15005550006"}, {"TWILIO_ACCOUNT_SID": "AC1", **secrets})


def test_twilio() -> None:
    known = vectors("twilio")
    request = inbound(urlencode(known["params"]), {"X-Twilio-Signature": known["X-Twilio-Signature"]}, url=known["url"])
    got = holds(twilio(TWILIO_AUTH_TOKEN=known["auth_token"]), request)
    assert got.receipts[0].provider_id == known["params"]["MessageSid"]


@pytest.mark.parametrize(
    "fields",
    [
        [("Body", "Prêt 🎈 a+b & c"), ("From", "+447700900123"), ("MessageSid", "SM1")],
        [("Body", ""), ("From", "+447700900123"), ("MessageSid", "SM1"), ("NumMedia", "0")],
        [("Body", "two"), ("From", "+4477"), ("Media", "b"), ("Media", "a"), ("MessageSid", "SM1")],
    ],
)
@pytest.mark.parametrize("url", ["https://hook.example.com/v1/receipts/twilio", "https://hook.example.com/r?a=1&b=%20"])
def test_twilio_as_its_own_library_signs(fields: list[tuple[str, str]], url: str) -> None:
    signature = RequestValidator("token-0123456789").compute_signature(url, MultiDict(fields))
    request = inbound(urlencode(fields), {"X-Twilio-Signature": signature}, url=url)
    assert holds(twilio(TWILIO_AUTH_TOKEN="token-0123456789"), request).replies[0].id == "SM1"


def test_twilio_signs_for_either_spelling_of_the_port() -> None:
    body = urlencode({"MessageSid": "SM1", "MessageStatus": "sent"})
    sign = RequestValidator("token-0123456789").compute_signature
    bare, ported = "https://hook.example.com/v1/receipts/twilio", "https://hook.example.com:443/v1/receipts/twilio"
    for signed, called in [(bare, ported), (ported, bare)]:
        signature = sign(signed, {"MessageSid": "SM1", "MessageStatus": "sent"})
        request = inbound(body, {"X-Twilio-Signature": signature}, url=called)
        assert twilio(TWILIO_AUTH_TOKEN="token-0123456789").receive(request).receipts


def test_twilio_with_a_shared_key() -> None:
    known = vectors("twilio")
    head = {
        "X-Twilio-Signature": known["sha256_sharedkey_variant"],
        "X-Twilio-Webhooks-Signature-Settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256",
    }
    request = inbound(urlencode(known["params"]), head, url=known["url"])
    own = {"TWILIO_AUTH_TOKEN": "another-0123456789"}
    assert holds(twilio(**own, TWILIO_SHARED_KEY=known["auth_token"]), request).receipts
    with pytest.raises(InboundRefused, match="TWILIO_SHARED_KEY"):
        twilio(**own).receive(request)


def test_twilio_without_the_token_that_signs() -> None:
    keyed = twilio(TWILIO_API_KEY="SK1", TWILIO_API_SECRET="api-secret-0123456789")
    with pytest.raises(InboundRefused, match="TWILIO_AUTH_TOKEN"):
        keyed.receive(inbound("", {}))


# ---------------------------------------------------------------- the others

PLIVO_FIELDS = [("To", "14155550123"), ("Status", "delivered"), ("MessageUUID", "5b40a428"), ("Text", "Prêt a+b")]


def test_plivo() -> None:
    known = vectors("plivo")
    plivo = channel("plivo", {"from": "14155550100"}, {"PLIVO_AUTH_ID": "MA1", "PLIVO_AUTH_TOKEN": known["auth_token"]})
    body = urlencode(known["v3_params"])
    for version in ("V2", "V3"):
        head = {
            f"X-Plivo-Signature-{version}": known[f"X-Plivo-Signature-{version}"],
            f"X-Plivo-Signature-{version}-Nonce": known["nonce"],
        }
        got = holds(plivo, inbound(body, head, url=known["url"]))
        assert got.receipts[0].provider_id == known["v3_params"]["MessageUUID"]


@pytest.mark.parametrize(
    ("url", "fields", "signature"),
    [
        (
            "https://hooks.example.com/v1/receipts/plivo?shop=1&b=a%20c&a=x%2By",
            PLIVO_FIELDS,
            "y986KRck3WRLEQ1TGdy0LrwpvRIvXzZQ/A20Rg83k2M=",
        ),
        (
            "https://hooks.example.com/v1/receipts/plivo?b=2&a=1&a=0",
            PLIVO_FIELDS,
            "tiQ7Ext++5eMXlnKJC/BQmWNb2mejtQCgHfY2lsRGXI=",
        ),
        ("https://hooks.example.com/v1/receipts/plivo?b=2&a=1", [], "nrcHK583q3LZWoMXgvgo7qm/UbM5hbAAAllySCyVsvc="),
    ],
)
def test_plivo_v3_with_a_query_of_our_own_as_its_library_signs(
    url: str, fields: list[tuple[str, str]], signature: str
) -> None:
    """Known answers of `plivo.utils.signature_v3` (plivo 4.63.0)."""
    plivo = channel("plivo", {"from": "14155550100"}, {"PLIVO_AUTH_ID": "MA1", "PLIVO_AUTH_TOKEN": "plivo-auth-token"})
    head = {"X-Plivo-Signature-V3": f"b3RoZXI=,{signature}", "X-Plivo-Signature-V3-Nonce": "12345"}
    query = parse_qsl(url.partition("?")[2])
    got = holds(plivo, inbound(urlencode(fields), head, url=url, query=query))
    assert got.once == "", "it covers the body"
    with pytest.raises(InboundRefused):
        plivo.receive(inbound(urlencode([*fields, ("Status", "read")]), head, url=url, query=query))
    with pytest.raises(InboundRefused):
        plivo.receive(inbound(urlencode(fields), head, url=url.replace("b=", "c="), query=query))


def vonage(secret: str) -> Channel:
    secrets = {"VONAGE_API_KEY": "abcd1234", "VONAGE_API_SECRET": "s", "VONAGE_SIGNATURE_SECRET": secret}
    return channel("vonage", {"from": "Balloons"}, secrets)


@pytest.mark.parametrize("kind", ["md5hash", "hmac_sha256"])
def test_vonage_sms(kind: str) -> None:
    known = vectors("vonage_sms")
    fields = {**known["params"], "sig": known[kind]}
    got = holds(vonage(known["secret"]), inbound(json.dumps(fields), {"Content-Type": "application/json"}))
    assert got.receipts[0].provider_id == known["params"]["messageId"]
    with pytest.raises(InboundRefused):
        vonage(known["secret"]).receive(inbound(urlencode({**fields, "status": "failed"}), {}))


def test_vonage_messages() -> None:
    known = vectors("vonage_messages")
    head = {"Authorization": known["Authorization"], "Content-Type": "application/json"}
    got = holds(vonage(known["signature_secret"]), inbound(known["body"], head))
    assert got.receipts[0].provider_id == json.loads(known["body"])["message_uuid"]
    with pytest.raises(InboundRefused):
        vonage(known["signature_secret"]).receive(inbound(known["body"] + " ", head))


def test_a_vonage_call_of_the_messages_format_that_comes_unsigned_is_to_come_again() -> None:
    """Vonage doesn't sign each of them, and only what was answered 5xx comes again: an opt-out was lost."""
    for body, status in (
        ('{"message_uuid":"aaaa","status":"rejected"}', 503),
        ('{"messageId":"0A","status":"failed"}', 401),
    ):
        with pytest.raises(InboundRefused) as refused:
            vonage("s3cret").receive(inbound(body, {"Content-Type": "application/json"}))
        assert refused.value.status == status


def jwt(secret: str, body: str, **claims: Any) -> dict[str, str]:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    hashed = {"payload_hash": hashlib.sha256(body.encode()).hexdigest(), **claims}
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(hashed)}"
    signature = base64.urlsafe_b64encode(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())
    return {"Authorization": f"Bearer {signed}.{signature.decode().rstrip('=')}", "Content-Type": "application/json"}


def test_a_vonage_token_ends_and_does_not_come_from_the_future() -> None:
    body, second = '{"message_uuid":"aaaa","status":"delivered"}', NOW // 1000
    good: list[dict[str, Any]] = [{}, {"iat": second, "exp": second + 900}, {"exp": second - 30}, {"iat": second + 30}]
    for claims in good:
        assert vonage("s3cret").receive(inbound(body, jwt("s3cret", body, **claims))).receipts
    bad: list[dict[str, Any]] = [
        {"exp": second - 61},
        {"iat": second + 61},
        {"exp": "never"},
        {"exp": True},
        {"payload_hash": None},
    ]
    for claims in bad:
        with pytest.raises(InboundRefused):
            vonage("s3cret").receive(inbound(body, jwt("s3cret", body, **claims)))


def test_a_vonage_token_vouches_for_nothing_in_the_query() -> None:
    body = '{"message_uuid":"aaaa"}'
    request = inbound(body, jwt("s3cret", body), query=(("status", "delivered"), ("text", "START"), ("from", "4477")))
    got = vonage("s3cret").receive(request)
    assert not got.receipts
    assert not got.replies


def test_mailgun() -> None:
    known = vectors("mailgun")
    secrets = {"MAILGUN_API_KEY": "key", "MAILGUN_WEBHOOK_SIGNING_KEY": known["signing_key"]}
    mailgun = channel("mailgun", {"domain": "mg.example.com", "from": "a@mg.example.com"}, secrets)
    signature = {name: known[name] for name in ("timestamp", "token", "signature")}
    event = {"event": "delivered", "message": {"headers": {"message-id": "x@mg.example.com"}}}
    body, now = json.dumps({"signature": signature, "event-data": event}), int(known["timestamp"]) * 1000
    got = holds(mailgun, inbound(body, {}, now=now + 14 * 60_000))
    assert got.receipts[0].provider_id == "x@mg.example.com"
    assert got.once == f"{known['timestamp']} {known['token']}"
    forged = {"signature": {**signature, "token": "0"}, "event-data": event}
    with pytest.raises(InboundRefused):
        mailgun.receive(inbound(json.dumps(forged), {}, now=now))
    for late in (16 * 60_000, -16 * 60_000):
        with pytest.raises(InboundRefused, match="fifteen minutes"):
            mailgun.receive(inbound(body, {}, now=now + late))


def test_sendgrid() -> None:
    known = vectors("sendgrid")
    secrets = {"SENDGRID_API_KEY": "SG.x", "SENDGRID_WEBHOOK_PUBLIC_KEY": known["public_key"]}
    head = {name: known[name] for name in known if name.startswith("X-")}
    request = inbound(known["body_utf8"], head)
    got = holds(channel("sendgrid", {"from": "a@example.com"}, secrets), request)
    assert got.receipts[0].provider_id == "14c5d75ce93.dfd.64b469"
    assert got.receipts[0].reference == "order-1042-ready"


def test_slack() -> None:
    """The vector of the provider's sheet: the one that Slack's own documentation computes with."""
    slack = channel(
        "slack", {}, {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5"}
    )
    head = {
        "X-Slack-Signature": "v0=5025a102182f11161096c0dc2fc26d579158446c928c56fabda14fecd7be4a08",
        "X-Slack-Request-Timestamp": "1531420618",
    }
    holds(slack, inbound('{"type":"event_callback"}', head, now=1531420618_000))
    with pytest.raises(InboundRefused, match="five minutes"):
        slack.receive(inbound('{"type":"event_callback"}', head, now=1531420919_000))


# ---------------------------------------------------------------- our own webhook


def test_the_webhook_verifies_with_the_standards_own_library() -> None:
    secret = "whsec_YmFsbG9vbi1zaG9wLXRlc3Qtc2VjcmV0LTAwMDE="
    webhook: Any = channel("webhook", {"url": "https://erp.example.com/hooks?shop=1"}, {"WEBHOOK_SECRET": secret})
    now = time.time_ns() // 1_000_000
    request = webhook.build(outgoing(to="", now=now))
    assert request.target == "/hooks?shop=1"
    posted = Webhook(secret).verify(request.body, dict(request.headers))
    assert posted["type"] == "order.ready"
    assert posted["data"]["message_id"] == request.headers["webhook-id"]
    assert posted["data"]["order"]["ref"] == "B-1042"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(request.body + b" ", dict(request.headers))
    again = webhook.build(outgoing(to="", attempt=2, now=now))
    assert again.headers["webhook-id"] == request.headers["webhook-id"], "a receiver knows a repeat by its id"


@pytest.mark.parametrize("key", ["not base64!", "AAAA", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="])
def test_a_public_key_that_is_none_is_told_at_the_start(key: str) -> None:
    """The last one is a real key of another kind (Ed25519)."""
    with pytest.raises(Misconfigured, match="SENDGRID_WEBHOOK_PUBLIC_KEY"):
        channel("sendgrid", {"from": "a@example.com"}, {"SENDGRID_API_KEY": "SG.x", "SENDGRID_WEBHOOK_PUBLIC_KEY": key})
