"""HTTP as channels and sources know it: a request and an answer as plain values, and the one place where transport faults become outcomes.

`Http` owns nothing but a borrowed session: the composition root enters `open_http` once and hands the same `Http` to all.
"""

import html
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from yarl import URL

from daemon.shortage import CODE, is_short
from daemon.shortage import words as words_of_shortage
from outbox.clock import Clock
from outbox.outcome import Deferred, Unknown

MAX_ANSWER = 2**20
"""Bytes of an answer that are read, where its request wants no more; what lies beyond is left unread and the connection is closed."""
CONNECT_SECONDS = 5.0
"""At most this much of a channel's timeout may go into DNS, TCP and TLS."""
KEEP_SECONDS = 4.0
"""How long an idle connection is kept: less than servers do (many close after five), since a request that crosses with their
closing can't be told from one that arrived."""

Pairs: TypeAlias = Sequence[tuple[str, str]]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent. `path` is percent-encoded and starts with "/"; `origin` names a second host of the vendor."""

    method: str
    path: str
    query: Pairs = ()
    headers: Mapping[str, str] = {}
    body: bytes = b""
    origin: str | None = None
    most: int = MAX_ANSWER
    """Bytes of its answer that are read."""

    @property
    def target(self) -> str:
        """Path and query as they go on the wire."""
        return f"{self.path}?{encode(self.query)}" if self.query else self.path

    def with_headers(self, headers: Mapping[str, str]) -> "Request":
        """The same with these headers more."""
        return msgspec.structs.replace(self, headers={**self.headers, **headers})


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, whatever its status. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def is_page(self) -> bool:
        """A web page for people: some portal or proxy answered, not an API."""
        start = self.body[:64].lstrip().lower()
        typed = self.headers.get("content-type", "").lower().startswith("text/html")
        return start.startswith((b"<!doctype html", b"<html")) or (typed and start.startswith(b"<"))

    def json(self) -> Any:
        """The body as JSON values; None where it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is anything else."""
        value = self.json()
        return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The JSON objects in a JSON array, whatever else a provider put there."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def unescaped(text: str) -> str:
    """Words that a provider writes as HTML has them (`&amp;`), as people read them. A stranger may have written them: what stands for a
    character by a number of thousands of digits stays as it is."""
    try:
        return html.unescape(text)
    except ValueError:  # Python turns no number of so many digits into an integer
        return text


Answer: TypeAlias = Response | Deferred | Unknown
"""An answer, or why there is none: Deferred when nothing was sent, Unknown when it may have been."""


def encode(pairs: Pairs) -> str:
    """Percent-encode as RFC 3986 has it (space as %20)."""
    return urlencode(list(pairs), quote_via=quote, safe="")


def json_request(method: str, path: str, value: Any, *, headers: Mapping[str, str] | None = None) -> Request:
    """A request whose body is JSON."""
    head = {"Content-Type": "application/json", **(headers or {})}
    return Request(method=method, path=path, headers=head, body=msgspec.json.encode(value))


def form_request(method: str, path: str, pairs: Pairs, *, headers: Mapping[str, str] | None = None) -> Request:
    """A request whose body is application/x-www-form-urlencoded."""
    head = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    return Request(method=method, path=path, headers=head, body=urlencode(list(pairs)).encode())


class Http:
    """Sends requests and tells what became of them, as values: it raises for cancellation only. `open_http` makes one."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._session = session
        self.clock = clock
        self.on_date: Callable[[int], None] = lambda at: None
        """Told what time (ms) a server says it is, where TLS proves who says so."""

    async def exchange(self, base: str, request: Request, seconds: float) -> Answer:
        """One request and its answer, within that many seconds. `base` is scheme, host and perhaps a path prefix."""
        trace = SimpleNamespace(written=False)
        timeout = aiohttp.ClientTimeout(total=seconds, connect=min(CONNECT_SECONDS, seconds))
        try:
            async with self._session.request(
                request.method,
                URL(base.rstrip("/") + request.target, encoded=True),
                data=request.body or None,
                headers=request.headers,
                timeout=timeout,
                allow_redirects=False,
                trace_request_ctx=trace,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                if base.startswith("https://") and (at := _date(headers.get("date", ""))):
                    self.on_date(at)
                return Response(status=response.status, headers=headers, body=await _body(response, request.most))
        except (aiohttp.ClientError, TimeoutError, OSError, MemoryError, ValueError) as error:
            return _fault(error, written=trace.written)


def _date(written: str) -> int | None:
    """The moment (ms) that a Date header names (RFC 9110, 5.6.7)."""
    try:
        return round(parsedate_to_datetime(written).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


async def _body(response: aiohttp.ClientResponse, most: int) -> bytes:
    """What can be read of the body: the status is known by now, so a cut here is no reason to forget it."""
    body = bytearray()
    try:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > most:
                response.close()
                break
    except (aiohttp.ClientError, TimeoutError, OSError):
        response.close()
    return bytes(body[:most])


async def read_up_to(content: aiohttp.StreamReader, most: int) -> bytes:
    """All of a body, to that many bytes: `read` by itself gives what has come so far."""
    body = bytearray()
    while len(body) < most and (piece := await content.read(most - len(body))):
        body += piece
    return bytes(body)


def _fault(error: Exception, *, written: bool) -> Deferred | Unknown:
    what = _words(error)
    if written:
        return Unknown(f"the request may have arrived: {what}", code="no_answer")
    if is_short(error):
        return Deferred(words_of_shortage(error), code=CODE, local=True)
    may_be_the_line = isinstance(error, aiohttp.ClientError | OSError)
    return Deferred(f"no connection: {what}", code="unreachable", unreachable=may_be_the_line)


def _words(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not valid (is this machine's clock right? is there a login page in between?)"
        case aiohttp.ClientConnectorDNSError():
            return "its name could not be looked up"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "TLS failed"
        case aiohttp.ConnectionTimeoutError():
            return "connecting took too long"
        case TimeoutError():
            return "no answer in time"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError() | aiohttp.ClientPayloadError():
            return "the connection was cut"
        case aiohttp.ClientResponseError():
            return "the answer was not HTTP"
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, ConnectionRefusedError):
            return "nobody answers at its address"
        case ValueError():
            return "its address, or what is sent along, can't be written so"
        case OSError() if error.errno and error.errno > 0:
            return os.strerror(error.errno)
        case _:
            return type(error).__name__


async def _headers_sent(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.written = True


@asynccontextmanager
async def open_http(clock: Clock) -> AsyncIterator[Http]:
    """The one session of the process: no cookies, no redirects, no environment; concurrency is the dispatcher's business."""
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_headers_sent)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_SECONDS, ttl_dns_cache=60)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "Tether"},
        trace_configs=[trace],
        raise_for_status=False,
        trust_env=False,
    ) as session:
        yield Http(session, clock)
