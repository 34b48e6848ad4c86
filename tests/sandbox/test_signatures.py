"""Signatures are verified for real: published vectors hold, and anything with one bit changed does not."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from multidict import CIMultiDict

from daemon.sandbox.exchange import Call
from daemon.sandbox.providers.pusher import signature
from daemon.sandbox.providers.webhook import sign
from daemon.sandbox.sigv4 import SignatureProblem, verify
from tests.support.shared import shared
from tests.support.stand_in import NOW, StandIns, pusher_query


def flipped(data: bytes) -> Iterator[bytes]:
    """Each of them differs from the data in one bit."""
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << (bit % 8)
        yield bytes(changed)


# ---------------------------------------------------------------- AWS

VECTOR_TIME = 1_795_519_680_000
"""20261124T112800Z"""


def aws_call(vector: dict[str, str], *, now: int = VECTOR_TIME, prefix: str = "") -> Call:
    from urllib.parse import unquote

    url = urlsplit(vector["url"])
    headers = CIMultiDict({**vector["headers"], "Host": url.netloc})
    return Call(
        method=vector["method"],
        wire_path=f"{prefix}{url.path}",
        wire_query=url.query,
        path=unquote(url.path),
        headers=headers,
        body=vector["body"].encode(),
        now=now,
    )


def aws_vectors() -> list[dict[str, str]]:
    vectors: list[dict[str, str]] = json.loads(shared("specs/ses.sigv4-vectors.json").read_text())["vectors"]
    return vectors


def check(call: Call, vector: dict[str, str], **changes: str) -> str:
    credentials = {
        "access_key": vector["access_key"],
        "secret_key": vector["secret_key"],
        "session_token": vector["session_token"] or "",
        "service": "ses",
        **changes,
    }
    return verify(call, **credentials)


def test_aws_vectors_hold_also_behind_a_path_prefix() -> None:
    vectors = aws_vectors()
    assert len(vectors) >= 4
    for vector in vectors:
        assert check(aws_call(vector), vector) == "us-east-1"
        assert check(aws_call(vector, prefix="/ses"), vector) == "us-east-1"


def test_aws_refuses_a_body_with_one_bit_changed() -> None:
    vector = aws_vectors()[0]
    for body in flipped(vector["body"].encode()):
        call = aws_call(vector)
        call.body = body
        with pytest.raises(SignatureProblem, match="does not match"):
            check(call, vector)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_aws_refuses_an_old_or_early_signature(seconds: int) -> None:
    vector = aws_vectors()[0]
    with pytest.raises(SignatureProblem, match="Signature"):
        check(aws_call(vector, now=VECTOR_TIME + seconds * 1000), vector)
    assert check(aws_call(vector, now=VECTOR_TIME + seconds * 990), vector)


def test_aws_refuses_other_keys_services_tokens_and_headers() -> None:
    vector = aws_vectors()[0]
    for changes in ({"secret_key": "other"}, {"access_key": "other"}, {"session_token": "other"}, {"service": "sns"}):
        with pytest.raises(SignatureProblem):
            check(aws_call(vector), vector, **changes)
    for header, text in (("Host", "elsewhere.example"), ("Content-Type", "text/plain"), ("Authorization", "")):
        call = aws_call(vector)
        call.headers[header] = text  # type: ignore[index]
        with pytest.raises(SignatureProblem):
            check(call, vector)


def test_ses_says_so_in_its_own_shape(stand_ins: StandIns) -> None:
    call = stand_ins.call("ses", "POST", "/v2/email/outbound-emails", value={})
    call.body += b" "
    said = stand_ins.answer("ses", call)
    assert (said.status, said.headers["x-amzn-ErrorType"]) == (403, "SignatureDoesNotMatch")


# ---------------------------------------------------------------- Pusher

PUSHER = {"PUSHER_APP_ID": "3", "PUSHER_KEY": "278d425bdf160c739803", "PUSHER_SECRET": "7ad3773142a6692b25b8"}
OFFICIAL = {
    "auth_key": PUSHER["PUSHER_KEY"],
    "auth_timestamp": "1353088179",
    "auth_version": "1.0",
    "body_md5": "ec365a775a4cd0599faeb73354201b6f",
}


def test_pushers_official_vectors() -> None:
    official = "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"
    assert signature(PUSHER["PUSHER_SECRET"], "POST", "/apps/3/events", OFFICIAL) == official
    library = {
        "auth_key": "key",
        "auth_timestamp": "1000",
        "auth_version": "1.0",
        "body_md5": "94232c5b8fc9272f6f73a1e36eb68fcf",
    }
    expected = "e05fa4cafee86311746ee3981d5581a5e4e87c27bbab0aeb1059e2df5c90258b"
    assert signature("secret", "POST", "/some/obscure/api", library) == expected
    reading = {**OFFICIAL, "info": "subscription_count"}
    del reading["body_md5"]
    expected = "570e3da1fc1bbbb70100092290807a85e24cbfae0932b3fe2c9a7d829d41a8c6"
    assert signature(PUSHER["PUSHER_SECRET"], "GET", "/apps/3/channels/project-3", reading) == expected


def test_the_official_request_is_taken_in_its_time_and_not_ten_minutes_later() -> None:
    stand_ins = StandIns(secrets=PUSHER)
    body = b'{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}'
    query = {**OFFICIAL, "auth_signature": "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"}
    stand_ins.now = 1_353_088_179_000
    assert stand_ins.ask("pusher", "POST", "/apps/3/events", body=body, query=query, signed=False).status == 200
    stand_ins.later(601)
    assert stand_ins.ask("pusher", "POST", "/apps/3/events", body=body, query=query, signed=False).status == 401


def test_pusher_refuses_one_bit_more_or_less(stand_ins: StandIns) -> None:
    call = stand_ins.call("pusher", "POST", "/apps/3/events", value={"name": "n", "channel": "c", "data": "x"})
    for body in flipped(call.body):
        call.body = body
        assert stand_ins.answer("pusher", call).status == 401
    fresh = stand_ins.call("pusher", "POST", "/apps/3/events", value={"name": "n", "channel": "c", "data": "x"})
    fresh.wire_query = pusher_query(fresh, secret="other")
    assert stand_ins.answer("pusher", fresh).status == 401
    assert len(stand_ins.mailbox) == 0


# ---------------------------------------------------------------- Standard Webhooks

WEBHOOK = {"WEBHOOK_SECRET": "whsec_YmFsbG9vbi1zaG9wLXRlc3Qtc2VjcmV0LTAwMDE="}
BODY = b'{"type":"order.ready","timestamp":"2026-11-24T09:02:11Z","data":{"order_id":"1001"}}'
HEADERS = {
    "webhook-id": "msg_2balloon1001",
    "webhook-timestamp": "1795510931",
    "webhook-signature": "v2,what v1,8G4FEc4jmnUOYr6j5rExNWboUQDDv8nBtPHV++mfYb0=",
}


def test_the_standard_webhooks_vector_is_taken_among_junk_and_refused_with_one_bit_changed() -> None:
    stand_ins = StandIns(secrets=WEBHOOK)
    stand_ins.now = 1_795_510_931_000
    assert stand_ins.ask("webhook", "POST", "/store", body=BODY, headers=HEADERS).status == 200
    for body in flipped(BODY):
        assert stand_ins.ask("webhook", "POST", "/store", body=body, headers=HEADERS).status == 401
    assert len(stand_ins.mailbox) == 1


@pytest.mark.parametrize("seconds", [-301, 301])
def test_standard_webhooks_refuses_what_is_too_old_or_too_new(seconds: int) -> None:
    stand_ins = StandIns(secrets=WEBHOOK)
    stand_ins.now = 1_795_510_931_000 + seconds * 1000
    assert stand_ins.ask("webhook", "POST", "/store", body=BODY, headers=HEADERS).status == 401


def test_signs_as_the_reference_library_does() -> None:
    from datetime import UTC, datetime

    from standardwebhooks import Webhook

    at = datetime(2026, 11, 24, 9, 2, 11, tzinfo=UTC)
    theirs = Webhook(WEBHOOK["WEBHOOK_SECRET"]).sign("msg_2balloon1001", at, BODY.decode())
    assert sign(WEBHOOK["WEBHOOK_SECRET"], "msg_2balloon1001", "1795510931", BODY) == theirs


# ---------------------------------------------------------------- Google


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def assertion(key: rsa.RSAPrivateKey, **changes: object) -> str:
    claims = {
        "iss": "tether@sandbox-project.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/firebase.messaging",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": NOW // 1000,
        "exp": NOW // 1000 + 3600,
        **changes,
    }
    head, body = ({"alg": "RS256", "typ": "JWT", "kid": "k"}, claims)
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, body))
    mac = key.sign(signed, PKCS1v15(), SHA256())
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def grant(stand_ins: StandIns, text: str) -> tuple[int, str]:
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": text}
    said = stand_ins.ask("auth", "POST", "/token", form=form)
    return said.status, said.json.get("error", "")


def test_a_good_assertion_buys_a_token_that_sends(key: rsa.RSAPrivateKey) -> None:
    stand_ins = StandIns(google_key=key.public_key())
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion(key)}
    token = stand_ins.ask("auth", "POST", "/token", form=form).json["access_token"]
    body = {"message": {"token": "abc", "notification": {"title": "t", "body": "b"}}}
    path = "/v1/projects/sandbox-project/messages:send"
    assert stand_ins.ask("fcm", "POST", path, value=body, headers={"Authorization": f"Bearer {token}"}).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody@else.example"},
        {"scope": "https://www.googleapis.com/auth/drive"},
        {"aud": "https://elsewhere.example/token"},
        {"exp": NOW // 1000 + 7200},
        {"exp": NOW // 1000 - 1, "iat": NOW // 1000 - 3600},
        {"iat": NOW // 1000 + 600, "exp": NOW // 1000 + 4200},
        {"iat": "now"},
    ],
)
def test_claims_that_do_not_hold_are_an_invalid_grant(key: rsa.RSAPrivateKey, changes: dict[str, object]) -> None:
    assert grant(StandIns(google_key=key.public_key()), assertion(key, **changes)) == (400, "invalid_grant")


def test_an_assertion_by_another_key_or_changed_on_the_way_is_refused(key: rsa.RSAPrivateKey) -> None:
    stand_ins = StandIns(google_key=key.public_key())
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert grant(stand_ins, assertion(other)) == (400, "invalid_grant")
    head, body, mac = assertion(key).split(".")
    first = "B" if mac[0] != "B" else "C"
    assert grant(stand_ins, f"{head}.{body}.{first}{mac[1:]}") == (400, "invalid_grant")
    for broken in ("", "a.b", "a.b.c", f"{head}.!!.{mac}"):
        assert grant(stand_ins, broken) == (400, "invalid_grant")
