"""A store may tell its own and ask for its own; who has its key gets nothing of another's, and nothing at all once it is revoked."""

import asyncio
import random

import pytest

from daemon.fleet.claim import read_claim
from daemon.fleet.nats_connection import NatsAway, NotAuthorised
from daemon.fleet.wire import NAME
from daemon.hq.nats import put_in_force
from tests.support.fleet_world import World, until

pytestmark = pytest.mark.engines

FORBIDDEN = (
    "up.s2.audit",
    "up.s2.msg",
    "health.s2",
    "mark.s1",
    "mark.s2",
    "bundle.all",
    "optout.x",
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
                await line.publish(subject, b"{}", timeout=5)


@pytest.mark.parametrize("subject", ["up.>", "health.s2", "mark.s2", "_INBOX.s2.>", "_INBOX.>", ">"])
async def test_a_store_hears_nothing_of_others(fleet: World, subject: str) -> None:
    fleet.start_hq()
    store = await fleet.add_store("s1")
    heard: list[bytes] = []
    async with fleet.line_of(store) as line, fleet.as_hq() as hq:
        await line.listen(subject, lambda message: heard.append(message.data))
        await hq.tell(subject.replace(">", "x.y"), b"secret")
        await asyncio.sleep(0.2)
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
    await put_in_force(
        fleet.settings, fleet.clock, random.Random(), {s1.membership.key.public: fleet.clock.now() // 1000 + 1}
    )

    async def refused() -> bool:
        return (await s1.link.status()).state == "refused"

    await until(refused, seconds=10)
    assert "tether hq store add s1" in (await s1.link.status()).reason
    assert s1.link.trouble().startswith("headquarters refuses this store")
    assert s2.link.trouble() == ""
    for server in range(len(fleet.cluster.urls)):
        with pytest.raises(NatsAway):
            async with fleet.line_of(s1, server):
                pass
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

    async def out() -> bool:
        try:
            async with fleet.line_of(s1):
                return False
        except NotAuthorised:
            return True

    await until(out, seconds=10)
