"""What a server says may come in pieces, as it does from those that write small records of TLS, or chunks: it is read whole."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from daemon.fleet.join import join
from daemon.fleet.join_code import SECRET_BYTES, Welcome, make_code
from daemon.fleet.nkey import KeyPair
from daemon.hq.authority import make_authority, vouch
from daemon.hq.config import Oidc
from daemon.hq.page.oidc import discover


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set once somebody has read what there was."""
    event, read = asyncio.Event(), aiohttp.StreamReader.read

    async def reading(content: aiohttp.StreamReader, n: int = -1) -> bytes:
        found = await read(content, n)
        event.set()
        return found

    monkeypatch.setattr(aiohttp.StreamReader, "read", reading)
    return event


@asynccontextmanager
async def saying(answers: Mapping[str, str], taken: asyncio.Event, tls: ssl.SSLContext | None) -> AsyncIterator[str]:
    """A server of that much, at the yielded URL: the second half of an answer comes once the first was read. In an answer, URL is the server's."""

    async def say(request: web.Request) -> web.StreamResponse:
        said = answers[request.path].replace("URL", str(request.url.origin())).encode()
        taken.clear()
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(said[:20])
        await taken.wait()
        await response.write(said[20:])
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", say)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_provider(taken: asyncio.Event) -> None:
    said = '{"issuer": "URL", "authorization_endpoint": "URL/a", "token_endpoint": "URL/t"}'
    async with saying({"/.well-known/openid-configuration": said}, taken, None) as url, aiohttp.ClientSession() as http:
        assert (await discover(http, Oidc(url, "headquarters"))).token_endpoint == f"{url}/t"


async def test_headquarters_where_a_store_joins(taken: asyncio.Event, tmp_path: Path) -> None:
    """Its code is spent once it answered."""
    now = datetime.now(UTC)
    authority = make_authority("Balloon Loft", now)
    pair = vouch(authority, ["127.0.0.1"], now)
    (tmp_path / "web.pem").write_bytes(pair.certificate + pair.key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "web.pem")
    ca = authority.certificate.decode()
    welcome = msgspec.json.encode(Welcome("soho", (), ca, "claim")).decode()
    async with saying({"/v1/join/ca": ca, "/v1/join": welcome}, taken, tls) as url:
        joined = await join(make_code(url, ca, bytes(SECRET_BYTES)), KeyPair.make("user"))
    assert joined.welcome.store == "soho"
