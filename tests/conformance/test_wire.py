"""How requests travel: which faults were before and which after writing, what `base_url` stands for, what is read of an answer."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from daemon.channels.base import Misconfigured
from daemon.channels.registry import build, channel_class
from daemon.config import ConfigError
from daemon.http import (
    MAX_ANSWER,
    Http,
    Request,
    Response,
    encode,
    form_request,
    json_request,
    objects,
    open_http,
)
from outbox.outcome import Accepted, Deferred, Unknown
from tests.support.busy import MOST, too_late
from tests.support.certificate import server_context
from tests.support.channel_case import outgoing, says
from tests.support.fake_clock import FakeClock
from tests.support.vendor import Answer, Vendor, serving

GET = Request(method="GET", path="/a%2Fb", query=[("DateSent>", "2026-11-24"), ("q", "a b&c")])


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with open_http(FakeClock()) as http:
        yield http


def test_queries_are_encoded_as_rfc_3986_has_it() -> None:
    assert GET.target == "/a%2Fb?DateSent%3E=2026-11-24&q=a%20b%26c"
    assert encode([("é", "~")]) == "%C3%A9=~"


def test_bodies_name_their_kind() -> None:
    form = form_request("POST", "/", [("To", "+1"), ("Body", "a b")])
    assert (form.headers["Content-Type"], form.body) == ("application/x-www-form-urlencoded", b"To=%2B1&Body=a+b")
    value = json_request("PUT", "/", {"a": "é"}, headers={"X": "1"})
    assert (value.headers, value.body) == ({"Content-Type": "application/json", "X": "1"}, '{"a":"é"}'.encode())


@pytest.mark.parametrize(
    ("headers", "body", "is_page"),
    [
        ({}, b"  <!DOCTYPE html><p>hello", True),
        ({}, b"<HTML>", True),
        ({"content-type": "text/html"}, b"<head>", True),
        ({"content-type": "text/html"}, b"OK", False),
        ({"content-type": "application/json"}, b"{}", False),
        ({"content-type": "text/xml"}, b"<Response/>", False),
    ],
)
def test_a_page_is_told_from_an_answer(headers: dict[str, str], body: bytes, is_page: bool) -> None:
    assert Response(status=200, headers=headers, body=body).is_page is is_page


def test_objects_are_picked_from_whatever_came() -> None:
    assert objects([{"a": 1}, 5, None, [], {"b": 2}]) == [{"a": 1}, {"b": 2}]
    assert objects({"a": 1}) == objects(None) == objects("[]") == []


# ---------------------------------------------------------------- faults


async def test_the_path_goes_out_as_it_was_written(http: Http) -> None:
    async with serving(Vendor({"": says({})})) as vendor:
        answer = await http.exchange(f"http://127.0.0.1:{vendor.port}/https/api.example.com/", GET, 5)
    assert isinstance(answer, Response)
    assert vendor.seen[0].path + "?" + vendor.seen[0].query == GET.target
    assert "cookie" not in vendor.seen[0].headers


async def test_a_connection_is_used_again_and_cookies_are_not_kept(http: Http) -> None:
    async with serving(Vendor({"": Answer(200, b"{}", {"Set-Cookie": "session=1"})})) as vendor:
        for _ in range(3):
            await http.exchange(f"http://127.0.0.1:{vendor.port}/https/api.example.com", GET, 5)
        assert vendor.connections == 1
    assert all("cookie" not in seen.headers for seen in vendor.seen)


@pytest.mark.parametrize("base", ["http://127.0.0.1:1", "http://name-that-is-not.invalid", "http://[::1]:1"])
async def test_what_could_not_connect_was_never_sent(http: Http, base: str) -> None:
    answer = await http.exchange(base, GET, 5)
    assert isinstance(answer, Deferred)
    assert answer.unreachable
    assert answer.reason.startswith("no connection")


async def test_a_server_that_does_not_finish_the_handshake_was_sent_nothing(http: Http) -> None:
    """TCP connects, TLS gets no answer: the time runs out before anything of the message could be written."""
    hello = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        hello.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        answer = await too_late(http.exchange(url, GET, MOST), hello)
    assert isinstance(answer, Deferred)
    assert answer.unreachable


async def test_a_certificate_that_nobody_vouches_for_is_no_provider(http: Http, tmp_path: Path) -> None:
    seen: list[str] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        seen.append(request.path)
        return web.Response()

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    context: ssl.SSLContext = server_context(tmp_path)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        answer = await http.exchange(f"https://127.0.0.1:{runner.addresses[0][1]}", GET, 5)
    finally:
        await runner.cleanup()
    assert isinstance(answer, Deferred)
    assert answer.unreachable
    assert "certificate" in answer.reason
    assert not seen


async def test_a_reset_after_writing_may_have_arrived(http: Http) -> None:
    async with serving(Vendor({})) as vendor:
        vendor.faults[""] = "reset"
        posted = json_request("POST", "/send", {})
        answer = await http.exchange(f"http://127.0.0.1:{vendor.port}/https/api.example.com", posted, 5)
    assert isinstance(answer, Unknown)


async def test_a_refusal_is_a_refusal_though_its_body_was_cut(http: Http) -> None:
    """Once the status is known, a 4xx is never unknown."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{"half"')
        await writer.drain()
        writer.transport.abort()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    async with server:
        answer = await http.exchange(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", GET, 5)
    assert isinstance(answer, Response)
    assert answer.status == 400


async def test_a_long_answer_is_read_to_the_limit_only(http: Http) -> None:
    async with serving(Vendor({"": Answer(200, b"x" * (MAX_ANSWER + 1))})) as vendor:
        answer = await http.exchange(f"http://127.0.0.1:{vendor.port}/https/api.example.com", GET, 5)
    assert isinstance(answer, Response)
    assert len(answer.body) == MAX_ANSWER


# ---------------------------------------------------------------- addresses and tables


async def test_base_url_stands_for_scheme_and_host(http: Http) -> None:
    secrets = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "token-0123456789"}
    async with serving(Vendor({"POST": says({"sid": "SM1"}, 201)})) as vendor:
        base = f"http://127.0.0.1:{vendor.port}/https/prefix/twilio/"
        channel = build("twilio", {"from": "+15005550006", "base_url": base}, secrets, http)
        assert await channel.send(outgoing()) == Accepted("SM1")
        assert channel.hosts() == (("127.0.0.1", vendor.port),)
    assert vendor.seen[0].path == "/twilio/2010-04-01/Accounts/AC1/Messages.json"


async def test_auth_url_stands_for_the_token_endpoint_and_base_url_for_the_rest(http: Http) -> None:
    secrets = {"OUTLOOK_TENANT_ID": "t1", "OUTLOOK_CLIENT_ID": "c1", "OUTLOOK_CLIENT_SECRET": "secret-0123456789"}
    steps = {r"/token$": says({"access_token": "token-1", "expires_in": 3600}), r"sendMail$": Answer(202)}
    async with serving(Vendor(steps)) as vendor:
        table = {
            "sender": "a@b.example",
            "base_url": f"http://127.0.0.1:{vendor.port}/https/api",
            "auth_url": f"http://127.0.0.1:{vendor.port}/https/auth",
        }
        assert isinstance(await build("outlook", table, secrets, http).send(outgoing(to="ada@example.com")), Accepted)
    assert [seen.line for seen in vendor.seen] == [
        "POST https://auth/t1/oauth2/v2.0/token",
        "POST https://api/v1.0/users/a@b.example/sendMail",
    ]


def test_every_host_is_the_vendors_own_and_safe() -> None:
    channel = build("slack", {}, {"SLACK_BOT_TOKEN": "xoxb-1"}, http=None)  # type: ignore[arg-type]
    assert channel.hosts() == (("slack.com", 443),)


@pytest.mark.parametrize("url", ["127.0.0.1:9100", "http://127.0.0.1:99999", "http://[", "ftp://127.0.0.1"])
def test_an_address_that_is_none_is_misconfigured(url: str) -> None:
    with pytest.raises(Misconfigured, match="base_url"):
        build("slack", {"base_url": url}, {"SLACK_BOT_TOKEN": "xoxb-1"}, http=None)  # type: ignore[arg-type]
    keys = {"WOOCOMMERCE_KEY": "ck", "WOOCOMMERCE_SECRET": "cs", "WEBHOOK_SECRET": "whsec_" + "QUFB" * 8}
    for name in ("woocommerce", "webhook"):
        with pytest.raises(Misconfigured, match="url"):
            build(name, {"url": url}, keys, http=None)  # type: ignore[arg-type]


def test_a_missing_key_leaves_only_that_channel_out() -> None:
    with pytest.raises(Misconfigured, match=r"domain and from are missing in \[channels\.mailgun\]"):
        build("mailgun", {}, {"MAILGUN_API_KEY": "k"}, http=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "table", [{"domain": 5}, {"domain": "d", "regio": "eu"}, {"domain": "d", "from": "a", "region": "mars"}]
)
def test_a_table_that_cannot_be_meant_stops_the_service(table: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"channels\.mailgun"):
        build("mailgun", table, {"MAILGUN_API_KEY": "k"}, http=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "hint"), [("twillio", "did you mean 'twilio'"), ("pigeon", "there are activecampaign, ")]
)
def test_an_unknown_channel_is_named_with_the_nearest_or_those_there_are(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=rf"channels\.{name}: no such channel; {hint}"):
        channel_class(name)
