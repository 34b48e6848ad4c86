"""Headquarters' database is restored from before a store joined, or before its box was exchanged; then that box is stolen."""

import pytest

from daemon.fleet.nats_connection import Identity, connected, pinned
from daemon.hq.stores import Declined
from tests.fleet import test_join
from tests.fleet.test_join import Door, comes_in
from tests.support.fleet_world import World

pytestmark = pytest.mark.engines
door = test_join.door


@pytest.mark.parametrize("held", ["", "UAOLDKEY"])
async def test_an_archive_that_is_older_than_a_stores_joining_cuts_it_off_all_the_same(
    fleet: World, door: Door, held: str
) -> None:
    await door.clock.advance(fleet.clock.now() / 1000 - door.clock.now() / 1000 + 2)
    stolen = (await fleet.add_store("soho")).membership
    await fleet.sql("UPDATE store SET key = %s, sealing = '', claim = ''", held)
    identity = Identity(stolen.key, stolen.claim, "_INBOX.soho", "anything")
    async with connected(fleet.cluster.urls[1], pinned(fleet.cluster.ca), identity):
        await door.stores.revoke(door.db, "soho")
    assert not await comes_in(fleet, stolen.key, stolen.claim)


@pytest.mark.parametrize("held", ["", "UAOLDKEY"])
async def test_a_store_whose_key_nobody_knows_is_not_said_to_be_cut_off(fleet: World, door: Door, held: str) -> None:
    """The box that NATS keeps out already is the one from before the exchange."""
    await fleet.add_store("soho")
    await fleet.sql("UPDATE store SET key = %s, sealing = '', claim = ''", held)
    await fleet.sql("INSERT INTO revoked (key, store, at) VALUES ('UAOLDKEY', 'soho', now())")
    await fleet.sql("INSERT INTO health (store, arrived, at, body) VALUES ('soho', now(), 0, '{}')")
    with pytest.raises(Declined, match="does not know its key"):
        await door.stores.revoke(door.db, "soho")
