"""Clients that mean harm or don't know better, on raw sockets: smuggling, slowness, size, odd paths, nonsense."""

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from daemon.api.plumbing import gate
from daemon.wire.problem import ProblemBody
from tests.support.busy import MOST
from tests.support.face import Face, event
from tests.support.outbox_box import PHONE


def token(face: Face) -> bytes:
    """The header by which the till is known."""
    return f"Authorization: Bearer {face.secret('till-2')}\r\n".encode()


@asynccontextmanager
async def connected(face: Face) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", face.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask(face: Face, request: bytes) -> bytes:
    """What comes back until the server closes, or is done answering."""
    async with connected(face) as (reader, writer):
        writer.write(request)
        async with asyncio.timeout(MOST):
            start = await reader.read(1)  # an end of ours that comes before the answer may be taken for a hang-up
            if b"onnection: close" not in request:
                with contextlib.suppress(OSError):  # it may have hung up by now
                    writer.write_eof()
            return start + await reader.read()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def unharmed(face: Face) -> None:
    """The service goes on for others."""
    assert (await face.get("/healthz", as_=None)).status == 200
    assert await face.store.events() == []


@pytest.mark.parametrize(
    "line", [b"\x16\x03\x01\x02\x00\x01\r\n", b"GET / HTTP/1.1\r\nno header\r\n", b"GET http://x:99999/ HTTP/1.1\r\n"]
)
async def test_what_is_no_http_is_refused_like_all_else_and_names_no_release(face: Face, line: bytes) -> None:
    """Who looks for boxes to attack learned which Python and which aiohttp it is, and with them what they are open to."""
    head, _, body = (await ask(face, line + b"\r\n")).partition(b"\r\n\r\n")
    assert b"aiohttp" not in head.lower()
    assert b"Server: tether" in head
    assert b"X-Content-Type-Options: nosniff" in head
    refusal = msgspec.json.decode(body, type=ProblemBody)
    assert (refusal.status, refusal.title) == (400, "Not readable")
    assert refusal.detail.startswith("this can't be read as HTTP: ")
    await unharmed(face)


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Content-Length: 4, 4\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length: 0x4\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"X-Bad: a\rb\r\n",
        b"X-Bad: a\0b\r\n",
        b" folded: yes\r\n",
        b"No colon here\r\n",
    ],
)
async def test_smuggling_is_refused(face: Face, headers: bytes) -> None:
    smuggled = b"0\r\n\r\nGET /v1/tokens HTTP/1.1\r\nHost: x\r\n\r\n"
    request = (
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        + token(face)
        + headers
        + b"\r\n"
        + smuggled
    )
    answer = await ask(face, request)
    assert status(answer) in (400, 422, 413)
    assert answer.count(b"HTTP/1.") == 1, answer
    await unharmed(face)


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/9.9",
        b"GET  / HTTP/1.1",
        b"GET",
        b"G\0T / HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET http:// HTTP/1.1",
        b"<xml/>",
    ],
)
async def test_what_is_not_http(face: Face, line: bytes) -> None:
    answer = await ask(face, line + b"\r\nHost: x\r\n\r\n")
    assert answer == b"" or status(answer) in (400, 404)
    await unharmed(face)


async def test_huge_headers(face: Face) -> None:
    for headers in (b"X-Big: " + b"a" * 20_000 + b"\r\n", b"".join(b"X-%d: a\r\n" % n for n in range(2000))):
        assert status(await ask(face, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")) in (400, 431)
    assert status(await ask(face, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")) in (400, 414)
    await unharmed(face)


@pytest.mark.parametrize(
    "path",
    [
        "/../etc/passwd",
        "/v1/../../etc/passwd",
        "/v1/orders/..%2f..%2fetc%2fpasswd",
        "/v1/orders/%00",
        "/v1/orders/%ff%fe",
        "//v1/orders",
        "/V1/orders",
        "/v1/orders/",
        "/v1//orders",
        "/docs/../v1/tokens",
        "/v1/orders;x=1",
        "/v1/orders%2f",
        "/static/",
        "/.env",
        "/" + "a/" * 500,
        "/%",
        "/v1/orders/%zz",
    ],
)
async def test_path_tricks_lead_nowhere(face: Face, path: str) -> None:
    request = (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {face.secret('screen')}\r\nConnection: close\r\n\r\n"
    )
    answer = await ask(face, request.encode())
    assert status(answer) in (400, 401, 403, 404), answer
    assert b"root:" not in answer


@pytest.mark.parametrize("path", ["/nope", "/v1/orders/", "/v1/nope"])
async def test_unknown_paths_are_problems(face: Face, path: str) -> None:
    assert (await face.get(path)).problem["status"] == 404


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/events", "OPTIONS, POST"),
        ("PUT", "/v1/orders", "GET, HEAD, OPTIONS, POST"),
        ("PATCH", "/v1/optouts", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("DELETE", "/healthz", "GET, HEAD, OPTIONS"),
        ("TRACE", "/docs", "GET, HEAD, OPTIONS"),
        ("PROPFIND", "/docs", "GET, HEAD, OPTIONS"),
    ],
)
async def test_wrong_methods(face: Face, method: str, path: str, allow: str) -> None:
    answer = await face.call(method, path)
    assert (answer.problem["status"], answer.headers["Allow"]) == (405, allow)


@pytest.mark.parametrize("path", ["/v1/events/", "//v1/events"])
async def test_a_slash_too_many_is_told(face: Face, path: str) -> None:
    """Where the box's address is set up with a slash at its end."""
    assert "; /v1/events is." in (await face.post(path, event())).problem["detail"]


async def test_options_and_head(face: Face) -> None:
    options = await face.call("OPTIONS", "/v1/messages", as_=None)
    assert (options.status, options.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    head = await face.call("HEAD", "/v1/orders")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["Content-Length"]) > 0
    assert (await face.call("HEAD", "/v1/orders", as_=None)).status == 401
    assert (await face.call("HEAD", "/nope")).status == 404


async def test_bombs_are_not_inflated(face: Face) -> None:
    body = b"[" + b" " * 50_000_000 + b"]"
    for coding, bomb in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
        answer = await face.call("POST", "/v1/events", raw=bomb, as_="till-2", headers={"Content-Encoding": coding})
        assert answer.status == 415
    await unharmed(face)


async def test_body_that_never_comes_is_given_up(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BODY_WAIT_S", 0.05)
    head = (
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        + token(face)
        + b"\r\n"
    )
    async with connected(face) as (reader, writer):
        writer.write(head + b'{"id":')
        async with asyncio.timeout(5):
            answer = await reader.readuntil(b"\r\n\r\n")
    assert status(answer) == 408
    assert b"Connection: close" in answer
    await unharmed(face)


async def test_headers_that_never_end_are_given_up(face: Face) -> None:
    async with connected(face) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        await unharmed(face)
        await face.store.clock.advance(12)
        async with asyncio.timeout(MOST):
            assert await reader.read() == b""
        await unharmed(face)


async def test_client_that_goes_in_the_middle(face: Face) -> None:
    head = (
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        + token(face)
        + b"\r\n"
    )
    for _ in range(20):
        async with connected(face) as (_reader, writer):
            writer.write(head + b"{")
            await writer.drain()
    await unharmed(face)


async def test_pipelined_requests_are_answered_in_order(face: Face) -> None:
    import json

    requests = b""
    for n in range(50):
        body = json.dumps(event(f"e-{n}")).encode()
        requests += b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + token(face)
        requests += b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with connected(face) as (reader, writer):
        writer.write(requests)
        for n in range(50):
            head = await reader.readuntil(b"\r\n\r\n")
            assert status(head) == 202
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length")
            )
            assert json.loads(await reader.readexactly(length))["event_id"] == f"e-{n}"


@pytest.mark.parametrize(
    ("request_line", "extra", "ends"),
    [
        (b"HTTP/1.0", b"", True),
        (b"HTTP/1.0", b"Connection: keep-alive\r\n", False),
        (b"HTTP/1.1", b"Connection: close\r\n", True),
    ],
)
async def test_connections_end_as_asked(face: Face, request_line: bytes, extra: bytes, ends: bool) -> None:
    import json

    body = json.dumps(event()).encode()
    async with connected(face) as (reader, writer):
        for _ in range(1 if ends else 2):
            writer.write(
                b"POST /v1/events "
                + request_line
                + b"\r\nHost: x\r\nContent-Type: application/json\r\n"
                + token(face)
                + extra
            )
            writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            async with asyncio.timeout(MOST):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(request_line + (b" 20"))
                length = next(
                    int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length")
                )
                await reader.readexactly(length)
        if ends:
            async with asyncio.timeout(MOST):
                assert await reader.read() == b""


async def test_waiting_for_our_word(face: Face) -> None:
    import json

    body = json.dumps(event()).encode()
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + token(face)
    async with connected(face) as (reader, writer):
        writer.write(head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        async with asyncio.timeout(MOST):
            assert status(await reader.readuntil(b"\r\n\r\n")) == 100
            writer.write(body)
            assert status(await reader.readuntil(b"\r\n\r\n")) == 202
    assert (
        status(await ask(face, b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nConnection: close\r\n\r\n"))
        == 417
    )


async def test_addresses_that_read_as_binary_json_are_no_damage(face: Face) -> None:
    """As they are stored, these are eight bytes that SQLite took for its own form of JSON: the service ended over each search."""
    damage: list[BaseException] = []
    face.store.box.when_damaged(damage.append)
    posted = await face.post(
        "/v1/events", event() | {"customer": {"name": "Ada", "addresses": {"": "b"}}}, as_="till-2"
    )
    assert posted.status == 202
    [message] = await face.store.messages()
    assert message.addresses == {"": "b"}
    for query in ({}, {"state": message.state.value}, {"order": message.order_ref}):
        found = await face.get("/v1/messages", query={**query, "recipient": PHONE})
        assert (found.status, found.json["items"]) == (200, [])
    assert damage == []


async def test_answers_carry_their_guards(face: Face) -> None:
    answers = [
        await face.post("/v1/events", event()),
        await face.get("/v1/orders"),
        await face.get("/nope"),
        await face.get("/docs", as_=None),
    ]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Server"] == "tether"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(("given", "kept"), [("till-7:42", True), ("a b", False), ("x" * 65, False), ("", False)])
async def test_request_ids(face: Face, given: str, kept: bool) -> None:
    problem = await face.get("/nope", headers={"X-Request-Id": given})
    assert (problem.problem["request_id"] == given) is kept
    assert problem.headers["X-Request-Id"] == problem.problem["request_id"]
