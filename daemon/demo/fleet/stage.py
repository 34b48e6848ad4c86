"""Puts up a chain in a folder that is gone afterwards: three servers of NATS, a PostgreSQL, headquarters, and five stores."""

import asyncio
import hashlib
import secrets
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random, SystemRandom

from aiohttp import ClientError

from daemon.demo.fleet.performance import MANAGED, MANAGER, OWNER, FleetJudgement, Headquarters, play
from daemon.demo.fleet.shop import Shop, open_shop
from daemon.demo.stage import leaves
from daemon.demo.till import TillProblem
from daemon.fleet.join_code import Code, JoinRefused
from daemon.hq import tokens
from daemon.hq.config import HqSettings, load
from daemon.hq.database import opened
from daemon.hq.engines import NatsServers, Postgres, free_ports
from daemon.hq.passwords import keep
from daemon.hq.servers import Server
from daemon.hq.service import serving
from daemon.hq.setup import Wanted, set_up
from daemon.hq.stores import Groups, Stores
from daemon.hq.users import put
from daemon.runtime.logs import configure_logs
from outbox.clock import Clock, SystemClock

STORES: Mapping[str, Groups] = {
    "soho": Groups("london", True),
    "camden": Groups("london"),
    "hackney": Groups("london"),
    "brixton": Groups("london"),
    "leith": Groups("scotland"),
}
HOST = "127.0.0.1"
SERVERS = ("hq1", "hq2", "hq3")


async def stage(settings: HqSettings, folder: Path, clock: Clock, rng: Random, *, once: bool) -> FleetJudgement | None:
    """Put headquarters and the stores up on engines that run, play, take them down. None: interrupted before a day was over."""
    configure_logs("error", "text", secrets=settings.secrets)
    async with (
        headquarters(settings, clock, rng) as hq,
        shops(hq, folder, clock, rng) as chain,
        asyncio.TaskGroup() as group,
    ):
        playing = group.create_task(play(hq, chain, clock=clock, rng=rng, once=once, out=sys.stdout), name="chain")
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
        await asyncio.wait([playing])
    return None if playing.cancelled() else playing.result()


@asynccontextmanager
async def headquarters(settings: HqSettings, clock: Clock, rng: Random) -> AsyncIterator[Headquarters]:
    (page_port,) = free_ports(1)
    async with serving(settings, clock, rng, page_port=page_port) as url:
        token = f"hq_{secrets.token_urlsafe(32)}"
        async with opened(settings.postgres.dsn) as db:
            await tokens.add(db, clock.now(), "demo", hashlib.sha256(token.encode()).digest(), ["read"], actor="demo")
            password = secrets.token_urlsafe(9)
            kept = keep(password)
            await put(db, clock.now(), OWNER, "admin", kept, (), actor="demo")
            await put(db, clock.now(), MANAGER, "manager", kept, MANAGED, actor="demo")
        yield Headquarters(settings, url, token, f"http://{HOST}:{page_port}", password)


@asynccontextmanager
async def shops(hq: Headquarters, folder: Path, clock: Clock, rng: Random) -> AsyncIterator[list[Shop]]:
    stores = Stores(hq.settings, clock, rng)
    async with AsyncExitStack() as stack:
        async with opened(hq.settings.postgres.dsn) as db:
            codes = {name: Code.read(await stores.offer(db, name, groups)) for name, groups in STORES.items()}
        yield [
            await stack.enter_async_context(open_shop(name, code, folder / name, clock, rng))
            for name, code in codes.items()
        ]


@contextmanager
def engines(folder: Path, port: int, clock: Clock) -> Iterator[HqSettings]:
    """Headquarters as `tether hq init` writes it, with its servers and its database running. Raises EngineMissing, EngineFailed."""
    *ports, free = free_ports(2 * len(SERVERS) + 1)
    servers = tuple(Server(name, HOST, ports[2 * n], ports[2 * n + 1], listen=HOST) for n, name in enumerate(SERVERS))
    configurations = {each.name: (folder / "hq" / "nats" / each.name / "server.conf", each.client) for each in servers}
    nats = NatsServers(configurations, folder)
    with ExitStack() as stack:
        (folder / "postgres").mkdir()
        database = Postgres(folder / "postgres")
        stack.callback(database.stop, "immediate")
        _write(folder, port or free, servers, database.dsn(), clock)
        stack.callback(nats.stop)
        for name in SERVERS:
            nats.start(name)
        database.start()
        yield load(folder / "hq" / "hq.toml", {})


def _write(folder: Path, port: int, servers: tuple[Server, ...], dsn: str, clock: Clock) -> None:
    wanted = Wanted(
        name="Balloon Loft",
        servers=servers,
        public_url=f"https://{HOST}:{port}",
        listen=f"{HOST}:{port}",
        dsn=dsn,
        server_folder=str(folder / "hq" / "nats" / "NAME"),
        server_data=str(folder / "data" / "NAME"),
    )
    set_up(folder / "hq", wanted, datetime.fromtimestamp(clock.now() / 1000, UTC))


def main(*, once: bool, port: int) -> int:
    """`tether hq demo`: 0 when interrupted or when all is archived and heard, else 1. Raises EngineMissing, EngineFailed, OSError."""
    import uvloop

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print("Starting three servers of NATS, a PostgreSQL, headquarters and five stores ...", flush=True)  # noqa: T201 - for people
    code, clock, rng = 1, SystemClock(), SystemRandom()
    with tempfile.TemporaryDirectory(prefix="tether-hq-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            with (
                engines(folder, port, clock) as settings,
                asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
            ):
                verdict = runner.run(stage(settings, folder, clock, rng, once=once))
            code = 0 if verdict is None or verdict.ok else 1
        except* (TillProblem, JoinRefused, ClientError) as problems:
            for problem in leaves(problems):
                print(f"The demo gave up: {problem}", file=sys.stderr)  # noqa: T201 - what went wrong is for people
    return code
