"""The sandbox: every stand-in behind one HTTP port, mail behind another, and the line to both.

`async with Sandbox(clock=..., rng=...) as box` serves until the block ends; `box.url`, `box.smtp_port` say where.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import web

from daemon.sandbox.config import CREDENTIALS
from daemon.sandbox.console import Console
from daemon.sandbox.customers import Customers
from daemon.sandbox.exchange import Call, Response, plain
from daemon.sandbox.faults import Fault, Faults, Kind
from daemon.sandbox.line import Line, Mode
from daemon.sandbox.mailbox import Arrival, Mailbox
from daemon.sandbox.providers.base import Provider, World
from daemon.sandbox.providers.fcm import google_key
from daemon.sandbox.smtp import SmtpSink
from daemon.sandbox.stand_ins import StandIns
from daemon.sandbox.tokens import Tokens
from daemon.sandbox.windows import Windows
from outbox.clock import Clock
from outbox.model import Medium

PORTAL = b"<!doctype html><title>Free Wi-Fi</title><h1>Welcome</h1><form><button>Accept and connect</button></form>"
ACCEPTING = 3
"""Turns of the loop until whoever is being accepted is among a server's connections."""
GARBAGE = b'\x00\xff{"ok": tr\xfe<<<'


class Sandbox:
    """Owns its sockets while entered. May be cut, mended, troubled and reset at any time from the same loop."""

    def __init__(
        self,
        *,
        clock: Clock,
        rng: Random,
        host: str = "127.0.0.1",
        port: int = 0,
        smtp_port: int = 0,
        keep: int = 50_000,
        pace: float = 1.0,
        folder: Path | None = None,
        secrets: dict[str, str] | None = None,
    ) -> None:
        """`port` 0: any free one. `keep`: arrivals held. `pace`: seconds from queued to sent and from sent to delivered.
        `folder`: where `sandbox_settings` put the service account's key, whose assertions are then verified."""
        self._clock = clock
        self._host, self.port = host, port
        self.mailbox = Mailbox(keep)
        self.faults = Faults(rng)
        key = google_key(folder) if folder else None
        self.world = World(self.mailbox, Tokens(rng), Windows(), {**CREDENTIALS, **(secrets or {})}, rng, pace, key)
        self._stand_ins = StandIns(self.world)
        self._smtp = SmtpSink(self.world, self.faults, clock, host, smtp_port)
        self.line = Line(clock, self, self._smtp)
        self._smtp.line = self.line
        self.customers = Customers(self.mailbox, self.line, self._stand_ins, clock)
        self._console = Console(
            self.world, self._stand_ins, self.customers, self.faults, self.line, clock, reset=self.reset
        )
        self._server: web.Server | None = None
        self._socket: asyncio.Server | None = None
        self._closing = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Sandbox":
        await self._stack.enter_async_context(self.line)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._closing.set()
        await self._stack.aclose()

    # ------------------------------------------------------------ for those who embed it

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self.port}"

    @property
    def smtp_port(self) -> int:
        return self._smtp.port

    @property
    def messages(self) -> list[Arrival]:
        """What arrived and is still held, oldest first."""
        return list(self.mailbox)

    async def cut(self, mode: Mode = "refused", for_seconds: float | None = None) -> None:
        await self.line.cut(mode, for_seconds)

    async def restore(self) -> None:
        await self.line.restore()

    def fault(self, kind: Kind, provider: str = "*", **more: Any) -> None:
        """Put trouble in force; `more` as in `Fault`."""
        self.faults.add(Fault(kind=kind, provider=provider, **more), self._clock.monotonic())

    def wrote(self, provider: str, customer: str) -> None:
        """The customer wrote to the store: whatsapp's or messenger's window is open for 24 hours."""
        self.world.windows.wrote(provider, customer, self._clock.now())

    def reset(self) -> None:
        """As new: nothing arrived, no faults, nobody known. The line stays as it is, and so do the access tokens."""
        self.mailbox.clear()
        self.customers.forget()
        self.faults.clear()
        self.world.windows.clear()
        self._stand_ins.renew()

    @property
    def media(self) -> Mapping[str, Medium]:
        """Each stand-in, and what it carries."""
        return self._stand_ins.media

    # ------------------------------------------------------------ the HTTP socket (a `line.Listener`)

    @property
    def address(self) -> tuple[str, int]:
        return self._host, self.port

    async def listen(self) -> None:
        self._server = web.Server(self._handle, access_log=None, keepalive_timeout=75.0)
        loop = asyncio.get_running_loop()
        self._socket = await loop.create_server(self._server, self._host, self.port, reuse_address=True, backlog=1024)
        self.port = self._socket.sockets[0].getsockname()[1]

    async def deafen(self) -> None:
        if self._socket is None or self._server is None:
            return
        loop = asyncio.get_running_loop()
        for listening in self._socket.sockets:
            loop.remove_reader(
                listening
            )  # whoever asyncio is accepting while the socket closes it would never let go of
        for _turn in range(ACCEPTING):
            await self._clock.sleep(0)
        self._socket.close()
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        await self._server.shutdown(0.05)
        self._socket = self._server = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        wire_path, _, wire_query = request.raw_path.partition("?")
        name, _, rest = request.path.removeprefix("/").partition("/")
        if name == "_sandbox":
            return await self._console.answer(request, rest)
        if not self.line.up:
            await self.line.quiet()
            return _hang_up(request)
        provider, body = self._stand_ins.get(name), await _body(request)
        if provider is None:
            answer: Response | None = plain(
                404, f"No stand-in {name!r} here. There are: {', '.join(self._stand_ins.media)}.\n"
            )
        elif body is None:
            answer = provider.problem(413, "", "The request is too large")
        else:
            call = Call(
                method=request.method,
                wire_path=wire_path,
                wire_query=wire_query,
                path=f"/{rest}",
                headers=request.headers,
                body=body,
                now=self._clock.now(),
            )
            fault = self.faults.pick(name, self._clock.monotonic())
            answer = provider.answer(call) if fault is None else await self._suffer(fault, provider, call)
        if answer is None:
            return _hang_up(request)
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    async def _suffer(self, fault: Fault, provider: Provider, call: Call) -> Response | None:
        """The answer under that fault; None: the connection breaks."""
        real = provider.answer(call) if fault.taken else None
        match fault.kind:
            case "latency":
                await self._clock.wait(self._closing, fault.wait)
                return real or provider.answer(call)
            case "error":
                return provider.problem(fault.status, fault.code, "The sandbox was asked to fail")
            case "throttle":
                return provider.throttled(call, fault.wait)
            case "garbage":
                return Response(200, GARBAGE, {"Content-Type": "application/json"})
            case "captive_portal":
                return Response(200, PORTAL, {"Content-Type": "text/html; charset=utf-8"})
            case "timeout":
                await self._clock.wait(self._closing, fault.wait)
                return None
            case "drop_before" | "drop_after":
                return None


async def _body(request: web.BaseRequest) -> bytes | None:
    """None: it is larger than is taken here (1 MiB)."""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        return None


def _hang_up(request: web.BaseRequest) -> web.Response:
    """Break the connection; the answer returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
