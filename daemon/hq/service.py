"""`tether hq run`: the archive's loop and the HTTP face, until SIGTERM."""

import asyncio
import random
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from daemon import VERSION
from daemon.config import ConfigError
from daemon.hq import doors
from daemon.hq.archiver import Archiver
from daemon.hq.config import OPERATOR, SYSTEM, HqSettings
from daemon.hq.database import migrate, pooled
from daemon.hq.nats import check_servers
from daemon.hq.rollouts import Rollouts
from daemon.hq.services import Services
from daemon.hq.stores import Stores
from daemon.hq.voice import voice
from daemon.hq.watch import Watch
from daemon.hq.web import make_app
from daemon.hq.weekly import WeeklyMail
from outbox.clock import Clock

log = structlog.get_logger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
CERTIFICATE, KEY = "web.pem", "web.key"
END_SECONDS = 5.0


def tls_of(settings: HqSettings) -> ssl.SSLContext | None:
    """HQ's own certificate, as `tether hq init` made it. Raises ConfigError where it would be in the clear for others."""
    host, _ = settings.address
    certificate, key = settings.folder / CERTIFICATE, settings.folder / KEY
    if not certificate.exists():
        if host not in LOOPBACK:
            raise ConfigError(
                f"hq.listen is {settings.hq.listen}, which others can reach, and {certificate} is missing: tether hq init makes it; "
                "behind a proxy of yours listen on 127.0.0.1"
            )
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


async def serve(settings: HqSettings, clock: Clock, rng: random.Random, *, ready: Callable[[str], None]) -> None:
    """Raises ConfigError, ServerRefused, StreamRefused, ArchiveTooNew: what nobody but a person can mend."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(settings, clock, rng) as url:
        ready(url)
        await stop.wait()


@asynccontextmanager
async def serving(
    settings: HqSettings, clock: Clock, rng: random.Random, *, page_port: int | None = None
) -> AsyncIterator[str]:
    """Yields the URL; raises as `serve` does. `page_port`: where the page is to be had on this machine without TLS, besides."""
    for name, role in ((OPERATOR, "operator"), (SYSTEM, "account")):
        settings.key(name, "operator" if role == "operator" else "account")
    tls = tls_of(settings)
    await migrate(settings.postgres.dsn)
    servers = await check_servers(settings, clock, rng)
    log.info("NATS is set up as it must be", servers=servers)
    archiver = Archiver(settings, clock, rng)
    async with pooled(settings.postgres.dsn) as pool, voice(settings, pool, clock, rng) as messenger:
        services = Services(settings, pool, Stores(settings, clock, rng), clock, lambda: archiver.status, VERSION)
        runner = web.AppRunner(make_app(services), access_log=None, shutdown_timeout=END_SECONDS, handle_signals=False)
        await runner.setup()
        try:
            host, port = settings.address
            if page_port is not None:
                await web.TCPSite(runner, LOOPBACK[0], page_port).start()
            stop = asyncio.Event()
            with doors.listening(host, port) as door:
                bound = door.getsockname()[1]
                async with asyncio.TaskGroup() as group:
                    accepting = group.create_task(doors.serve(runner, door, tls, clock), name="connections")
                    group.create_task(archiver.run(stop), name="archive")
                    group.create_task(Rollouts(settings, clock, rng).run(stop), name="bundles")
                    watch = Watch(settings, pool, clock, tell=messenger.tell, archive=lambda: archiver.status)
                    group.create_task(watch.run(stop), name="trouble")
                    weekly = WeeklyMail(settings, pool, clock, messenger.mail, lambda: watch.leads)
                    group.create_task(weekly.run(stop), name="weekly mail")
                    try:
                        yield f"{'https' if tls else 'http'}://{host}:{bound}"
                    finally:
                        stop.set()
                        accepting.cancel()
        finally:
            await runner.cleanup()
