"""A store may tell its own and ask for its own; who has its key gets nothing of another's, and nothing at all once it is revoked."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from daemon.fleet.claim import read_claim
from daemon.fleet.nats_connection import Identity, NatsAway, NatsConnection, NotAuthorised, connected, pinned
from daemon.fleet.nkey import KeyPair
from daemon.fleet.wire import NAME
from daemon.hq.claims import EVERYTHING, user_claim
from daemon.hq.nats import as_system, put_in_force
from tests.support.busy import until
from tests.support.fleet_world import SECONDS, Store, World

pytestmark = pytest.mark.engines

FORBIDDEN = (
    "up.s2.audit",
    "up.s2.msg",
    "health.s2",
    "mark.s1",
    "mark.s2",
    "bundle.all",
    "optout.x",
    "say.x",
    "optout.k1.sms.a.b",
    "$JS.API.DIRECT.GET.MARK.mark.s2",
    "$JS.API.DIRECT.GET.MARK",
    "$JS.API.DIRECT.GET.UP",
    "$JS.API.STREAM.PURGE.UP",
    "$JS.API.STREAM.DELETE.CONSENT",
    "$JS.API.STREAM.INFO.UP",
    "$JS.API.STREAM.MSG.GET.UP",
    "$JS.API.CONSUMER.CREATE.UP",
    "$JS.API.CONSUMER.DURABLE.CREATE.CONSENT.mine",
    "$SYS.REQ.CLAIMS.UPDATE",
)


@asynccontextmanager
async def in_the_stores_account(fleet: World) -> AsyncIterator[NatsConnection]:
    """Somebody there who may say and hear all."""
    key = KeyPair.make("user")
    claim = user_claim(fleet.account, key.public, "whoever", EVERYTHING, at=fleet.clock.now() // 1000)
    identity = Identity(key, claim, "_INBOX.WHOEVER", "whoever")
    async with connected(fleet.cluster.urls[0], pinned(fleet.cluster.ca), identity) as line:
        yield line


async def test_a_store_can_do_nothing_but_its_own(fleet: World) -> None:
    """Somebody has the key of one store's box and wants to speak as another, read its mark, make consumers, or purge."""
    fleet.start_hq()
    store = await fleet.add_store("s1")
    store.connect()
    await store.happen(1)
    await fleet.await_archived(store)
    async with fleet.line_of(store) as line:
        for subject in FORBIDDEN:
            with pytest.raises(NotAuthorised):
                await line.publish(subject, b"{}", timeout=SECONDS)


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("up.>", "up.s2.audit"),
        ("health.s2", "health.s2"),
        ("mark.s2", "mark.s2"),
        ("say.>", "say.k1.sms.x"),
        ("_INBOX.s2.>", "_INBOX.s2.answer"),
        ("_INBOX.>", "_INBOX.s2.answer"),
        (">", "up.s2.audit"),
        (">", "_INBOX.s2.answer"),
    ],
)
async def test_a_store_hears_nothing_of_others(fleet: World, subject: str, told: str) -> None:
    """What is told in the stores' own account, by whomever: who may hear all that is there hears it, and one store does not."""
    fleet.start_hq()
    store = await fleet.add_store("s1")
    heard: list[bytes] = []
    came, ended = asyncio.Event(), asyncio.Event()
    async with fleet.line_of(store) as line, in_the_stores_account(fleet) as whoever:
        await line.listen(subject, lambda message: heard.append(message.data))
        await line.listen("_INBOX.s1.end", lambda message: ended.set())
        await whoever.listen(told, lambda message: came.set())
        for each in (line, whoever):
            await each._client.flush()

        async def both_heard() -> bool:
            """Said again: one word may be lost while a server takes up claims."""
            await whoever.tell(told, b"secret")
            await whoever.tell("_INBOX.s1.end", b"")
            return came.is_set() and ended.is_set()

        await until(both_heard)
    assert heard == []


async def test_headquarters_hears_its_answers_where_no_store_does(fleet: World) -> None:
    """The shop at the head office is `hq`; who has its box wants the records of all the others, as headquarters reads them: they would have to
    be in its account, or under its name."""
    async with fleet.as_hq() as line:
        claim = read_claim(line._identity.claim)
        assert claim.iss != fleet.account.public
        assert NAME.fullmatch(line._identity.inbox.split(".")[1]) is None


async def test_a_revoked_store_is_out_within_ten_seconds_on_every_server_and_others_are_not(fleet: World) -> None:
    fleet.start_hq()
    s1, s2 = await fleet.add_store("s1"), await fleet.add_store("s2")
    s1.connect()
    s2.connect()
    for store in (s1, s2):

        async def connected(store=store) -> bool:
            return (await store.link.status()).state == "connected"

        await until(connected)
    async with as_system(fleet.settings, fleet.clock, random.Random()) as line:
        await put_in_force(line, fleet.settings, fleet.clock, {s1.membership.key.public: fleet.clock.now() // 1000 + 1})

    async def refused() -> bool:
        return (await s1.link.status()).state == "refused"

    await until(refused, seconds=10)
    assert "tether hq store add s1" in (await s1.link.status()).reason
    assert s1.link.trouble().startswith("headquarters refuses this store")
    assert s2.link.trouble() == ""
    for server in range(len(fleet.cluster.urls)):
        await until(partial(is_out, fleet, s1, server), seconds=10)
    await s2.happen(1)
    await fleet.await_archived(s2)
    await s1.happen(1)


async def test_who_was_revoked_stays_out_though_the_servers_forgot_it(fleet: World) -> None:
    """All servers lost the newest claim with their power: headquarters tells them again before anything else."""
    s1 = await fleet.add_store("s1")
    await fleet.sql(
        "INSERT INTO revoked (key, store, at) VALUES (%s, 's1', now() + interval '1 second')", s1.membership.key.public
    )
    async with fleet.line_of(s1):
        pass
    fleet.start_hq()
    await until(partial(is_out, fleet, s1), seconds=10)


async def is_out(fleet: World, store: Store, server: int = 0) -> bool:
    """Whether that server says so; one that says nothing has not."""
    try:
        async with fleet.line_of(store, server):
            return False
    except NatsAway as error:
        return isinstance(error, NotAuthorised)
