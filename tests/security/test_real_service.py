"""The running service, attacked from where attackers are: its port, what customers write, what lies on the disk."""

import asyncio
import json
import re
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.support.certificate import server_context
from tests.support.ports import free_port
from tests.support.shop import Shop, event, open_shop

ROUTES = """
[planning]
default_routes = false
[[route]]
on = "order.ready"
to = "customer"
via = ["twilio"]
"""


def on_port(shop: Shop, port: int, hook: str = "") -> None:
    shop.config.write_text(shop.config.read_text().replace("port = 0\n", f"port = {port}\n{hook}"))


@asynccontextmanager
async def listening(folder: Path) -> AsyncIterator[tuple[Shop, int]]:
    port = free_port()
    async with open_shop(folder, pace=0.02) as shop:
        shop.configure(["twilio"], ROUTES)
        on_port(shop, port)
        await shop.start()
        yield shop, port


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[tuple[Shop, int]]:
    async with listening(tmp_path) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def besieged(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Shop, int]]:
    """One service that bears it all."""
    async with listening(tmp_path_factory.mktemp("besieged")) as found:
        yield found


async def works(service: Shop, after: str) -> None:
    assert await service.post(event(f"after {after}")) == 202
    assert "Traceback" not in service.log


async def raw(port: int, request: bytes, *, seconds: float = 10.0, half_close: bool = True) -> bytes:
    """Send bytes; all that comes back until the other side closes. `half_close`: say that nothing more will come."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            await writer.drain()
            if half_close:
                writer.write_eof()
            return await reader.read()
        except OSError:  # ConnectionError, or ENOTCONN: it has hung up before all was said
            return b""
        finally:
            writer.close()


HEAD = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HOSTILE: dict[str, bytes] = {
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}GET /v1/audit HTTP/1.1\r\nHost: x\r\n\r\n",
    "length and chunks": HEAD
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/orders HTTP/1.1\r\nHost: x\r\n\r\n",
    "odd encoding": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "header of a megabyte": HEAD + b"X-Long: " + b"a" * 2**20 + b"\r\n\r\n",
    "ten thousand headers": HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(10_000)) + b"\r\n",
    "a null in the path": b"GET /v1/orders/\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "up and out": b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "up and out, encoded": b"GET /v1/orders/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "another host's": b"GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a tunnel": b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "noise": bytes(range(256)) * 64,
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("attack", HOSTILE)
async def test_what_is_no_request_gets_nothing_and_breaks_nothing(besieged: tuple[Shop, int], attack: str) -> None:
    service, port = besieged
    said = await raw(port, HOSTILE[attack])
    assert re.fullmatch(rb"(HTTP/1\.[01] 4\d\d.*)?", said.split(b"\r\n")[0]), said[:200]
    assert said.count(b"HTTP/1.1 2") == 0
    assert b"root:" not in said
    await works(service, attack)


async def test_many_that_never_finish_their_headers_keep_nobody_out(shop: tuple[Shop, int]) -> None:
    service, port = shop
    slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(200)]
    try:
        for _, writer in slow:
            writer.write(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nX-")
        async with asyncio.timeout(20):
            assert await service.post(event("meanwhile")) == 202
            request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            assert (await raw(port, request, half_close=False)).startswith(b"HTTP/1.1 200")
    finally:
        for _, writer in slow:
            writer.close()


BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "deep": (b'{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}", {}),
    "long number": (b'{"id": ' + b"9" * 200_000 + b"}", {}),
    "bomb": (b"\x1f\x8b" + bytes(1000), {"Content-Encoding": "gzip"}),
    "large": (b'{"id": "' + b"a" * 3 * 2**20 + b'"}', {}),
    "no text": (b'{"id": "\xff\xfe"}', {}),
    "half a pair": (b'{"id": "\\ud800", "type": "order.ready", "order": {"ref": "B-1"}}', {}),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("attack", BODIES)
async def test_bodies_that_mean_harm(besieged: tuple[Shop, int], attack: str) -> None:
    service, _ = besieged
    body, headers = BODIES[attack]
    async with service.session.post(
        "/v1/events", data=BytesIO(body), headers={"Content-Type": "application/json", **headers}
    ) as answer:
        assert 400 <= answer.status < 500
    await works(service, attack)


PAYLOADS = (
    "{{ 7*191 }}",
    "{% for x in range(9) %}1337{% endfor %}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "${7*191}",
    "<script>alert(1337)</script>",
    "Ada\r\nBcc: all@example.com",
    "%s%n{0.__class__}",
)


async def test_what_customers_write_is_never_a_template(tmp_path: Path) -> None:
    async with open_shop(tmp_path, pace=0.02) as shop:
        shop.configure(["twilio", "sendgrid"], ROUTES.replace('via = ["twilio"]', 'via = ["sendgrid"]'))
        await shop.start()
        for number, payload in enumerate(PAYLOADS):
            posted = event(number, email="ada@example.com")
            posted["customer"]["name"] = payload
            posted["order"]["note"] = payload
            assert await shop.post(posted) in (202, 422)
        await shop.until({"sent", "delivered"})
        mails = list(shop.sandbox.mailbox)
        assert mails
        for mail in mails:
            assert "1337" not in mail.text.replace("alert(1337)", "")
            assert "subclasses" not in mail.text or "{{" in mail.text
            assert "<script>" not in json.dumps(mail.data)
            assert "\n" not in (mail.subject or "")


async def test_secrets_and_addresses_are_in_no_log_and_no_answer(shop: tuple[Shop, int]) -> None:
    service, _ = shop
    secrets = [line.split("=", 1)[1] for line in (service.folder / ".env").read_text().splitlines() if "=" in line]
    assert await service.post(event("x", phone="07700 900123", email="ada@example.com")) == 202
    await service.until({"sent", "delivered", "failed"})
    answers = [
        json.dumps(await service.get(path))
        for path in ("/v1/channels", "/v1/messages", "/v1/orders", "/v1/audit", "/v1/status")
    ]
    async with service.session.get("/metrics") as metrics:
        answers.append(await metrics.text())
    for place in (service.log, *answers):
        assert not [secret for secret in secrets if len(secret) > 8 and secret in place]
        assert "7700900123" not in place.replace(" ", "")
        assert "ada@example.com" not in place


async def test_tokens_are_hashed_at_rest(shop: tuple[Shop, int]) -> None:
    service, port = shop
    token = (await asyncio.to_thread(service.tether, "token", "new", "till-9", "--scope", "events")).stdout.strip()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {token}"}) as till:
        async with till.post("/v1/events", json=event("by-token")) as answer:
            assert answer.status == 202
        async with till.get("/v1/orders") as answer:
            assert answer.status == 403
    await service.stop()
    for path in service.folder.glob("tether.db*"):
        assert token.encode() not in path.read_bytes()
        assert token.removeprefix("tether_").encode() not in path.read_bytes()
    assert token not in service.log


async def test_files_are_for_the_service_alone(shop: tuple[Shop, int]) -> None:
    service, _ = shop
    for name in ("tether.db", "tether.db-wal", "tether.db.lock"):
        assert (service.folder / name).stat().st_mode & 0o077 == 0, name
    # The socket itself is anybody's to knock at: test_doors shows that the service asks the kernel who it is.


# ---------------------------------------------------------------- TLS on the shop's network


async def test_tls_for_the_lan(tmp_path: Path) -> None:
    server_context(tmp_path)
    port = free_port()
    async with open_shop(tmp_path, pace=0.02) as shop:
        shop.configure(["twilio"], ROUTES)
        on_port(shop, port, 'tls_cert = "server.pem"\ntls_key = "server.pem"\n')
        await shop.start()
        token = (await asyncio.to_thread(shop.tether, "token", "new", "till-1", "--scope", "events")).stdout.strip()
        trusting = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
        trusting.check_hostname = False
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as till:
            async with till.post(f"https://127.0.0.1:{port}/v1/events", json=event("tls"), ssl=trusting) as answer:
                assert answer.status == 202
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await till.get(f"https://127.0.0.1:{port}/healthz")
        assert not (await raw(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 200")
        for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            assert not await asyncio.to_thread(shakes_hands, port, old)
        assert await asyncio.to_thread(shakes_hands, port, ssl.TLSVersion.TLSv1_2)


def shakes_hands(port: int, version: ssl.TLSVersion) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain):
            return True
    except (ssl.SSLError, OSError):
        return False


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "server.pem").unlink(), "hook.tls_cert"),
        (lambda folder: (folder / "server.pem").write_text("no certificate"), "hook.tls_cert"),
    ],
)
async def test_a_certificate_that_is_none_is_told(tmp_path: Path, spoil: Callable[[Path], Any], words: str) -> None:
    server_context(tmp_path)
    spoil(tmp_path)
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"], ROUTES)
        on_port(shop, free_port(), 'tls_cert = "server.pem"\ntls_key = "server.pem"\n')
        with pytest.raises(AssertionError, match="ended with 78"):
            await shop.start()
        assert words in shop.log
