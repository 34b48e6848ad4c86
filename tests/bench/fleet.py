"""The fleet: a store's record into PostgreSQL over a bare publisher on the same three servers and over plain COPY; many stores at once; and what
a store's hook and card pay for being in a fleet."""

import asyncio
import contextlib
import random
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from daemon.fleet.feed import Feed
from daemon.fleet.wire import deflate
from daemon.hq.claims import store_rights, user_claim
from daemon.hq.database import ensure_month
from outbox.chain import START, link
from tests.bench.harness import check_server, config, folder, load, median, result, running
from tests.support.engines import Cluster, Postgres, cluster, postgres, why_not
from tests.support.fleet_world import Store, World, until, world
from tests.support.outbox_box import PHONE

ENTRIES = 60_000
STORES = 200


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
    async with fleet(place, servers, archive, "many") as made:
        made.start_hq()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        stores = [await made.add_store(f"s{n}") for n in range(STORES)]
        began = time.perf_counter()
        for store in stores:
            store.connect()
        await all_of(stores, lambda store: is_connected(store))
        result(f"{STORES} stores connected", time.perf_counter() - began, unit="s", limit="<= 30")
        began = time.perf_counter()
        await stores[0].box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await all_of(stores, lambda store: store.box.consent.blocked("sms", PHONE))
        result(
            f"one opt-out at {STORES} stores",
            time.perf_counter() - began,
            unit="s",
            limit="<= 2 for 1,000 on machines of their own",
        )
        await asyncio.gather(*(fill(store, 500) for store in stores))
        began = time.perf_counter()
        await made.await_archived(*stores, seconds=600)
        entries = sum([(await store.head())[1] for store in stores])
        result(
            "a backlog of all in PostgreSQL",
            entries / (time.perf_counter() - began),
            unit="/s",
            limit="none",
            entries=entries,
        )
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 / STORES
        result("memory per store, its own database and link counted too", grown, unit="MiB", limit="none")


async def all_of(stores: list[Store], true: Any) -> None:
    for store in stores:
        await until(lambda store=store: true(store), seconds=120)


async def is_connected(store: Store) -> bool:
    return (await store.link.status()).state == "connected"


def fleet_table(made: World, name: str, place: Path) -> str:
    """What `tether fleet join` writes, for a store that runs as a process."""
    from daemon.fleet.nkey import KeyPair

    key = KeyPair.make("user")
    claim = user_claim(made.account, key.public, name, store_rights(name, (name, "all")), at=made.clock.now() // 1000)
    (place / "fleet.jwt").write_text(claim)
    (place / "hq-ca.pem").write_bytes(made.cluster.ca.read_bytes())
    with (place / ".env").open("a") as env:
        env.write(f'\nFLEET_SEED={key.seed}\nFLEET_CONSENT_KEY="k1:{"aWlp" * 10}aWk="\n')
    servers = ", ".join(f'"{url}"' for url in made.cluster.urls)
    return f'[fleet]\nstore = "{name}"\nservers = [{servers}]\n'


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
            file.write("\n" + fleet_table(made, "soho", joined))
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


async def whole(runs: int, seconds: float) -> None:
    with folder() as place, engines(place) as (servers, archive):
        await throughput(place, servers, archive)
        await many(place, servers, archive)
        await hook(place, servers, archive, runs, seconds)


def main(runs: int = 5, seconds: float = 3.0) -> None:
    if (missing := why_not()) is not None:
        print(f"skipped: {missing}", file=sys.stderr)
        return
    random.seed(7)
    asyncio.run(whole(runs, seconds))


if __name__ == "__main__":
    main(*(float(word) if "." in word else int(word) for word in sys.argv[1:]))  # type: ignore[arg-type]
