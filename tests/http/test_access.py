"""Who may call: tokens and scopes, the counter's own door, signatures, and how often."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import pwd
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from daemon.config import Hook, Rate, Settings
from tests.http.test_hostile import connected, status
from tests.support.busy import MOST
from tests.support.face import Face, event, opened, serving
from tests.support.fake_clock import FakeClock
from tests.support.shared import shared
from tests.support.small_store import SmallStore, store_settings

READS = [
    "/v1/orders",
    "/v1/messages",
    "/v1/channels",
    "/v1/optouts",
    "/v1/replies",
    "/v1/call-list",
    "/v1/status",
    "/v1/templates",
]
ADMIN_READS = ["/v1/audit", "/v1/audit/export", "/v1/audit/verify", "/v1/audit/head", "/v1/tokens"]


@pytest.mark.parametrize(
    "path", [*READS, *ADMIN_READS, "/v1/orders/B-1", "/v1/messages/m1", "/v1/events/e1", "/v1/stream"]
)
async def test_every_read_under_v1_wants_a_token(face: Face, path: str) -> None:
    answer = await face.get(path, as_=None)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "token new" in answer.problem["detail"]


@pytest.mark.parametrize(
    "header",
    [
        "Bearer nonsense",
        "Bearer ",
        "Basic dGlsbDpzZWNyZXQ=",
        "tt_till-2_secret",
        "Bearer t\xe9t",
        "Bearer " + "x" * 5000,
    ],
)
async def test_wrong_credentials(face: Face, header: str) -> None:
    answer = await face.get("/v1/orders", as_=None, headers={"Authorization": header})
    assert answer.status == 401
    assert b"secret" not in answer.body


@pytest.mark.parametrize(
    ("who", "allowed", "refused"),
    [
        ("till-2", [], [*READS, *ADMIN_READS]),
        ("screen", READS, ADMIN_READS),
        ("desk", READS, ADMIN_READS),
        ("owner", [*READS, *ADMIN_READS], []),
    ],
)
async def test_what_scopes_may_read(face: Face, who: str, allowed: list[str], refused: list[str]) -> None:
    for path in allowed:
        assert (await face.get(path, as_=who)).status == 200, path
    for path in refused:
        answer = await face.get(path, as_=who)
        assert answer.status == 403, path
        assert "insufficient_scope" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(("who", "status"), [("till-2", 202), ("screen", 403), ("desk", 403), ("owner", 202)])
async def test_who_may_post_events(face: Face, who: str, status: int) -> None:
    assert (await face.post("/v1/events", event(), as_=who)).status == status


@pytest.mark.parametrize("path", ["/v1/orders/B-1042/hold", "/v1/messages/preview", "/v1/messages/m1/cancel"])
async def test_acts_want_staff(face: Face, path: str) -> None:
    for who in ("till-2", "screen"):
        assert (await face.post(path, as_=who)).status == 403


@pytest.mark.parametrize("path", ["/v1/channels/twilio/pause", "/v1/tokens", "/v1/uplink", "/v1/reload"])
async def test_what_concerns_the_service_wants_admin(face: Face, path: str) -> None:
    assert (await face.post(path, as_="desk")).status == 403


async def test_machines_need_no_token(face: Face) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        assert (await face.get(path, as_=None)).status == 200


async def test_token_works_the_moment_it_is_made_and_ends_when_revoked(face: Face) -> None:
    made = await face.post("/v1/tokens", {"name": "till-9", "scopes": ["events", "events"]})
    assert made.status == 201
    assert made.json["scopes"] == ["events"]
    bearer = {"Authorization": f"Bearer {made.json['token']}"}
    assert (await face.post("/v1/events", event(), as_=None, headers=bearer)).status == 202
    assert "till-9" in [each["name"] for each in (await face.get("/v1/tokens")).json["items"]]
    misspelt = await face.call("DELETE", "/v1/tokens/til-9")
    assert (misspelt.status, "did you mean 'till-9'?" in misspelt.problem["detail"]) == (404, True)
    assert (await face.call("DELETE", "/v1/tokens/till-9")).json == {"name": "till-9", "revoked": True}
    assert (await face.post("/v1/events", event(), as_=None, headers=bearer)).status == 401
    assert (await face.call("DELETE", "/v1/tokens/till-9")).status == 404


@pytest.mark.parametrize(
    ("scope", "path", "body"),
    [("admin", "/v1/tokens", {"name": "mine", "scopes": ["admin"]}), ("events", "/v1/events", event())],
)
async def test_what_a_token_began_before_it_was_revoked_is_not_done(
    face: Face, scope: str, path: str, body: dict[str, object]
) -> None:
    """A thief holds the end of a call back until the owner has noticed, and makes a token that outlives the stolen one."""
    stolen = (await face.post("/v1/tokens", {"name": "lost", "scopes": [scope]})).json["token"]
    raw = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {stolen}\r\nContent-Type: application/json\r\n"
    async with connected(face) as (reader, writer):
        writer.write(f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw[:9])
        assert (await face.get("/healthz", as_=None)).status == 200, "the call has begun"
        assert (await face.call("DELETE", "/v1/tokens/lost")).status == 200
        writer.write(raw[9:])
        async with asyncio.timeout(MOST):
            assert status(await reader.readuntil(b"\r\n\r\n")) == 401
    assert "mine" not in [each["name"] for each in (await face.get("/v1/tokens")).json["items"]]
    assert (await face.get("/v1/orders")).json["items"] == []


async def test_token_names_are_taken_once(face: Face) -> None:
    assert (await face.post("/v1/tokens", {"name": "till-2", "scopes": ["events"]})).status == 409
    assert (await face.post("/v1/tokens", {"name": "a b", "scopes": ["events"]})).fields == ["name"]
    assert (await face.post("/v1/tokens", {"name": "x", "scopes": ["root"]})).fields == ["scopes[0]"]


# ---------------------------------------------------------------- the counter's own door


async def test_socket_needs_no_token(store: SmallStore, tmp_path: Path) -> None:
    async with serving(store, socket=tmp_path / "tether.sock") as face:
        assert (await face.get("/v1/audit", as_=None)).status == 200
        assert (await face.post("/v1/events", event(), as_=None)).status == 202
        named = {"X-Tether-Source": "command-line", "X-Tether-Actor": "Ada"}
        assert (await face.post("/v1/events", event("e-2"), as_=None, headers=named)).status == 202
    first, second = await store.events()
    me = pwd.getpwuid(os.getuid()).pw_name
    assert (first.source, first.actor) == ("counter", f"{me} (uid {os.getuid()})")
    assert (second.source, second.actor) == ("command-line", f"Ada ({me}, uid {os.getuid()})")


async def test_source_can_not_be_claimed_over_tcp(face: Face) -> None:
    await face.post("/v1/events", event(), headers={"X-Tether-Source": "shopify"})
    assert (await face.store.events())[0].source == "owner"


async def test_odd_names_of_sources_and_people_count_as_none(store: SmallStore, tmp_path: Path) -> None:
    async with serving(store, socket=tmp_path / "tether.sock") as face:
        odd = {"X-Tether-Source": "a b/c", "X-Tether-Actor": "x\u200by"}
        await face.post("/v1/events", event(), as_=None, headers=odd)
    me = pwd.getpwuid(os.getuid()).pw_name
    (stored,) = await store.events()
    assert (stored.source, stored.actor) == ("counter", f"{me} (uid {os.getuid()})")


# ---------------------------------------------------------------- Standard Webhooks

KEY = "whsec_" + base64.b64encode(b"balloon-shop-test-secret-0001").decode()
OTHER = "whsec_" + base64.b64encode(b"another-secret-for-the-rotation").decode()
NOW = FakeClock().now() // 1000


def signed(body: bytes, key: str = KEY, *, at: int = NOW, id: str = "msg_1") -> dict[str, str]:
    secret = base64.b64decode(key.removeprefix("whsec_"))
    mac = hmac.new(secret, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": "v1," + base64.b64encode(mac).decode()}


async def post_signed(face: Face, body: bytes, headers: Mapping[str, str]) -> int:
    return (await face.call("POST", "/v1/events", raw=body, as_=None, headers=dict(headers))).status


def with_secret(value: str) -> Settings:
    return store_settings(secrets={"TETHER_WEBHOOK_SECRET": value})


@pytest.fixture
async def signing() -> AsyncIterator[Face]:
    """The face of a store that knows the secret."""
    async with opened(with_secret(KEY)) as face:
        yield face


BODY = json.dumps(event()).encode()


async def test_signature_instead_of_a_token(signing: Face) -> None:
    assert await post_signed(signing, BODY, signed(BODY)) == 202
    assert [each.source for each in await signing.store.events()] == ["pos"]


async def test_signature_made_by_the_public_library(signing: Face) -> None:
    clock = FakeClock()
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(clock.now() / 1000, UTC)
    signature = Webhook(KEY).sign("msg_2", at, BODY.decode())
    headers = {"webhook-id": "msg_2", "webhook-timestamp": str(NOW), "webhook-signature": f"v1a,junk {signature} v2,xx"}
    assert await post_signed(signing, BODY, headers) == 202


@pytest.mark.parametrize("separator", [",", " ", ", ", "\n"])
async def test_two_secrets_while_one_is_exchanged(separator: str) -> None:
    async with opened(with_secret(f"{KEY}{separator}{OTHER}")) as face:
        assert await post_signed(face, BODY, signed(BODY)) == 202
        assert await post_signed(face, BODY, signed(BODY, OTHER)) == 200


@pytest.mark.parametrize(
    "headers",
    [
        signed(BODY, OTHER),
        signed(BODY + b" "),
        {**signed(BODY), "webhook-id": "msg_2"},
        {**signed(BODY), "webhook-timestamp": str(NOW + 1)},
        {**signed(BODY), "webhook-timestamp": "soon"},
        {**signed(BODY), "webhook-signature": ""},
        {**signed(BODY), "webhook-signature": "v1,"},
        {**signed(BODY), "webhook-signature": "v1,\udce9"},
        {**signed(BODY), "webhook-signature": "v2," + signed(BODY)["webhook-signature"][3:]},
        {"webhook-id": "msg_1"},
        signed(BODY, at=NOW - 301),
        signed(BODY, at=NOW + 301),
    ],
)
async def test_signatures_that_do_not_hold(signing: Face, headers: Mapping[str, str]) -> None:
    assert await post_signed(signing, BODY, headers) == 401
    assert await signing.store.events() == []


@pytest.mark.parametrize("off", [-299, 299])
async def test_timestamps_within_five_minutes(signing: Face, off: int) -> None:
    assert await post_signed(signing, BODY, signed(BODY, at=NOW + off)) == 202


async def test_signature_alone_decides_while_the_clock_is_not_trusted() -> None:
    async with opened(with_secret(KEY), clock=FakeClock((NOW - 86_400) * 1000)) as face:
        assert await post_signed(face, BODY, signed(BODY, at=NOW - 90_000)) == 202


@pytest.mark.parametrize("secret", ["", "whsec_short", "whsec_!!!"])
async def test_missing_or_malformed_secret_lets_nobody_in(secret: str) -> None:
    async with opened(with_secret(secret)) as face:
        answer = await face.call("POST", "/v1/events", raw=BODY, as_=None, headers=signed(BODY))
        assert answer.status == 401
        assert "TETHER_WEBHOOK_SECRET" in answer.problem["detail"]
        assert secret == "" or secret.encode() not in answer.body


async def test_token_does_not_help_a_bad_signature(signing: Face) -> None:
    headers = {**signed(BODY, OTHER), "Authorization": f"Bearer {signing.secret('till-2')}"}
    assert await post_signed(signing, BODY, headers) == 401


async def test_the_sample_of_the_store_signed_as_written(signing: Face) -> None:
    body = shared("samples/standard-webhooks-order.json").read_bytes()
    assert await post_signed(signing, body, signed(body)) == 202
    assert [each.order_ref for each in await signing.store.events()] == ["B-1001"]


# ---------------------------------------------------------------- how often


async def test_one_client_calling_too_often_is_told_to_wait() -> None:
    async with opened(store_settings(hook=Hook(port=0, rate=Rate(1)))) as face:
        statuses = [(await face.get("/v1/channels", as_="screen")).status for _ in range(12)]
        assert statuses == [200] * 10 + [429] * 2
        answer = await face.get("/v1/channels", as_="screen")
        assert int(answer.headers["Retry-After"]) >= 1
        assert (await face.get("/v1/channels", as_="desk")).status == 200
        await face.store.clock.advance(1)
        assert (await face.get("/v1/channels", as_="screen")).status == 200
        assert (await face.post("/v1/events", event(), as_="till-2")).status == 202


async def test_a_rate_below_one_in_ten_seconds_lets_one_pass_at_a_time() -> None:
    async with opened(store_settings(hook=Hook(port=0, rate=Rate.parse("2/m")))) as face:
        assert [(await face.post("/v1/events", event(), as_="till-2")).status for _ in range(2)] == [202, 429]
        await face.store.clock.advance(30)
        assert (await face.post("/v1/events", event(), as_="till-2")).status == 200


async def test_guessing_is_slowed_down(face: Face) -> None:
    bad = {"Authorization": "Bearer guess"}
    statuses = [(await face.get("/v1/orders", as_=None, headers=bad)).status for _ in range(32)]
    assert statuses == [401] * 30 + [429] * 2
    assert (await face.get("/v1/orders", as_="screen")).status == 200
