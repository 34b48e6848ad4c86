"""NATS's servers die under load: nothing that was acknowledged is lost, nothing is archived twice, and the stores come back by themselves.

The short forms; TETHER_FLEET=long (make fleet-test) makes them as large as they must hold.
"""

import asyncio
import json
import os
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from daemon.fleet.nats_connection import Identity, connected, pinned
from daemon.fleet.nkey import KeyPair
from daemon.fleet.wire import BATCH_ENTRIES, AuditBatch, audit_id, deflate
from daemon.hq.answers import verify
from daemon.hq.database import opened
from daemon.hq.streams import ensure
from outbox.chain import START, link
from outbox.fleet import Entry
from tests.support.busy import until
from tests.support.engines import Cluster, cluster
from tests.support.fleet_world import Store, World, answered, done, say, world
from tests.support.outbox_box import PHONE

LONG = os.environ.get("TETHER_FLEET") == "long"
ENTRIES = 100_000 if LONG else 1_500
STORES = 1_000 if LONG else 25
VOLUME = 250_000_000 if LONG else 500_000
"""Bytes of a day of all stores, as they are kept."""
PATIENCE = 900.0 if LONG else 60.0

pytestmark = [pytest.mark.engines, pytest.mark.timeout(2_000 if LONG else 300)]


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Servers that may be killed: each test leaves them running."""
    with cluster(tmp_path_factory.mktemp("own_nats")) as running:
        yield running


async def fill(store: Store, entries: int) -> int:
    """So many entries in few commits."""
    have = (await store.head())[1]
    while have < entries:
        some = [
            store.box.audit.append("note.made", detail={"n": have + n, "why": "filler of a busy day"})
            for n in range(min(500, entries))
        ]
        await asyncio.gather(*some)
        have = (await store.head())[1]
    return have


async def leader_of(fleet: World, stream: str = "UP") -> str:
    async with fleet.as_hq() as line:

        async def leader() -> str:
            """Nobody's name while there is none."""
            answer = await answered(line.request(f"$JS.API.STREAM.INFO.{stream}", b""))
            return str(json.loads(answer.data).get("cluster", {}).get("leader", "")) if answer else ""

        return str(await until(leader))


async def once_each(fleet: World, expected: int) -> None:
    async with opened(fleet.settings.postgres.dsn) as db:
        found = await verify(db, None)
    ((entries, distinct),) = await fleet.sql("SELECT count(*), count(DISTINCT (store, epoch, seq)) FROM audit")
    assert found.ok
    assert entries == distinct == expected
    assert await fleet.sql("SELECT count(*) FROM fork") == [(0,)]


async def under_way(fleet: World, entries: int) -> None:
    async def reached() -> bool:
        ((count,),) = await fleet.sql("SELECT coalesce(sum(head_seq), 0) FROM chain")
        return bool(count >= entries)

    await until(reached, seconds=PATIENCE, every=0.02)


@pytest.mark.parametrize("victims", ["the leader", "all three"])
async def test_servers_that_are_killed_in_mid_stream_lose_and_double_nothing(
    tmp_path: Path, own_servers: Cluster, database: str, victims: str
) -> None:
    async with world(tmp_path, own_servers, database) as fleet:
        fleet.start_hq()
        soho = await fleet.add_store("soho")
        await soho.happen(1)
        soho.connect()
        await fleet.await_archived(soho)
        entries = await fill(soho, ENTRIES)
        await under_way(fleet, entries // 4)
        names = [await leader_of(fleet)] if victims == "the leader" else own_servers.running
        for name in names:
            own_servers.kill(name)
        own_servers.start(names)
        await fleet.await_archived(soho, seconds=PATIENCE)
        await once_each(fleet, (await soho.head())[1])


async def test_many_stores_come_and_hear_at_once_and_come_back_after_the_leader_died(
    tmp_path: Path, own_servers: Cluster, database: str
) -> None:
    async with world(tmp_path, own_servers, database) as fleet:
        fleet.start_hq()
        stores = [await fleet.add_store(f"s{n}") for n in range(STORES)]
        for store in stores:
            store.connect()
        await all_are(stores, "connected", seconds=30)
        await stores[0].box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await until(partial(heard, stores, STORES // 2), seconds=10 if LONG else 5)
        # Who is at a server that is behind asks again within half a minute.
        await until(partial(heard, stores, STORES))
        own_servers.kill(name := await leader_of(fleet))
        own_servers.start([name])
        await all_are(stores, "connected", seconds=60)
        await asyncio.gather(*(fill(store, 200) for store in stores))
        await fleet.await_archived(*stores, seconds=PATIENCE)
        async with fleet.as_hq() as line:
            for stream in ("UP", "CONSENT", "MARK", "HEALTH"):
                assert (await done(line, "INFO", stream)).state["consumer_count"] == 0


async def all_are(stores: list[Store], state: str, *, seconds: float) -> None:
    async def there() -> bool:
        return all([(await store.link.status()).state == state for store in stores])

    await until(there, seconds=seconds)


async def heard(stores: list[Store], most: int) -> bool:
    return sum([bool(await store.box.consent.blocked("sms", PHONE)) for store in stores]) >= most


def a_day(store: str, size: int, rng: random.Random) -> Iterator[tuple[AuditBatch, bytes]]:
    """So many bytes of a store's record as they go over the line, in batches that continue each other."""
    before, seq, epoch = START, 0, f"{rng.getrandbits(64):016x}"
    while size > 0:
        entries, first = [], before
        for _ in range(BATCH_ENTRIES):
            seq += 1
            detail = f'{{"channel":"twilio","n":1,"to":"{rng.getrandbits(128):032x}"}}'
            order, message = f"B-{seq // 9}", f"m{rng.getrandbits(96):024x}"
            entry = Entry(seq, 1_795_515_300_000 + seq, "message.sending", "", order, message, detail)
            before = link(before, epoch, *msgspec.structs.astuple(entry))
            entries.append(entry)
        batch = AuditBatch(epoch, first.hex(), before.hex(), entries)
        body = deflate(batch)
        size -= len(body)
        yield batch, body


async def tell(fleet: World, store: str, size: int) -> int:
    """Have NATS keep a day of that store's record; how many entries."""
    key, told = KeyPair.make("user"), 0
    identity = Identity(key, fleet.claim(store, key), f"_INBOX.{store}", store)
    async with connected(fleet.cluster.urls[0], pinned(fleet.cluster.ca), identity) as line:
        for batch, body in a_day(store, size, random.Random(store)):
            await say(line, f"up.{store}.audit", body, id=audit_id(store, batch))
            told += len(batch.entries)
    return told


async def test_a_days_backlog_of_all_stores_is_archived_within_five_minutes(
    tmp_path: Path, own_servers: Cluster, database: str
) -> None:
    """Headquarters was away for a day: NATS holds what all stores told, 250 MB of it, and two processes take it up."""
    async with world(tmp_path, own_servers, database) as fleet:
        async with fleet.as_hq() as line:
            await ensure(line, fleet.clock, replicas=3)
        at_once = asyncio.Semaphore(20)

        async def tell_in_turn(store: str) -> int:
            async with at_once:
                return await tell(fleet, store, VOLUME // STORES)

        told = sum(await asyncio.gather(*(tell_in_turn(f"s{n}") for n in range(STORES))))
        loop = asyncio.get_running_loop()
        began = loop.time()
        fleet.start_hq_process()
        fleet.start_hq_process()
        await under_way(fleet, told)
        assert loop.time() - began < 300
        await once_each(fleet, told)


async def test_a_line_that_flaps_while_a_weeks_backlog_is_caught_up(
    tmp_path: Path, own_servers: Cluster, database: str
) -> None:
    """Seven days without a line, then a line that comes and goes."""
    rng = random.Random(3)
    flaps = 20 if LONG else 3
    async with world(tmp_path, own_servers, database) as fleet:
        fleet.start_hq()
        soho = await fleet.add_store("soho", rate=64 * 1024.0)
        entries = await fill(soho, 42_000 if LONG else 1_500)
        for _ in range(flaps):
            soho.connect()
            await asyncio.sleep(rng.uniform(1, 30) if LONG else 0.3)
            await soho.disconnect()
        soho.connect()
        await fleet.await_archived(soho, seconds=60)
        await once_each(fleet, max(entries, (await soho.head())[1]))
