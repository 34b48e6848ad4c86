"""Where the HTTP face listens: TCP for tills and scripts, the unix socket for the counter, guarded by file permissions."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from aiohttp import web

from daemon.api.app import set_up
from daemon.config import ConfigError, Hook

log = structlog.get_logger(__name__)

SHUTDOWN_SECONDS = 5.0
"""How long requests under way may take once the service stops."""
BACKLOG = 512
SOCKET_MODE = 0o660


@asynccontextmanager
async def listening(app: web.Application, hook: Hook, socket: Path, *, folder: Path) -> AsyncIterator[str]:
    """Serve the application on both doors; yields the TCP door's URL. Raises ConfigError when one can't be opened."""
    runner = await set_up(app, shutdown_timeout=SHUTDOWN_SECONDS)
    try:
        url = await _tcp(runner, hook, folder)
        await _unix(runner, socket)
        yield url
    finally:
        await runner.cleanup()
        socket.unlink(missing_ok=True)


@asynccontextmanager
async def listening_privately(app: web.Application, socket: Path) -> AsyncIterator[None]:
    """Serve the application on a socket of this process's own only."""
    runner = await set_up(app, shutdown_timeout=SHUTDOWN_SECONDS)
    try:
        await _unix(runner, socket)
        yield
    finally:
        await runner.cleanup()


async def _tcp(runner: web.AppRunner, hook: Hook, folder: Path) -> str:
    context = None
    if hook.tls_cert or hook.tls_key:
        context = _tls(hook, folder)
    try:
        await web.TCPSite(runner, hook.host, hook.port, ssl_context=context, backlog=BACKLOG).start()
    except OSError as error:
        raise ConfigError(
            f"hook.host, hook.port: can't listen on {hook.host}:{hook.port}: {error.strerror or error}. "
            "Is another Tether running, or another program there?"
        ) from error
    host, port = next(address[:2] for address in runner.addresses if isinstance(address, tuple))
    return f"{'https' if context else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _tls(hook: Hook, folder: Path) -> ssl.SSLContext:
    if not (hook.tls_cert and hook.tls_key):
        raise ConfigError("hook.tls_cert and hook.tls_key go together: one of them is missing")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(folder / hook.tls_cert, folder / hook.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"hook.tls_cert, hook.tls_key: {error.strerror or error}") from error
    return context


async def _unix(runner: web.AppRunner, socket: Path) -> None:
    """The owner's lock on the database is held by now: a socket that is still there was left by a process that died."""
    socket.unlink(missing_ok=True)
    try:
        await web.UnixSite(runner, str(socket), backlog=BACKLOG).start()
    except OSError as error:
        raise ConfigError(f"hook.socket: can't listen on {socket}: {error.strerror or error}") from error
    socket.chmod(SOCKET_MODE)
