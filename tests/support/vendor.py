"""A provider for tests: a real HTTP server on loopback that answers from a table, keeps what it was sent, and can misbehave.

`Detour` takes requests that are meant for any vendor's host to it, with that host as the first part of the path.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
from aiohttp import web

from daemon.http import Answer as WireAnswer
from daemon.http import Http, Request
from outbox.clock import Clock

DATE = "Tue, 24 Nov 2026 10:16:00 GMT"
"""What the vendor's clock shows unless an answer says otherwise: a minute after FakeClock starts."""

Fault = Literal["hang", "reset", "garbage", "cut", "endless"]


@dataclass(frozen=True)
class Answer:
    """What the vendor says: a status, a body and headers."""

    status: int = 200
    body: bytes | str = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else self.body


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    origin: str
    path: str
    """As it stood on the wire, still percent-encoded."""
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.origin}{self.path}"


class Vendor:
    """`steps` answers by the first pattern (a regular expression on `METHOD https://host/path`) that matches."""

    def __init__(self, steps: Mapping[str, Answer]) -> None:
        self.steps = dict(steps)
        self.faults: dict[str, Fault] = {}
        self.seen: list[Seen] = []
        self.arrived = asyncio.Event()
        self._server = web.Server(self._handle, access_log=None)
        self.port = 0

    def last(self, pattern: str) -> Seen:
        """The newest request that matches. Fails the test when there is none."""
        found = [seen for seen in self.seen if re.search(pattern, seen.line)]
        assert found, f"no request matches {pattern!r} among {[seen.line for seen in self.seen]}"
        return found[-1]

    @property
    def connections(self) -> int:
        return len(self._server.connections)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        raw_path, _, query = request.raw_path.partition("?")
        _, scheme, host, rest = raw_path.split("/", 3)
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Seen(request.method, f"{scheme}://{host}", f"/{rest}", query, headers, await request.read())
        self.seen.append(seen)
        fault = next((kind for pattern, kind in self.faults.items() if re.search(pattern, seen.line)), None)
        if fault is not None:
            self.arrived.set()
            return await self._misbehave(request, fault)
        answer = next((answer for pattern, answer in self.steps.items() if re.search(pattern, seen.line)), None)
        assert answer is not None, f"the case has no answer for {seen.line}"
        return web.Response(status=answer.status, body=answer.bytes, headers={"Date": DATE, **answer.headers})

    async def _misbehave(self, request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        if fault == "hang":
            await asyncio.Event().wait()
        if fault == "garbage":
            transport.write(b"\x15\x03\x01 this is no HTTP\r\n\r\n")  # type: ignore[attr-defined]
            transport.close()
        if fault == "reset":
            transport.abort()  # type: ignore[attr-defined]
        if fault in {"cut", "endless"}:
            response = web.StreamResponse(headers={"Content-Length": str(10**9), "Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(b'{"half": ' if fault == "cut" else b" " * 2**21)
            if fault == "cut":
                transport.abort()  # type: ignore[attr-defined]
            return response
        return web.Response()


class Detour(Http):
    """An Http whose every request lands at the vendor's stand-in, whatever host it was for."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock, port: int) -> None:
        super().__init__(session, clock)
        self.port = port

    async def exchange(self, base: str, request: Request, seconds: float) -> WireAnswer:
        return await super().exchange(f"http://127.0.0.1:{self.port}/{base.replace('://', '/', 1)}", request, seconds)


@asynccontextmanager
async def serving(vendor: Vendor) -> AsyncIterator[Vendor]:
    """Run the vendor on a free port of loopback."""
    runner = web.ServerRunner(vendor._server, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    vendor.port = runner.addresses[0][1]
    try:
        yield vendor
    finally:
        await runner.cleanup()
