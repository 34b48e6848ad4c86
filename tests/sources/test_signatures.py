"""Who may post: each scheme against its vendor's own library, the sheets' vectors, and what must be refused."""

import hmac
import json
import re
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook

from daemon.intake import signatures
from daemon.intake.base import Body, HookRefused
from daemon.intake.signatures import SignatureTable
from daemon.intake.values import text_of
from tests.support.shared import shared
from tests.support.sources import NOW, AHook, base64_hmac, source_of

BODY = b'{"id": "evt_1", "object": "event", "type": "payment_intent.succeeded"}'
SECONDS = NOW // 1000
STANDARD_KEY = "whsec_YmFsbG9vbi1zaG9wLXRlc3Qtc2VjcmV0LTAwMDE="


def sheet(name: str) -> str:
    return shared(f"providers/{name}.md").read_text(encoding="utf-8")


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, pattern
    return match[1]


# ---------------------------------------------------------------- vendors' own libraries


def test_stripes_own_library_signs_what_we_take() -> None:
    stripe = pytest.importorskip("stripe")
    signature = stripe.WebhookSignature._compute_signature(f"{SECONDS}.{BODY.decode()}", "whsec_balloon")
    hook = AHook(body=BODY, headers={"stripe-signature": f"t={SECONDS},v1=00ff,v1={signature},v0=nothing"})
    signatures.stripe(hook, ("whsec_old", "whsec_balloon"))


def test_stripes_own_library_takes_what_we_take() -> None:
    stripe = pytest.importorskip("stripe")
    now = int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{now}.{BODY.decode()}", "whsec_balloon")
    header = f"t={now},v1={signature}"
    assert stripe.Webhook.construct_event(BODY, header, "whsec_balloon").type == "payment_intent.succeeded"
    signatures.stripe(AHook(body=BODY, headers={"stripe-signature": header}, now=now * 1000), ("whsec_balloon",))


def test_squares_own_library_agrees() -> None:
    helper = pytest.importorskip("square.utils.webhooks_helper")
    url, key = "https://relay.example.com/v1/hooks/square", "asdf_signature_key"
    given = base64_hmac(key, url.encode() + BODY)
    assert helper.verify_signature(
        request_body=BODY.decode(), signature_header=given, signature_key=key, notification_url=url
    )
    square = source_of("mapped", {"SQUARE_WEBHOOK_SECRET": key}, name="square", preset="square")
    hook = AHook(source="square", body=BODY, url=url, headers={"x-square-hmacsha256-signature": given})
    square.verify(hook)
    with pytest.raises(HookRefused):
        square.verify(msgspec.structs.replace(hook, url=url + "/"))


def test_hubspots_own_library_agrees() -> None:
    signature = pytest.importorskip("hubspot.utils.signature")
    url, stamp = "https://relay.example.com/hooks/hubspot?store=berlin", str(int(time.time() * 1000))
    text = b"POST" + url.encode() + BODY + stamp.encode()
    given = base64_hmac("client-secret", text)
    assert signature.Signature.is_valid(
        signature=given,
        client_secret="client-secret",
        request_body=BODY.decode(),
        http_uri=url,
        http_method="POST",
        signature_version="v3",
        timestamp=stamp,
    )
    headers = {"x-hubspot-signature-v3": given, "x-hubspot-request-timestamp": stamp}
    signatures.hubspot(AHook(body=BODY, url=url, headers=headers, now=int(stamp)), ("client-secret",))


def test_adyens_own_library_agrees() -> None:
    util = pytest.importorskip("Adyen.util")
    key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
    item: dict[str, Any] = {
        "pspReference": "7914073381342284",
        "merchantAccountCode": "BalloonLoftPOS",
        "merchantReference": "B-1042",
        "amount": {"value": 4850, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
    }
    given = util.generate_notification_sig(item, key)
    item["additionalData"] = {"hmacSignature": given.decode() if isinstance(given, bytes) else given}
    assert signatures.adyen_holds(item, (key,))
    assert not signatures.adyen_holds({**item, "success": "false"}, (key,))


def test_the_standard_webhooks_library_agrees() -> None:
    moment = datetime.fromtimestamp(SECONDS, UTC)
    given = Webhook(STANDARD_KEY).sign("msg_1", moment, BODY.decode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(SECONDS), "webhook-signature": f"v1a,junk junk {given}"}
    signatures.standard(AHook(body=BODY, headers=headers), (STANDARD_KEY,))
    with pytest.raises(HookRefused, match="does not hold"):
        signatures.standard(AHook(body=BODY + b" ", headers=headers), (STANDARD_KEY,))


# ---------------------------------------------------------------- the sheets' vectors


@pytest.mark.parametrize(
    ("kind", "file", "header", "name"),
    [
        ("shopify", "shopify-orders-updated.json", "x-shopify-hmac-sha256", "shopify"),
        ("woocommerce", "woocommerce-order-updated.json", "x-wc-webhook-signature", "woocommerce"),
    ],
)
def test_shops_vectors(kind: str, file: str, header: str, name: str) -> None:
    text = sheet(name)
    secret = found(r"secret `([^`]+)`", text)
    for body, given in (
        (found(r"secret `[^`]+`, body `([^`]+)`", text).encode(), found(r"body `[^`]+` -> `([^`]+)`", text)),
        (
            shared(f"samples/{file}").read_bytes(),
            found(rf"{re.escape(file)}`? (?:as stored )?\([^)]*\) -> `([^`]+)`", text),
        ),
    ):
        shop = source_of(kind, {"WEBSHOP_WEBHOOK_SECRET": f"the_new_one,{secret}"})
        shop.verify(AHook(body=body, headers={header: given}))
        with pytest.raises(HookRefused):
            shop.verify(AHook(body=body + b" ", headers={header: given}))


@pytest.mark.parametrize("file", ["stripe-payment-failed", "stripe-payment-succeeded", "stripe-refund"])
def test_stripes_vectors(file: str) -> None:
    text = sheet("tills-and-payments")
    secret = found(r"secret `(whsec_balloon[^`]*)`", text)
    word = file.removeprefix("stripe-").removeprefix("payment-")
    given = found(rf"{word} `([0-9a-f]{{64}})`", text)
    hook = AHook(
        body=shared(f"samples/{file}.json").read_bytes(),
        headers={"stripe-signature": f"t=1795510931,v1={given}"},
        now=1795510931_000,
    )
    signatures.stripe(hook, (secret,))
    with pytest.raises(HookRefused, match="5 minutes"):
        signatures.stripe(msgspec.structs.replace(hook, now=hook.now + 301_000), (secret,))
    with pytest.raises(HookRefused, match="5 minutes"):
        signatures.stripe(msgspec.structs.replace(hook, now=hook.now - 301_000), (secret,))
    signatures.stripe(msgspec.structs.replace(hook, now=0, clock_trusted=False), (secret,))


@pytest.mark.parametrize(
    ("preset", "header", "file", "pattern", "secret"),
    [
        ("toast", "toast-signature", "toast-order-updated.json", r"file `(7MLT[^`]+)`", r"secret `(toast_[^`]+)`"),
        (
            "frappe",
            "x-frappe-webhook-signature",
            "frappe-sales-order.json",
            r"file `(EkVL[^`]+)`",
            r"secret `(frappe_[^`]+)`",
        ),
    ],
)
def test_tills_vectors(preset: str, header: str, file: str, pattern: str, secret: str) -> None:
    text = sheet("tills-and-payments")
    till = source_of("mapped", {"WEBSHOP_WEBHOOK_SECRET": found(secret, text)}, preset=preset)
    body = shared(f"samples/{file}").read_bytes()
    till.verify(AHook(body=body, headers={header: found(pattern, text)}))
    with pytest.raises(HookRefused):
        till.verify(AHook(body=body[:-1], headers={header: found(pattern, text)}))


def test_lightspeeds_vector_in_hex_and_its_like_in_base64() -> None:
    text = sheet("tills-and-payments")
    secret, body = found(r"secret `(vend_[^`]+)`", text), found(r"body `(payload=[^`]+)`", text).encode()
    till = source_of("mapped", {"WEBSHOP_WEBHOOK_SECRET": secret}, preset="lightspeed")
    for given in (found(r"hex `([0-9a-f]{64})`", text), base64_hmac(secret, body)):
        till.verify(AHook(body=body, headers={"x-signature": f"signature={given},algorithm=HMAC-SHA256"}))


def test_hubspots_vector() -> None:
    text = sheet("inbound-webhooks")
    vector = found(r"(secret `1111.*?`\[\{.*?->[^\n]+)", text)
    headers = {
        "x-hubspot-signature-v3": found(r"-> `([^`]+)`", vector),
        "x-hubspot-request-timestamp": found(r"timestamp `(\d+)`", vector),
    }
    hook = AHook(
        body=found(r"body `([^`]+)`", vector).encode(),
        url=found(r"POST `([^`]+)`", vector),
        headers=headers,
        now=1795510931_000,
    )
    signatures.hubspot(hook, (found(r"secret `([^`]+)`", vector),))
    with pytest.raises(HookRefused, match="5 minutes"):
        signatures.hubspot(msgspec.structs.replace(hook, now=hook.now - 400_000), (found(r"secret `([^`]+)`", vector),))


def test_the_standard_webhooks_vector() -> None:
    text = sheet("inbound-webhooks")
    secret, given = found(r"secret `(whsec_[^`]+)`", text), found(r"-> `(v1,[^`]+)`", text)
    body = found(r'body `(\{"type":"order.ready"[^`]+)`', text).encode()
    headers = {"webhook-id": "msg_2balloon1001", "webhook-timestamp": "1795510931", "webhook-signature": given}
    signatures.standard(AHook(body=body, headers=headers, now=1795510931_000), (secret,))


# ---------------------------------------------------------------- general schemes


def test_hmac_over_whatever_the_table_says() -> None:
    table = SignatureTable(
        header="X-Sig", prefix="sha512=", algorithm="sha512", signed="v0:{header:x-time}:{body}", timestamp="X-Time"
    )
    digest = hmac.digest(b"key", f"v0:{SECONDS}:".encode() + BODY, "sha512").hex()
    hook = AHook(body=BODY, headers={"x-sig": f"sha512={digest.upper()}", "x-time": str(SECONDS)})
    signatures.verify(table, hook, ("key",))
    with pytest.raises(HookRefused, match="5 minutes"):
        signatures.verify(table, msgspec.structs.replace(hook, now=NOW + 301_000), ("key",))
    with pytest.raises(HookRefused, match="does not begin"):
        signatures.verify(table, AHook(body=BODY, headers={"x-sig": digest, "x-time": str(SECONDS)}), ("key",))
    with pytest.raises(HookRefused, match="missing"):
        signatures.verify(table, AHook(body=BODY), ("key",))


@pytest.mark.parametrize(
    ("table", "hook"),
    [
        (
            SignatureTable(kind="token", header="Authorization", prefix="Bearer "),
            AHook(headers={"authorization": "Bearer t0k"}),
        ),
        (SignatureTable(kind="token", query="token"), AHook(query=[("token", "t0k")])),
        (SignatureTable(kind="token", field="auth.token"), AHook(body=b'{"auth": {"token": "t0k"}}')),
    ],
)
def test_tokens_by_header_query_or_field(table: SignatureTable, hook: AHook) -> None:
    signatures.verify(table, hook, ("other", "t0k"))
    for secrets in (("wrong",), ("",)):
        with pytest.raises(HookRefused):
            signatures.verify(table, hook, secrets)
    with pytest.raises(HookRefused):
        signatures.verify(table, AHook(), ("t0k",))


@pytest.mark.parametrize("kind", ["shopify", "woocommerce", "hubspot", "zoho", "pos"])
def test_without_a_secret_nobody_gets_in(kind: str) -> None:
    headers = {
        "x-shopify-hmac-sha256": base64_hmac("", BODY),
        "x-wc-webhook-signature": base64_hmac("", BODY),
        "x-hubspot-signature-v3": base64_hmac("", BODY),
        "x-hubspot-request-timestamp": str(NOW),
    }
    with pytest.raises(HookRefused, match="WEBSHOP_WEBHOOK_SECRET"):
        source_of(kind).verify(AHook(body=BODY, headers=headers))


def test_a_mapped_source_without_a_signature_takes_nothing() -> None:
    with pytest.raises(HookRefused, match="not guarded"):
        source_of("mapped", type="type", order={"ref": "ref"}).verify(AHook(body=BODY))


@pytest.mark.parametrize("charset", ["punycode", "undefined", "unicode_escape"])
def test_a_stranger_chooses_no_codec_of_pythons(charset: str) -> None:
    """Adyen signs each item by itself, so the body is read before anybody is known: two megabytes as punycode took an hour."""
    source = source_of("mapped", {"WEBSHOP_WEBHOOK_SECRET": "00"}, preset="adyen")
    named = f"application/json; charset={charset}"
    with pytest.raises(HookRefused):
        source.verify(AHook(body=b'{"notificationItems": "a-1"}', headers={"content-type": named}))
    assert text_of(Body(b"b\\u00fc-1 a..b", named)) == "b\\u00fc-1 a..b"


@pytest.mark.parametrize(
    "charset", ["UTF-8", '"utf8"', "utf-16le", "iso-8859-15", "Windows-1251", "latin1", "koi8-r", "shift_jis", "GB2312"]
)
def test_a_charset_of_texts_is_read(charset: str) -> None:
    name = charset.strip('"')
    text = {"Windows-1251": "Шар", "koi8-r": "Шар", "shift_jis": "風船", "GB2312": "气球"}.get(charset, "Größe")
    assert text_of(Body(text.encode(name), f"text/plain; charset={charset}; x=1")) == text


def test_shopifys_header_of_another_shop_is_refused() -> None:
    shop = source_of("shopify", {"WEBSHOP_WEBHOOK_SECRET": "s"}, shop="balloon-loft")
    headers = {"x-shopify-hmac-sha256": base64_hmac("s", BODY), "x-shopify-shop-domain": "Balloon-Loft.myshopify.com"}
    shop.verify(AHook(body=BODY, headers=headers))
    with pytest.raises(HookRefused, match="another shop"):
        shop.verify(AHook(body=BODY, headers={**headers, "x-shopify-shop-domain": "other.myshopify.com"}))


@pytest.mark.parametrize(
    ("table", "body", "kept"),
    [
        ({"kind": "token", "field": "auth.token"}, {"auth": {"token": "2024"}, "id": "2024117"}, True),
        ({"kind": "token", "field": "auth.token"}, {"id": "2024117"}, False),
        ({"kind": "token", "header": "X-Token"}, {"token": "2024", "id": "2024117"}, False),
        ({"kind": "hmac", "header": "X-Sig", "field": "token"}, {"token": "2024"}, False),
    ],
)
def test_only_the_token_itself_is_taken_out_of_what_is_kept(
    table: dict[str, Any], body: dict[str, Any], kept: bool
) -> None:
    raw = json.dumps(body).encode()
    without = signatures.without_token(signatures.SignatureTable(**table), raw)
    if not kept:
        assert without == raw
    else:
        assert json.loads(without) == {**body, "auth": {"token": "[secret]"}}


def test_a_body_that_is_none_is_kept_as_it_is() -> None:
    assert signatures.without_token(signatures.SignatureTable(kind="token", field="token"), b"{") == b"{"
