"""Many stores in a process of their own. What they are told to do goes over a pipe; they answer once it is done, with the moment (s, monotonic,
the same for all processes of a machine)."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from daemon.fleet.membership import Membership
from daemon.fleet.nkey import KeyPair
from outbox.clock import SystemClock
from tests.support.busy import until
from tests.support.fleet_world import PROCESSES, Store, World, open_store

SECONDS = 300.0


class Member(NamedTuple):
    name: str
    seed: str
    claim: str


class Crowd:
    """Its stores, as their fleet's world sees them."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    async def do(self, deed: str, *values: object) -> Any:
        """One of `_Stores`'s deeds, and what it came to."""
        self._pipe.send((deed, *values))
        return await self.answer()

    async def answer(self) -> Any:
        return await asyncio.to_thread(self._pipe.recv)


@asynccontextmanager
async def crowd(world: World, names: Sequence[str]) -> AsyncIterator[Crowd]:
    members = []
    for name in names:
        key = KeyPair.make("user")
        await world.register(name, key)
        members.append(Member(name, key.seed, world.claim(name, key)))
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(
        target=_live, args=(theirs, members, world.cluster.urls, world.cluster.ca, world.folder), daemon=True
    )
    process.start()
    theirs.close()
    try:
        made = Crowd(ours)
        await made.answer()
        yield made
        ours.send(None)
        await asyncio.to_thread(process.join, SECONDS)
    finally:
        process.kill()
        ours.close()


def _live(pipe: Connection, members: Sequence[Member], servers: tuple[str, ...], ca: Path, folder: Path) -> None:
    asyncio.run(_lives(pipe, members, servers, ca, folder))


async def _lives(pipe: Connection, members: Sequence[Member], servers: tuple[str, ...], ca: Path, folder: Path) -> None:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        stores = []
        for member in members:
            key = KeyPair.from_seed(member.seed, "user")
            membership = Membership(store=member.name, servers=servers, ca=ca, key=key, claim=member.claim)
            stores.append(await open_store(stack, folder / f"{member.name}.db", membership, clock))
        deeds = _Stores(stores)
        pipe.send(time.monotonic())
        while (asked := await asyncio.to_thread(pipe.recv)) is not None:
            deed, *values = asked
            pipe.send(await getattr(deeds, deed)(*values))
        for store in stores:
            await store.disconnect()


class _Stores:
    """What they can be told to do."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self._stores = stores

    async def connect(self) -> float:
        for store in self._stores:
            store.connect()

        async def connected(store: Store) -> bool:
            return (await store.link.status()).state == "connected"

        done = await self._all(connected)
        gc.freeze()  # as each store's own process does once it has started
        return done

    async def stop(self, address: str) -> float:
        """The first one's customer wants no more texts; the moment before."""
        began = time.monotonic()
        await self._stores[0].box.consent.stop("sms", address, reason="STOP", actor="modem")
        return began

    async def silent(self, address: str) -> float:
        """All of them would send that customer no text."""
        return await self._all(lambda store: store.box.consent.blocked("sms", address))

    async def fill(self, entries: int) -> int:
        """How many there are in all."""
        for store in self._stores:
            await asyncio.gather(*(store.box.audit.append("note.made", detail={"n": n}) for n in range(entries)))
        return sum([(await store.head())[1] for store in self._stores])

    async def _all(self, true: Callable[[Store], Awaitable[object]]) -> float:
        for store in self._stores:
            await until(lambda store=store: true(store), seconds=SECONDS)
        return time.monotonic()
