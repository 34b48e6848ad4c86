"""A store on a line that brings little: a router past its quota, or one that many share."""

import msgspec
import pytest

from daemon.fleet import nats_connection
from daemon.fleet.speaker import signed
from daemon.fleet.wire import SignedWord, optout_subject, pack
from tests.support.busy import until
from tests.support.fleet_world import World, say
from tests.support.relay import relays

pytestmark = pytest.mark.engines


async def test_opt_outs_that_take_longer_than_an_answer_may_are_all_heard_over_one_connection(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store joins a fleet with hundreds of opt-outs, over 24 KiB a second; all of them take fourteen seconds, an answer may take four here."""
    archiver = fleet.start_hq()

    async def running() -> bool:
        return archiver.status.state == "running"

    await until(running)
    camden, soho = (await fleet.add_store("camden")).membership, await fleet.add_store("soho")
    word = SignedWord(state="out", at=1, clock_trusted=True, store="camden", epoch="e", seq=1, how="STOP")
    async with fleet.line_of(fleet.stores["camden"]) as line:
        for n in range(200):
            subject = optout_subject("k1", "sms", f"{n:032x}")
            await line.tell(subject, pack(signed(word, subject, camden.key, camden.claim)))
        told = await say(line, subject, pack(signed(word, subject, camden.key, camden.claim)))
    async with relays(fleet.cluster.urls[:1]) as (relay,):
        soho.membership = msgspec.structs.replace(soho.membership, servers=(relay.url,))
        monkeypatch.setattr(nats_connection, "SOCKET_SECONDS", 4.0)
        relay.rate = 24 * 1024.0
        soho.connect()

        async def heard() -> bool:
            return await soho.box.fleet.heard_up_to() == told.seq

        await until(heard)
        assert relay.met == 1
        await soho.disconnect()
