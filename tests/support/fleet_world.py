"""A fleet in small on real engines: an account of its own on the tests' servers, an archive of its own, HQ's loop, and stores with real
databases and links. Time is the machine's: what is waited for is an event or a state, within a bound."""

import asyncio
import multiprocessing
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import msgspec

from daemon.fleet.gate import ConsentGate
from daemon.fleet.link import Link
from daemon.fleet.membership import Membership
from daemon.fleet.nats_connection import (
    Ack,
    Identity,
    NatsAway,
    NatsConnection,
    NotAuthorised,
    WrongSequence,
    connected,
    pinned,
)
from daemon.fleet.nkey import KeyPair
from daemon.fleet.seal import key_of, public_text
from daemon.fleet.wire import Health
from daemon.hq.archiver import Archiver
from daemon.hq.claims import archive_claim, store_rights, user_claim
from daemon.hq.config import ACCOUNT, CONSENT, OPERATOR, SYSTEM, Hq, HqSettings, Nats
from daemon.hq.config import Postgres as PostgresTable
from daemon.hq.database import migrate
from daemon.hq.nats import ANSWER_SECONDS, UPDATE, as_archive, as_system, put_in_force
from daemon.hq.streams import NOT_FOUND, Info, ask
from outbox import Outbox
from outbox.clock import Clock, SystemClock
from tests.support.busy import until
from tests.support.engines import Cluster
from tests.support.outbox_box import KEY, accept_one, planned, send
from tests.support.sql import Sql

SECONDS = 60.0

PROCESSES = multiprocessing.get_context("forkserver")
"""Forked from one that has no thread and has imported this file: a process of HQ's takes milliseconds, not seconds."""
PROCESSES.set_forkserver_preload(["tests.support.fleet_world"])
FAST = float(2**30)


@dataclass
class Store:
    """One store: its database, and its link while it has a line."""

    name: str
    box: Outbox
    membership: Membership
    clock: Clock
    rate: float = FAST
    gate: ConsentGate = field(init=False)
    link: Link = field(init=False)
    trusted: bool = True
    on_commands: Callable[[str], None] = lambda commands: None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _task: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        self._make()

    def _make(self) -> None:
        self.gate = ConsentGate(self.clock, 30.0)
        self.link = Link(
            self.membership,
            self.box,
            self.clock,
            random.Random(11),
            gate=self.gate,
            trusted=lambda: self.trusted,
            observe=self._observe,
            on_commands=self.on_commands,
            rate=self.rate,
        )

    async def _observe(self) -> Health:
        return Health(
            at=self.clock.now(),
            clock_trusted=self.trusted,
            release="0",
            uplink="up",
            epoch="",
            seq=0,
            hash="",
            channels={"modem": "ready"},
        )

    def connect(self) -> None:
        self._make()
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self.link.run(self._stop))

    async def disconnect(self) -> None:
        if self._task is not None:
            self._stop.set()
            await asyncio.wait_for(self._task, SECONDS)
            self._task = None

    async def happen(self, orders: int, *, first: int = 1) -> None:
        """So many orders, each with a message that is sent."""
        for n in range(first, first + orders):
            await send(self.box, await accept_one(self.box, planned(f"{self.name}-{n}"), id=f"e{n}", ref=f"B-{n}"))

    async def head(self) -> tuple[str, int, bytes]:
        position = await self.box.fleet.position()
        return position.epoch, position.seq, position.hash


async def open_store(
    stack: AsyncExitStack, database: Path, membership: Membership, clock: Clock, rate: float = FAST
) -> Store:
    box = await stack.enter_async_context(
        Outbox.open(database, clock=clock, rng=random.SystemRandom(), keys=KEY, reserve=0)
    )
    await box.fleet.use_keys({"k1": b"i" * 32})
    return Store(membership.store, box, membership, clock, rate)


def claim_of(account: KeyPair, name: str, key: KeyPair, clock: Clock) -> str:
    return user_claim(account, key.public, name, store_rights(name, (name, "all")), at=clock.now() // 1000)


@dataclass
class World:
    folder: Path
    cluster: Cluster
    settings: HqSettings
    account: KeyPair
    clock: Clock
    stack: AsyncExitStack
    stores: dict[str, Store] = field(default_factory=dict)
    """By name, the one that was added last."""
    processes: list[BaseProcess] = field(default_factory=list)
    archivers: list[tuple[Archiver, asyncio.Event, "asyncio.Task[None]"]] = field(default_factory=list)
    _added: list[Store] = field(default_factory=list)
    _sql: Sql = field(default_factory=Sql)

    async def add_store(
        self, name: str, *, database: Path | None = None, rate: float = FAST, key: KeyPair | None = None
    ) -> Store:
        key = key or KeyPair.make("user")
        membership = Membership(
            store=name, servers=self.cluster.urls, ca=self.cluster.ca, key=key, claim=self.claim(name, key)
        )
        await self.register(name, key)
        path = database or self.folder / f"{name}.db"
        self.stores[name] = store = await open_store(self.stack, path, membership, self.clock, rate)
        self._added.append(store)
        return store

    async def register(self, name: str, key: KeyPair) -> None:
        """HQ knows of that store."""
        await self.sql(
            "INSERT INTO store (name, key, sealing, joined_at) VALUES (%s, %s, %s, now()) ON CONFLICT DO NOTHING",
            name, key.public, public_text(key_of(key.seed)),
        )  # fmt: skip

    def claim(self, name: str, key: KeyPair) -> str:
        return claim_of(self.account, name, key, self.clock)

    @asynccontextmanager
    async def line_of(self, store: Store, server: int = 0) -> AsyncIterator[NatsConnection]:
        """A connection with that store's rights, for those who try what it may not."""
        me = store.membership
        identity = Identity(me.key, me.claim, f"_INBOX.{me.store}", me.store)
        async with connected(self.cluster.urls[server], pinned(self.cluster.ca), identity) as line:
            yield line

    @asynccontextmanager
    async def as_hq(self) -> AsyncIterator[NatsConnection]:
        async with as_archive(self.settings, self.clock, random.Random()) as line:
            yield line

    async def delete_stream(self, stream: str) -> None:
        async with self.as_hq() as line:
            await done(line, "DELETE", stream)

    def start_hq(self) -> Archiver:
        archiver = Archiver(self.settings, self.clock, random.Random(5))
        stop = asyncio.Event()
        self.archivers.append((archiver, stop, asyncio.create_task(archiver.run(stop))))
        return archiver

    def start_hq_process(self) -> BaseProcess:
        """HQ's loop in a process of its own, as it runs in earnest: it may be killed."""
        process = PROCESSES.Process(target=_archive, args=(self.settings,))
        process.start()
        self.processes.append(process)
        return process

    async def kill_process(self, process: BaseProcess) -> None:
        """By SIGKILL, wherever it is."""
        process.kill()
        await asyncio.to_thread(process.join)
        self.processes.remove(process)

    def rotate(self, kid: str) -> None:
        """HQ's consent keys have one more, for its next start."""
        held = self.settings.secrets[CONSENT]
        secrets = {**self.settings.secrets, CONSENT: f"{held} {kid}:{'bmVy' * 10}bmU="}
        self.settings = msgspec.structs.replace(self.settings, secrets=secrets)

    async def stop_hq(self) -> None:
        for _, stop, task in self.archivers:
            stop.set()
            await asyncio.wait_for(task, SECONDS)
        self.archivers.clear()

    async def kill_hq(self) -> None:
        """Ended between any two of its steps, as SIGKILL does to its process."""
        for _, _, task in self.archivers:
            task.cancel()
        await asyncio.gather(*(task for _, _, task in self.archivers), return_exceptions=True)
        self.archivers.clear()

    async def sql(self, text: str, *values: object) -> list[Any]:
        return await self._sql.run(self.settings.postgres.dsn, text, values)

    async def archived(self, store: Store) -> bool:
        """Whether PostgreSQL has the store's whole record, to its newest hash."""
        epoch, seq, hash_ = await store.head()
        found = await self.sql(
            "SELECT head_seq, head_hash FROM chain WHERE store = %s AND epoch = %s", store.name, epoch
        )
        return bool(found) and found[0][0] == seq and bytes(found[0][1]) == hash_

    async def await_archived(self, *stores: Store, seconds: float = SECONDS) -> None:
        for store in stores:
            await until(lambda store=store: self.archived(store), seconds=seconds, every=0.05)

    async def end(self) -> None:
        for store in self._added:
            await store.disconnect()
        await self.stop_hq()
        for process in list(self.processes):
            await self.kill_process(process)
        await self._sql.close()


@asynccontextmanager
async def world(folder: Path, cluster: Cluster, dsn: str, account: KeyPair | None = None) -> AsyncIterator[World]:
    """`account`: the one in the servers' own configuration; else one is made, so that tests share servers and no stream."""
    clock = SystemClock()
    account = account or KeyPair.make("account")
    settings = HqSettings(
        hq=Hq("Balloon Loft"),
        nats=Nats(cluster.urls, cluster.ca),
        postgres=PostgresTable(dsn),
        secrets={
            ACCOUNT: account.seed,
            OPERATOR: cluster.operator.seed,
            SYSTEM: cluster.system.seed,
            CONSENT: "k1:" + "aWlp" * 10 + "aWk=",
        },
    )
    await migrate(dsn)
    async with as_system(settings, clock, random.Random()) as line:
        await put_in_force(line, settings, clock, {})
    async with AsyncExitStack() as stack:
        made = World(folder, cluster, settings, account, clock, stack)
        try:
            yield made
        finally:
            await made.end()
            if len(cluster.running) == len(cluster.servers):
                await _forget_streams(made)


async def done(line: NatsConnection, verb: str, stream: str, body: bytes = b"") -> Info:
    """What NATS's servers say once they did that with a stream. While its leader changes they refuse, or do it and their answer is lost: it is
    asked again."""

    async def is_done() -> Info | None:
        said = await answered(ask(line, verb, stream, body))
        if said is None or said.error is None:
            return said
        return said if verb == "DELETE" and said.error.err_code == NOT_FOUND else None

    said: Info = await until(is_done)
    return said


async def say(
    line: NatsConnection, subject: str, body: bytes, *, id: str | None = None, expect: int | None = None
) -> Ack:
    """A stream's word that it keeps it, once. While its leader changes nobody does, or it is kept and the word is lost: it is said again, and known
    by its id."""
    id = id or secrets.token_hex(8)

    async def is_kept() -> Ack | None:
        try:
            return await line.publish(subject, body, id=id, expect=expect)
        except (NotAuthorised, WrongSequence):
            raise
        except NatsAway:
            return None

    ack: Ack = await until(is_kept)
    return ack


async def answered(question: Awaitable[Any]) -> Any:
    """What is said to it; None: nobody says anything yet, as where a server is not ready. To be asked again, by `until`."""
    try:
        return await question
    except NatsAway:
        return None


async def _forget_streams(made: World) -> None:
    """Servers keep every stream's group alive, and tell each other each 1.5 s what an account uses that may have streams: those of a few hundred
    worlds would take more of the processor than the tests. One that is kept for once, as servers that a test has just killed may, harms nobody."""
    archive = made.settings.archive_key.public
    none = archive_claim(made.cluster.operator, archive, at=made.clock.now() // 1000 + 1, storage=0, memory=0)
    with suppress(NatsAway):
        async with as_system(made.settings, made.clock, random.Random()) as line:
            await line.request(f"$JS.API.ACCOUNT.PURGE.{archive}", b"")
            await line.ask_all(UPDATE, none.encode(), wait=ANSWER_SECONDS, most=len(made.cluster.servers))


def _archive(settings: HqSettings) -> None:
    asyncio.run(Archiver(settings, SystemClock(), random.Random(5)).run(asyncio.Event()))
