"""An adversary caught a provider's signed post, or has its signature of another body: they want to mark texts as delivered, to silence
customers, and to have those texted again who asked for silence."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest

from daemon.channels import _sns
from daemon.channels.base import InboundRefused, InboundRequest, Misconfigured, ReceiptUpdate
from daemon.channels.registry import build
from daemon.config import Settings
from daemon.dispatch.callbacks import Callbacks
from daemon.dispatch.receipts import ReceiptService
from daemon.dispatch.reply_words import ReplyWords
from daemon.http import open_http
from daemon.redact import scrub
from daemon.runtime.logs import Redactor
from outbox.outcome import Accepted, ReceiptState
from tests.conformance.cases.mailgun import posted as mailgun_post
from tests.conformance.cases.ses import CASE as SES
from tests.conformance.cases.whatsapp import posted as whatsapp_post
from tests.support.at_vendor import Bench, bench
from tests.support.channel_case import EMAIL, NOW, Answer, inbound, says
from tests.support.outbox_box import SENT, accept_one, everything_in, open_box, planned, send

MAIL_ID = "x@mg.example.com"


@asynccontextmanager
async def hook(name: str, folder: Path, steps: dict[str, Answer]) -> AsyncIterator[tuple[Callbacks, Bench, Any]]:
    """What a provider calls, on a real outbox, with that channel at its vendor's stand-in."""
    async with bench(name, steps) as at, open_box(folder, at.clock) as box:
        store = SimpleNamespace(name="Balloon Loft", phone="", zone=None)
        lane: Any = SimpleNamespace(channel=at.channel)
        line: Any = SimpleNamespace(is_down=False)
        receipts = ReceiptService(box, {}, line, at.clock, lambda name: True, store, ReplyWords(Settings()))  # type: ignore[arg-type]
        async with open_http(at.clock) as http:
            yield Callbacks(box, {name: lane}, receipts, http), at, box


async def take(callbacks: Callbacks, name: str, request: InboundRequest) -> None:
    await callbacks.apply(name, await callbacks.receive(name, request))


def complained(address: str) -> dict[str, Any]:
    return {
        "event": "complained",
        "id": f"e-{address}",
        "recipient": address,
        "message": {"headers": {"message-id": MAIL_ID}},
    }


# ---------------------------------------------------------------- Mailgun


async def test_a_mailgun_signature_is_good_for_one_body(tmp_path: Path) -> None:
    steps = {
        "/unsubscribes/": Answer(404, b"{}"),
        "/complaints/": says({"address": EMAIL}),
        "/events": says({"items": []}),
    }
    async with hook("mailgun", tmp_path, steps) as (callbacks, at, box):
        await take(callbacks, "mailgun", mailgun_post(complained(EMAIL)))
        assert await box.consent.blocked("email", EMAIL) is not None
        asked = len(at.vendor.seen)
        await take(callbacks, "mailgun", mailgun_post(complained(EMAIL)))
        assert len(at.vendor.seen) == asked, "the same once more is no news"
        with pytest.raises(InboundRefused, match="another body"):
            await take(callbacks, "mailgun", mailgun_post(complained("other@example.com")))
        assert await box.consent.blocked("email", "other@example.com") is None
    async with hook("mailgun", tmp_path, steps) as (callbacks, _, _box):
        with pytest.raises(InboundRefused, match="another body"):
            await take(callbacks, "mailgun", mailgun_post(complained("other@example.com")))


async def test_what_mailgun_does_not_confirm_is_not_believed(tmp_path: Path) -> None:
    """The signature covers a token and a time: whoever caught one before we did may put any event beside it."""
    steps = {"/unsubscribes/": Answer(404, b"{}"), "/complaints/": Answer(404, b"{}"), "/events": says({"items": []})}
    async with hook("mailgun", tmp_path, steps) as (callbacks, _, box):
        got = await callbacks.receive("mailgun", mailgun_post(complained(EMAIL)))
        assert not got.receipts
        await callbacks.apply("mailgun", got)
        assert await box.consent.blocked("email", EMAIL) is None


async def test_a_bounce_that_mailgun_does_not_list_yet_is_to_be_sent_again(tmp_path: Path) -> None:
    """Its list of events follows what it posts, by minutes at times: a bounce is no less true for that."""
    bounced = {
        "event": "failed",
        "severity": "permanent",
        "reason": "bounce",
        "recipient": EMAIL,
        "message": {"headers": {"message-id": MAIL_ID}},
    }
    async with hook("mailgun", tmp_path, {"/events": says({"items": []})}) as (callbacks, at, _):
        with pytest.raises(InboundRefused) as refused:
            await callbacks.receive("mailgun", mailgun_post(bounced))
        assert refused.value.status == 503
        at.vendor.steps = {"/events": says({"items": [bounced]})}
        got = await callbacks.receive("mailgun", mailgun_post(bounced))
        assert [update.state for update in got.receipts] == [ReceiptState.UNDELIVERED]


async def test_while_mailgun_can_t_be_asked_it_is_to_send_again(tmp_path: Path) -> None:
    async with hook("mailgun", tmp_path, {"/events": Answer(500, b""), "/complaints/": Answer(500, b"")}) as (
        callbacks,
        _,
        _box,
    ):
        with pytest.raises(InboundRefused) as refused:
            await callbacks.receive("mailgun", mailgun_post(complained(EMAIL)))
        assert refused.value.status == 503


# ---------------------------------------------------------------- Plivo


def plivo_v2(fields: dict[str, str], nonce: str = "n1") -> InboundRequest:
    url = "https://hook.example.com/v1/receipts/plivo"
    signature = base64.b64encode(
        hmac.new(b"plivo-auth-token", (url + nonce).encode(), hashlib.sha256).digest()
    ).decode()
    head = {"X-Plivo-Signature-V2": signature, "X-Plivo-Signature-V2-Nonce": nonce}
    return inbound(urlencode(fields), head, url=url)


async def test_a_text_under_a_signature_of_the_url_alone_may_silence_and_never_undo_it(tmp_path: Path) -> None:
    row = {"message_uuid": "u1", "message_direction": "inbound", "from_number": "447700900123"}
    async with hook("plivo", tmp_path, {"/Message/u1/": says(row)}) as (callbacks, at, box):
        at.channel.secret["PLIVO_AUTH_TOKEN"] = "plivo-auth-token"
        stop = {"From": "447700900123", "Text": "STOP", "MessageUUID": "u1"}
        await take(callbacks, "plivo", plivo_v2(stop))
        assert await box.consent.blocked("sms", "+447700900123") == "STOP"
        with pytest.raises(InboundRefused, match="another body"):
            await take(callbacks, "plivo", plivo_v2({**stop, "Text": "START"}))
        await take(callbacks, "plivo", plivo_v2({**stop, "Text": "START", "MessageUUID": "u1"}, nonce="n2"))
        assert await box.consent.blocked("sms", "+447700900123") == "STOP"


@pytest.mark.parametrize(
    "unread", [Answer(404, b"{}"), Answer(200, b'{"message_dir'), Answer(200, b"<!doctype html>Log in"), Answer(500)]
)
async def test_a_text_that_plivo_does_not_show_is_taken_once_it_does(tmp_path: Path, unread: Answer) -> None:
    """Who had written STOP was texted on: it was answered 200, and Plivo sends nothing again that was."""
    stop = plivo_v2({"From": "447700900123", "Text": "STOP", "MessageUUID": "u1"})
    async with hook("plivo", tmp_path, {"/Message/": unread}) as (callbacks, at, box):
        at.channel.secret["PLIVO_AUTH_TOKEN"] = "plivo-auth-token"
        with pytest.raises(InboundRefused) as refused:
            await take(callbacks, "plivo", stop)
        assert refused.value.status == 503
        assert (await box.replies.list(limit=9)).items == []
        row = {"message_uuid": "u1", "message_direction": "inbound", "from_number": "447700900123"}
        at.vendor.steps = {"/Message/": says(row)}
        await take(callbacks, "plivo", stop)
        assert await box.consent.blocked("sms", "+447700900123") == "STOP"


# ---------------------------------------------------------------- WhatsApp


async def test_a_wish_to_hear_again_is_taken_once(tmp_path: Path) -> None:
    """Meta sends again what it has no answer to, days later too; and whoever caught it may."""

    def wish(word: str, minute: int) -> InboundRequest:
        said = {"id": f"wamid.{minute}", "from": "447700900123", "timestamp": str(NOW // 1000 + minute * 60)}
        return whatsapp_post({"messages": [{**said, "type": "text", "text": {"body": word}}]})

    async with hook("whatsapp", tmp_path, {}) as (callbacks, _, box):
        for each in (wish("STOP", 0), wish("START", 1), wish("STOP", 2), wish("START", 1)):
            await take(callbacks, "whatsapp", each)
        assert await box.consent.blocked("chat", "+447700900123") is not None
        await take(callbacks, "whatsapp", wish("START", 3))
        assert await box.consent.blocked("chat", "+447700900123") is None


# ---------------------------------------------------------------- SNS

TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/mine/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com:443/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/?Action=GetTopicAttributes",
        "https://sns.mybucket.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-.pem",
        "https://a@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        None,
    ],
)
def test_no_other_place_has_certificates(url: Any) -> None:
    assert _sns.certificate_place(url, TOPIC) is None


def test_subscriptions_of_other_topics_and_other_calls_are_not_confirmed() -> None:
    base = "https://sns.eu-west-1.amazonaws.com/"
    ours = f"{base}?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37f"
    assert _sns.subscription(ours, TOPIC) == ours
    for other in (
        ours.replace("eu-west-1.ama", "us-east-1.ama"),
        ours.replace("ses-events", "another"),
        ours.replace("ConfirmSubscription", "Unsubscribe"),
        ours + "&AuthenticateOnUnsubscribe=true",
        ours.replace("/?", "/x?"),
        "https://evil.example/?sns.amazonaws.com",
    ):
        assert _sns.subscription(other, TOPIC) == "", other


def test_a_certificate_is_one_and_nothing_beside_it() -> None:
    one = b"-----BEGIN CERTIFICATE-----\n" + b"A" * 64 + b"\n-----END CERTIFICATE-----\n"
    assert _sns.is_certificate(one)
    for other in (one + one, b"x\n" + one, one + b"trailing", b"", one.replace(b"CERTIFICATE", b"PUBLIC KEY")):
        assert not _sns.is_certificate(other)


@pytest.mark.parametrize("topic", ["ses-events", "arn:aws:sqs:eu-west-1:123456789012:q", "arn:aws:sns:eu:1:x"])
def test_a_topic_that_is_none_is_told_at_the_start(topic: str) -> None:
    with pytest.raises(Misconfigured, match="topic"):
        build("ses", {**SES.settings, "topic": topic}, SES.secrets, http=None)  # type: ignore[arg-type]


# ---------------------------------------------------------------- what providers echo

SECRET = 'p@ss/wö"rd+1&x'


@pytest.mark.parametrize(
    "echo",
    [
        SECRET,
        "p%40ss%2Fw%C3%B6%22rd%2B1%26x",
        "p%40ss%2fw%c3%b6%22rd%2b1%26x",
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        'p@ss\\/wö\\"rd+1&x',
        "p@ss/wö&quot;rd+1&amp;x",
        "Authorization: Basic " + base64.b64encode(f"api:{SECRET}".encode()).decode(),
        "Basic " + base64.b64encode(f"AC123:{SECRET}".encode()).decode(),
        base64.urlsafe_b64encode(f"ab:{SECRET}".encode()).decode().rstrip("="),
        "x="
        + base64.b64encode(f"{SECRET}{SECRET}".encode())
        .decode()
        .replace("+", "%2B")
        .replace("/", "%2F")
        .replace("=", "%3D"),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
    ],
)
def test_our_secrets_are_taken_out_of_what_providers_say_however_they_write_them(echo: str) -> None:
    clean = scrub(f"401 {echo} is wrong", [SECRET], [])
    assert "[secret]" in clean
    assert clean.startswith("401 ")
    assert clean.endswith(" is wrong")
    for form in (SECRET, base64.b64encode(SECRET.encode()).decode()[:12], SECRET.encode().hex()[:12], "wö", "w%C3"):
        assert form.lower() not in clean.lower()


async def test_a_receipt_that_echoes_our_credentials_is_kept_without_them(tmp_path: Path) -> None:
    """Also a receipt that was asked for: what a proxy or a provider puts into its words is theirs to choose."""
    async with hook("mailgun", tmp_path, {}) as (callbacks, at, box):
        message = await accept_one(box, planned("m1", via=("mailgun",)))
        await send(box, message, Accepted(MAIL_ID), SENT, channel="mailgun")
        secret = at.channel.secret["MAILGUN_API_KEY"]
        echo = base64.b64encode(f"api:{secret}".encode()).decode()
        update = ReceiptUpdate(
            state=ReceiptState.UNDELIVERED,
            provider_id=MAIL_ID,
            code="550",
            detail=f"Basic {echo} for {EMAIL} was refused",
        )
        await callbacks._receipts.apply(at.channel, update)
        story = await box.views.story("B-1")
        assert story is not None
        (attempt,) = story.attempts
        assert attempt.receipt_detail.endswith("was refused")
    left = everything_in(tmp_path)
    assert echo[8:].encode() not in left
    assert secret.encode() not in left


def test_logs_know_our_secrets_in_any_spelling_too() -> None:
    redactor = Redactor({"SMTP_PASSWORD": SECRET})
    said = redactor.text("sent Authorization: " + base64.b64encode(f"api:{SECRET}".encode()).decode())
    assert said == "sent Authorization: [secret]"


def test_long_tokens_and_keys_of_several_lines_are_taken_out_whole() -> None:
    token = "eyJ" + "".join(chr(97 + n % 26) for n in range(1500)) + "." + "z" * 300
    assert scrub(f"Bearer {token} expired", [token], []) == "Bearer [secret] expired"
    key = (
        "-----BEGIN PRIVATE KEY-----\n"
        + "\n".join(f"{n:02}" + "MIIEvQIBADANBgkq" * 3 for n in range(25))
        + "\n-----END PRIVATE KEY-----\n"
    )
    clean = scrub(f"can't read {json.dumps(key)} as a key", [key], [])
    assert "MIIE" not in clean
    assert clean.endswith(" as a key")


def test_what_is_no_secret_is_left_as_it_was() -> None:
    text = "message order-1042-ready of 2026-11-27T10:00:00Z was refused: aGVsbG8gd29ybGQ= deadbeefdeadbeef"
    assert scrub(text, [SECRET], []) == text


# ---------------------------------------------------------------- whoever it is


FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@pytest.mark.parametrize(("name", "kind"), [("twilio", FORM), ("plivo", FORM), ("vonage", FORM), ("vonage", JSON)])
async def test_a_stranger_s_million_fields_are_not_read(name: str, kind: str) -> None:
    """To take them apart and sort them holds everything up for seconds, before there is any signature to look at."""
    body = b"a&" * 2**20 if kind == FORM else json.dumps({str(n): "" for n in range(100_000)}).encode()
    async with bench(name) as at:
        with pytest.raises(InboundRefused, match="fields") as refused:
            at.channel.receive(inbound(body, {"Content-Type": kind}))
    assert refused.value.status == 401, "it counts as a forged one"
