"""The fleet: a store's record into PostgreSQL over a bare publisher on the same three servers and over plain COPY; many stores at once; and what
a store's hook and card pay for being in a fleet."""

import asyncio
import contextlib
import random
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg

from daemon.fleet.feed import Feed
from daemon.fleet.wire import deflate
from daemon.hq.claims import store_rights, user_claim
from daemon.hq.database import ensure_month
from outbox.chain import START, link
from tests.bench.harness import LOADED, check_server, config, folder, load, median, result, running
from tests.support.busy import until
from tests.support.crowd import crowd
from tests.support.engines import Cluster, Postgres, cluster, postgres, why_not
from tests.support.fleet_world import Store, World, world
from tests.support.relay import Relay, relays

ENTRIES = 60_000
STORES = 1_000
CROWDS = 2
"""Processes that they live in."""
BACKLOG = 200
"""Entries of each of them."""
OPTOUTS = 5
BUSY_SECONDS = 8.0
"""What a store could not tell: so long a time of as many events as it takes."""
OPEN_LOOP = 200
"""Events a second."""
SETTLE_SECONDS = 5.0
"""What an opt-out leaves to be told to headquarters is told before the next."""


@contextlib.contextmanager
def engines(place: Path) -> Iterator[tuple[Cluster, Postgres]]:
    place.chmod(0o755)
    (place / "nats").mkdir()
    with cluster(place / "nats") as servers, postgres() as archive:
        yield servers, archive


@contextlib.asynccontextmanager
async def fleet(place: Path, servers: Cluster, archive: Postgres, name: str) -> AsyncIterator[World]:
    (place / name).mkdir()
    async with world(place / name, servers, archive.make_database(name)) as made:
        yield made


async def fill(store: Store, entries: int) -> None:
    have = (await store.head())[1]
    while have < entries:
        detail = {"channel": "twilio", "to": "5d41402abc4b2a76b9719d911017c592", "n": have}
        await asyncio.gather(
            *(store.box.audit.append("message.sent", detail=detail, order_ref="B-1042") for _ in range(500))
        )
        have += 500


async def throughput(place: Path, servers: Cluster, archive: Postgres) -> None:
    async with fleet(place, servers, archive, "through") as made:
        soho = await made.add_store("soho")
        await fill(soho, ENTRIES)
        entries = (await soho.head())[1]
        hq = made.start_hq_process()
        await until(lambda: made.sql("SELECT 1 FROM progress WHERE stream = 'UP'"))
        began = time.perf_counter()
        soho.connect()
        await made.await_archived(soho, seconds=300)
        ours = entries / (time.perf_counter() - began)
        await soho.disconnect()
        await made.kill_process(hq)
        bare = await bare_publisher(made, soho)
        copied = await plain_copy(made, entries)
        result(
            "records into PostgreSQL over a bare publisher",
            ours / bare,
            unit="x",
            limit=">= 0.5",
            per_second=ours,
            bare_per_second=bare,
        )
        result("records into PostgreSQL over plain COPY", ours / copied, unit="x", limit="none", copy_per_second=copied)


async def bare_publisher(made: World, soho: Store) -> float:
    """The same batches, ready made, published one after another by nats-py and nothing else."""
    feed = Feed(soho.box.fleet)
    bodies, entries = [], 0
    while (batch := await feed.next_audit()) is not None:
        bodies.append(deflate(batch))
        entries += len(batch.entries)
        feed.told_audit(batch)
    async with made.line_of(soho) as line:
        began = time.perf_counter()
        for n, body in enumerate(bodies):
            await line.publish("up.soho.audit", body, id=f"bare-{n}")
        return entries / (time.perf_counter() - began)


async def plain_copy(made: World, entries: int) -> float:
    rows, before = [], START
    now = datetime.now(UTC)
    for seq in range(1, entries + 1):
        before = link(before, "bare", seq, 1, "message.sent", "", "B-1042", "", "{}")
        rows.append(("copied", "bare", seq, 1, "message.sent", "", "B-1042", "", '{"channel":"twilio"}', before, now))
    async with await psycopg.AsyncConnection.connect(made.settings.postgres.dsn, autocommit=True) as db:
        await ensure_month(db, now)
        began = time.perf_counter()
        async with db.cursor() as cursor, cursor.copy("COPY audit FROM STDIN") as copy:
            for row in rows:
                await copy.write_row(row)
        return entries / (time.perf_counter() - began)


async def many(place: Path, servers: Cluster, archive: Postgres) -> None:
    """As many stores as a chain may have, which on one machine share its processor with headquarters and its engines."""
    async with fleet(place, servers, archive, "many") as made, AsyncExitStack() as stack:
        hq = made.start_hq_process()
        await until(lambda: made.sql("SELECT 1 FROM progress WHERE stream = 'UP'"))
        memory = resident(hq)
        names = [[f"s{n}" for n in range(first, STORES, CROWDS)] for first in range(CROWDS)]
        crowds = [await stack.enter_async_context(crowd(made, some)) for some in names]
        began = time.monotonic()
        connected = max(await asyncio.gather(*(each.do("connect") for each in crowds)))
        result(f"{STORES} stores connected", connected - began, unit="s", limit="<= 30")
        heard = []
        for phone in (f"+44770090{n:04d}" for n in range(OPTOUTS)):
            await asyncio.sleep(SETTLE_SECONDS)
            began = await crowds[0].do("stop", phone)
            heard.append(max(await asyncio.gather(*(each.do("silent", phone) for each in crowds))) - began)
        result(f"one opt-out at {STORES} stores", median(heard), unit="s", limit="<= 2", longest=max(heard))
        began = time.monotonic()
        entries = sum(await asyncio.gather(*(each.do("fill", BACKLOG) for each in crowds)))
        await until(lambda: all_of_them(made, entries), seconds=600, every=0.1)
        rate = entries / (time.monotonic() - began)
        result("a backlog of all in PostgreSQL", rate, unit="/s", limit="none", entries=entries)
        grown = (resident(hq) - memory) / 2**10 / STORES
        result("headquarters' memory for a store", grown, unit="KiB", limit="none")


async def all_of_them(made: World, entries: int) -> bool:
    ((archived,),) = await made.sql("SELECT coalesce(sum(head_seq), 0) FROM chain")
    return bool(archived >= entries)


def resident(process: BaseProcess) -> int:
    """Bytes."""
    pages = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def fleet_table(made: World, name: str, place: Path, servers: tuple[str, ...]) -> str:
    """What `tether fleet join` writes, for a store that runs as a process."""
    from daemon.fleet.nkey import KeyPair

    key = KeyPair.make("user")
    claim = user_claim(made.account, key.public, name, store_rights(name, (name, "all")), at=made.clock.now() // 1000)
    (place / "fleet.jwt").write_text(claim)
    (place / "hq-ca.pem").write_bytes(made.cluster.ca.read_bytes())
    with (place / ".env").open("a") as env:
        env.write(f'\nFLEET_SEED={key.seed}\nFLEET_CONSENT_KEY="k1:{"aWlp" * 10}aWk="\n')
    listed = ", ".join(f'"{url}"' for url in servers)
    return f'[fleet]\nstore = "{name}"\nservers = [{listed}]\n'


async def hook(place: Path, servers: Cluster, archive: Postgres, runs: int, seconds: float) -> None:
    """The same load on a store with and one without a fleet, in turn."""
    async with fleet(place, servers, archive, "hook") as made:
        made.start_hq()
        alone, joined = place / "alone", place / "joined"
        alone.mkdir()
        joined.mkdir()
        plain = config(alone)
        other = config(joined)
        with other.open("a") as file:
            file.write("\n" + fleet_table(made, "soho", joined, made.cluster.urls))
        await asyncio.to_thread(compare, plain, other, runs, seconds)


def compare(plain: Path, other: Path, runs: int, seconds: float) -> None:
    with check_server(), running(plain) as alone, running(other) as joined:
        rates: dict[str, list[float]] = {"alone": [], "joined": []}
        written = {}
        for name, service in (("alone", alone), ("joined", joined)):
            load(service.url, service.token, 16, 2.0)
            written[name] = (service.written(), 0.0)
        events = {"alone": 0.0, "joined": 0.0}
        for _ in range(runs):
            for name, service in (("alone", alone), ("joined", joined)):
                rate = load(service.url, service.token, 16, seconds)["rps"]
                rates[name].append(rate)
                events[name] += rate * seconds
        per_event = {
            name: (service.written() - written[name][0]) / events[name]
            for name, service in (("alone", alone), ("joined", joined))
        }
        result(
            "the hook of a store in a fleet over one alone",
            median(rates["joined"]) / median(rates["alone"]),
            unit="x",
            limit=">= 0.97",
        )
        result(
            "bytes to the card per event, in a fleet over alone",
            per_event["joined"] / per_event["alone"],
            unit="x",
            limit="<= 1.02",
        )


async def catching_up(place: Path, servers: Cluster, archive: Postgres, runs: int, seconds: float) -> None:
    """A till's wait while the store catches up with what it could not tell, over a line that comes and goes; beside a store alone."""
    async with fleet(place, servers, archive, "behind") as made, relays(made.cluster.urls) as lines:
        made.start_hq()
        plain, other = (config(make_folder(place / name)) for name in ("steady", "behind_soho"))
        for file in (plain, other):
            await asyncio.to_thread(fill_service, file, BUSY_SECONDS)
        with other.open("a") as table:
            table.write("\n" + fleet_table(made, "soho", other.parent, tuple(line.url for line in lines)))
        flaps = asyncio.create_task(flap(lines))
        try:
            await asyncio.to_thread(compare_waits, plain, other, runs, seconds)
        finally:
            flaps.cancel()


def make_folder(place: Path) -> Path:
    place.mkdir()
    return place


def fill_service(file: Path, seconds: float) -> None:
    with running(file) as service:
        load(service.url, service.token, LOADED, seconds)


async def flap(lines: list[Relay]) -> None:
    rng = random.Random(3)
    while True:
        await asyncio.sleep(rng.uniform(1, 10))
        for line in lines:
            line.cut()
        await asyncio.sleep(rng.uniform(0.5, 3))
        for line in lines:
            line.is_up = True


def compare_waits(plain: Path, other: Path, runs: int, seconds: float) -> None:
    with running(plain) as alone, running(other) as behind:
        services = {"alone": alone, "behind": behind}
        waits: dict[str, list[dict[str, float]]] = {name: [] for name in services}
        for service in services.values():
            load(service.url, service.token, 16, 1.0, OPEN_LOOP)
        for _ in range(runs):
            for name, service in services.items():
                waits[name].append(load(service.url, service.token, 16, seconds, OPEN_LOOP))
        left = behind.get("/v1/fleet")["behind"]
    for part in ("p50_ms", "p99_ms"):
        ours, theirs = (median([one[part] for one in waits[name]]) for name in ("behind", "alone"))
        result(
            f"the hook's {part[:3]} of a store that catches up over one alone",
            ours / theirs,
            unit="x",
            limit="<= 1.05",
            ms=ours,
            alone_ms=theirs,
            entries_left=left,
        )


async def whole(runs: int, seconds: float) -> None:
    with folder() as place, engines(place) as (servers, archive):
        await throughput(place, servers, archive)
        await many(place, servers, archive)
        await hook(place, servers, archive, runs, seconds)
        await catching_up(place, servers, archive, runs, seconds)


def main(runs: int = 5, seconds: float = 3.0) -> None:
    if (missing := why_not()) is not None:
        print(f"skipped: {missing}", file=sys.stderr)
        return
    random.seed(7)
    asyncio.run(whole(runs, seconds))


if __name__ == "__main__":
    main(*(float(word) if "." in word else int(word) for word in sys.argv[1:]))  # type: ignore[arg-type]
