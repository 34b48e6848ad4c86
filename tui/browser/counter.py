"""`tether tui --web`: the counter's screen in a browser on the LAN, behind a token.

textual-serve (the extra `web`) draws a terminal in the browser and runs one process of the screen for each. What is ours: that it is
spoken to over TLS, who may come in, how many, from which pages, and that nothing is fetched from outside. The first call brings the
token (`/?token=...`), a cookie keeps it from then on; another tells one browser from the next, so that each keeps its language and colours.
"""

import asyncio
import hmac
import os
import re
import secrets
import shlex
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from tui.browser.tls import context_of, fingerprint, own_certificate
from tui.terminal.clock import Clock, SystemClock
from tui.terminal.memory import own_folder

COOKIE = "tether_counter"
BROWSER = "tether_browser"
"""The cookie by which a browser is known again."""
YEAR = 365 * 24 * 3600
MOST_SCREENS = 4
"""Browsers at a time: each has a process of some 100 MB."""
STOPPING = 5.0
"""Seconds for a screen to end when its browser has gone."""


class WebCounter:
    """Serves the screen that `command` shows. `token` is what a browser must know; `log` hears who opens a screen, and who may not."""

    def __init__(
        self,
        command: Sequence[str],
        token: str,
        *,
        most: int = MOST_SCREENS,
        log: Callable[[str], object] = lambda line: None,
    ) -> None:
        self._command = "exec " + shlex.join(command)
        self._token = token
        self._most = most
        self._log = log
        self._screens = 0

    def application(self) -> web.Application:
        import textual_serve  # an extra: only who serves browsers needs it

        app = web.Application(middlewares=[self._gate])
        app.router.add_get("/", self._index)
        app.router.add_get("/ws", self._screen)
        app.router.add_static("/static", Path(textual_serve.__file__).parent / "static", show_index=False)
        return app

    @web.middleware
    async def _gate(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        given = request.query.get("token")
        if given is not None and request.path == "/" and self._is_token(given):
            moved = web.HTTPSeeOther("/")
            moved.set_cookie(COOKIE, self._token, httponly=True, samesite="Strict", secure=request.secure)
            known = _browser(request) or secrets.token_hex(8)
            moved.set_cookie(BROWSER, known, httponly=True, samesite="Strict", secure=request.secure, max_age=YEAR)
            raise moved
        if not self._is_token(request.cookies.get(COOKIE, "")):
            raise web.HTTPUnauthorized(text="Open the address with its token, as `tether tui --web` prints it.")
        response: web.StreamResponse = await handler(request)
        if not response.prepared:
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["X-Frame-Options"] = "DENY"
        return response

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())

    async def _index(self, request: web.Request) -> web.Response:
        scheme = "wss" if request.secure else "ws"
        size = request.query.get("fontsize", "16")
        nonce = secrets.token_urlsafe(16)
        page = Path(__file__).with_name("web.html").read_text(encoding="utf-8")
        filled = page.format(
            nonce=nonce,
            websocket=f"{scheme}://{_safe_host(request.host)}/ws",
            font_size=size if size.isascii() and size.isdigit() else "16",
        )
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:;"
            f" connect-src 'self' {scheme}://{_safe_host(request.host)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
        return web.Response(text=filled, content_type="text/html", headers=headers)

    async def _screen(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Origin", "") != f"{request.scheme}://{request.host}":
            self._log(f"{_who(request)} was refused: its page is not ours")
            raise web.HTTPForbidden(text="This page is not ours.")
        if self._screens >= self._most:
            raise web.HTTPServiceUnavailable(text=f"There are {self._most} screens open already: close one.")
        socket = web.WebSocketResponse(heartbeat=15, max_msg_size=2**20)
        self._screens += 1
        try:
            await socket.prepare(request)
            self._log(f"{_who(request)} opened a screen ({self._screens} open)")
            async with self._process(socket, request) as screen:
                async for message in socket:
                    if message.type == WSMsgType.TEXT:
                        await _pass_on(screen, message.data)
        finally:
            self._screens -= 1
            self._log(f"{_who(request)} is gone ({self._screens} open)")
        return socket

    @asynccontextmanager
    async def _process(self, socket: web.WebSocketResponse, request: web.Request) -> AsyncIterator[Any]:
        """The screen of one browser, ended with it."""
        from textual_serve.app_service import AppService
        from textual_serve.download_manager import DownloadManager

        async def close() -> None:
            await socket.close()

        screen = AppService(
            f"TETHER_BROWSER={_browser(request)} {self._command}",
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=close,
            download_manager=DownloadManager(),
        )
        await screen.start(_cells(request, "width", 80), _cells(request, "height", 24))
        process = screen._process
        assert process is not None
        try:
            yield screen
        finally:
            await _ended(screen, process)


async def _ended(screen: Any, process: asyncio.subprocess.Process) -> None:
    """Ask the screen to end, and see that it does. textual-serve's own wait has no bound, and a timeout around it is swallowed inside."""
    async with asyncio.TaskGroup() as group:
        group.create_task(screen.stop(), name="stop a screen")
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOPPING):
                    await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _pass_on(screen: Any, data: str) -> None:
    """A browser's message to its screen: keys, clicks, its size. What is none of these is left out."""
    try:
        envelope = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return
    match envelope:
        case ["stdin", str(keys)]:
            await screen.send_bytes(keys.encode())
        case ["resize", {"width": int(width), "height": int(height)}]:
            await screen.set_terminal_size(width, height)
        case ["ping", payload]:
            await screen.remote_write_str(msgspec.json.encode(["pong", payload]).decode())
        case ["blur"]:
            await screen.blur()
        case ["focus"]:
            await screen.focus()
        case _:
            return


def _cells(request: web.Request, name: str, default: int) -> int:
    given = request.query.get(name, "")
    return min(int(given), 500) if given.isascii() and given.isdigit() and len(given) < 5 else default


def _browser(request: web.Request) -> str:
    """The name that this browser is known by; "" for what was not ours."""
    given = request.cookies.get(BROWSER, "")
    return given if re.fullmatch(r"[0-9a-f]{16}", given) else ""


def _who(request: web.Request) -> str:
    """Address and program of who asks, fit for a log."""
    program = "".join(c for c in request.headers.get("User-Agent", "") if c.isascii() and c.isprintable())[:80]
    return f"{request.remote} [{program}]"


def _safe_host(host: str) -> str:
    """What the browser called us, if it is a host and port and nothing else."""
    return host if host and all(c.isascii() and (c.isalnum() or c in ".-:[]") for c in host) else "localhost"


def serve_web(
    where: str | Path,
    *,
    host: str = "0.0.0.0",  # noqa: S104 - the LAN is what it is for; the token guards it
    port: int = 8788,
    entry_token: str = "",
    read_only: bool = False,
    training: bool = False,
    language: str | None = None,
    theme: str | None = None,
    actor: str | None = None,
    certificate: tuple[Path, Path] | None = None,
    announce: Callable[[str], object] = print,
    clock: Clock | None = None,
) -> int:
    """Serve the screen of the service at `where` to browsers until SIGINT or SIGTERM. The service's own token, if one is needed, is in the
    environment as TETHER_TOKEN. `entry_token` is what browsers must bring; "": one is made. `actor`: who works at all of them, for the record. `certificate`: files of a certificate and its key; None: one is made for this
    machine and kept. `announce` is told the address to open, and who opens it. Raises OSError for a certificate that can't be used."""
    command = [sys.executable, "-m", "tui", str(where), "--name", actor or "web"]
    command += ["--read-only"] if read_only else []
    command += ["--training"] if training else []
    command += ["--language", language] if language else []
    command += ["--theme", theme] if theme else []
    token = entry_token or secrets.token_urlsafe(16)
    clock = SystemClock() if clock is None else clock
    if certificate is None:
        own = own_certificate(own_folder(os.environ), datetime.fromtimestamp(clock.now() / 1000, UTC))
        context = context_of(own)
        announce(
            "The certificate is this machine's own, so the browser asks once. Go on only if it shows this SHA-256 fingerprint:"
        )
        announce(f"  {fingerprint(own)}")
    else:
        context = context_of(*certificate)

    def log(line: str) -> None:
        at = datetime.fromtimestamp(clock.now() / 1000).astimezone()
        announce(f"{at:%d %b %H:%M:%S} {line}")

    return asyncio.run(_serve(WebCounter(command, token, log=log), host, port, token, context, announce))


async def _serve(
    counter: WebCounter,
    host: str,
    port: int,
    token: str,
    context: ssl.SSLContext,
    announce: Callable[[str], object],
) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(counter.application(), access_log=None, shutdown_timeout=STOPPING)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=context).start()
        announce(f"https://{host if host != '0.0.0.0' else gethostname()}:{port}/?token={token}")  # noqa: S104
        await stop.wait()
    finally:
        await runner.cleanup()
    return 0
