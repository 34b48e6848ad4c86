"""A store whose card spoilt what it had heard of the other stores."""

import sqlite3
from contextlib import closing

import pytest

from daemon.keys.box_key import BoxKey
from daemon.upkeep.recover import record
from daemon.upkeep.recovery_note import Recovered
from outbox.losses import OPTOUTS
from outbox.salvaged import Salvaged
from tests.fleet.test_consent import blocked, pair
from tests.support.busy import until
from tests.support.fleet_world import World
from tests.support.outbox_box import PHONE

pytestmark = pytest.mark.engines

OTHER = "+447700900201"


async def test_opt_outs_of_other_stores_that_a_repair_lost_are_heard_again(fleet: World) -> None:
    """The newest was left, so only what came after that was asked for; nobody says the others once more, and staff can't note down whom they
    know by a digest alone."""
    soho, camden = await pair(fleet)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))
    await soho.box.consent.stop("sms", OTHER, reason="STOP", actor="modem")
    await until(lambda: camden.box.consent.blocked("sms", OTHER))
    newest = await camden.box.fleet.heard_up_to()
    await camden.disconnect()
    with closing(sqlite3.connect(camden.box.path, isolation_level=None)) as db:
        assert db.execute("DELETE FROM fleet_consent WHERE seq < ?", (newest,)).rowcount == 1
    assert await blocked(camden) is None
    saved = Salvaged(rows={}, dropped=0, optouts_lost=0, lost=frozenset({OPTOUTS}))
    await record(camden.box, Recovered(trouble="a page", aside=None, salvaged=saved), BoxKey.new(), camden.clock)
    camden.connect()
    await until(lambda: blocked(camden))

    async def done() -> bool:
        return await camden.box.fleet.heard_up_to() == newest

    await until(done)
