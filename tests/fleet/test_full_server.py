"""One of three servers of NATS can't write any more (its disk is full): the others carry the fleet."""

import pytest

from daemon.fleet.nats_connection import NatsAway
from daemon.hq.database import Connection
from daemon.hq.stores import Stores
from tests.support.fleet_world import World

pytestmark = pytest.mark.engines


async def test_a_server_that_can_not_keep_a_claim_holds_up_no_archive(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(self: Stores, db: Connection) -> None:
        raise NatsAway("NATS did not take the fleet's new claim: no space left on device")

    monkeypatch.setattr(Stores, "enforce", refused)
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    await soho.happen(2)
    soho.connect()
    await fleet.await_archived(soho)
