"""FCM: Google's token for a signed assertion, and a message that Google's own discovery document allows."""

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from daemon.channels.base import Misconfigured
from daemon.channels.registry import build
from daemon.http import open_http
from outbox.model import Rendered
from outbox.outcome import Accepted, Deferred, Rejected, Scope
from tests.conformance.cases.fcm import KEY_FILE, PRIVATE_KEY
from tests.support.at_vendor import Bench, bench
from tests.support.channel_case import NOW, Answer, outgoing, says
from tests.support.fake_clock import FakeClock
from tests.support.shared import shared

TOKEN = r"POST https://oauth2"
SEND = r"POST https://fcm"


def verified(at: Bench) -> dict[str, Any]:
    """The claims of the assertion that was posted, its signature checked with the public key as Google would."""
    form = parse_qs(at.last(TOKEN).body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    words, _, signature = form["assertion"][0].rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    PRIVATE_KEY.public_key().verify(raw, words.encode(), padding.PKCS1v15(), hashes.SHA256())
    head, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in words.split("."))
    assert head == {"alg": "RS256", "typ": "JWT", "kid": "0123456789abcdef"}
    assert isinstance(claims, dict)
    return claims


async def test_the_assertion_is_signed_by_the_service_account_s_key() -> None:
    async with bench("fcm") as at:
        assert isinstance(await at.channel.send(at.out()), Accepted)
        assert verified(at) == {
            "iss": "tether@demo.iam.gserviceaccount.com",
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "aud": "https://oauth2.googleapis.com/token",
            "iat": NOW // 1000,
            "exp": NOW // 1000 + 3600,
        }
        assert at.last(SEND).headers["authorization"] == "Bearer ya29.token-0123456789"


async def test_one_token_serves_until_shortly_before_it_lapses() -> None:
    async with bench("fcm") as at:
        for wait in (0, 3000):
            await at.clock.advance(wait)
            await at.channel.send(at.out())
        assert sum("/token" in line for line in at.lines()) == 1
        await at.clock.advance(400)
        await at.channel.send(at.out())
        assert sum("/token" in line for line in at.lines()) == 2
        assert verified(at)["iat"] == NOW // 1000 + 3400, "an assertion carries the time at which it is used"


async def test_a_revoked_key_pauses_the_channel_and_mends_with_the_clock() -> None:
    refusal = says({"error": "invalid_grant", "error_description": "Invalid JWT: iat and exp out of range"}, 400)
    async with bench("fcm", {TOKEN: refusal}) as at:
        outcome = await at.channel.send(at.out())
    assert isinstance(outcome, Rejected)
    assert outcome.scope is Scope.CHANNEL
    assert outcome.after == 900
    assert "clock" in outcome.remedy


async def test_no_token_because_google_is_down_was_never_sent() -> None:
    async with bench("fcm", {TOKEN: Answer(503)}) as at:
        assert isinstance(await at.channel.send(at.out()), Deferred)
        assert not any("messages:send" in line for line in at.lines())


async def test_a_repeat_replaces_the_first() -> None:
    async with bench("fcm") as at:
        await at.channel.send(at.out())
        message = at.body(SEND)["message"]
    ours = at.out().message_id
    assert message["android"]["collapse_key"] == message["android"]["notification"]["tag"] == ours
    assert message["apns"]["headers"]["apns-collapse-id"] == message["webpush"]["headers"]["Topic"] == ours
    assert message["data"]["id"] == ours
    assert len(ours) <= 32, "Web Push allows no longer topic"


@pytest.mark.parametrize(("left", "ttl"), [(12 * 3600, "43200s"), (-5, "0s"), (90 * 86400, "2419200s")])
async def test_the_time_to_live_ends_with_the_message(left: int, ttl: str) -> None:
    async with bench("fcm") as at:
        await at.channel.send(at.out(expires_at=NOW + left * 1000))
        assert at.body(SEND)["message"]["android"]["ttl"] == ttl


async def test_a_check_sends_nothing() -> None:
    async with bench("fcm") as at:
        assert (await at.channel.check()).ok
        assert at.body(SEND)["validate_only"] is True


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("/nowhere/key.json", "No such file"),
        ("{}", "no key of a service account"),
        (json.dumps({**json.loads(KEY_FILE), "private_key": "no PEM"}), "no key of a service account"),
        (json.dumps({**json.loads(KEY_FILE), "project_id": ""}), "project_id is missing"),
    ],
    ids=["no file", "no key", "no private key", "no project"],
)
async def test_a_key_that_can_not_be_used_is_named_at_the_start(content: str, words: str) -> None:
    async with open_http(FakeClock()) as http:
        with pytest.raises(Misconfigured, match=words):
            build("fcm", {}, {"GOOGLE_APPLICATION_CREDENTIALS": content}, http)


async def test_the_key_may_be_a_file(tmp_path: Any) -> None:
    file = tmp_path / "key.json"
    file.write_text(KEY_FILE)
    async with open_http(FakeClock()) as http:
        channel = build("fcm", {}, {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}, http)
    assert channel.hosts() == (("fcm.googleapis.com", 443),)


async def test_google_s_discovery_document_knows_every_field() -> None:
    """The OpenAPI file is a conversion; this asks Google's own document, name by name."""
    document = json.loads(shared("specs/fcm.discovery.json").read_text())
    schemas = document["schemas"]

    def check(value: Any, schema: dict[str, Any], path: str) -> None:
        schema = schemas[schema["$ref"]] if "$ref" in schema else schema
        if schema.get("type") == "object" and "properties" in schema:
            for name, inner in value.items():
                camel = "".join(part.title() if place else part for place, part in enumerate(name.split("_")))
                assert camel in schema["properties"], f"{path}.{name}"
                check(inner, schema["properties"][camel], f"{path}.{name}")
        elif schema.get("type") == "object" and "additionalProperties" in schema:
            assert all(isinstance(inner, str) for inner in value.values()), path
        elif "enum" in schema:
            assert value in schema["enum"], path
        elif schema.get("type") == "string":
            assert isinstance(value, str), path

    async with bench("fcm") as at:
        for out in (at.out(), at.out(to="/topics/team", expires_at=None)):
            await at.channel.send(out)
            check(at.body(SEND), {"$ref": "SendMessageRequest"}, "request")
        method = document["resources"]["projects"]["resources"]["messages"]["methods"]["send"]
        assert at.last(SEND).path == "/" + method["flatPath"].replace("{projectsId}", "demo")
    assert outgoing().message_id in json.dumps(at.body(SEND))


@pytest.mark.parametrize(
    ("text", "title"),
    [("Order B-1042 is ready.", "Balloon Loft"), ("Please call us.", "Balloon Loft · B-1042")],
)
async def test_whoever_reads_it_sees_which_order_it_is_about(text: str, title: str) -> None:
    async with bench("fcm") as at:
        await at.channel.send(at.out(rendered=Rendered(text)))
        assert json.loads(at.last(SEND).body)["message"]["notification"] == {"title": title, "body": text}
