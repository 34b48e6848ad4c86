"""A store's record comes to be in PostgreSQL, once and whole, whatever ends in between."""

import pytest

from tests.support.fleet_world import World, until

pytestmark = pytest.mark.engines


async def test_what_a_store_did_is_archived_and_the_store_is_told(fleet: World) -> None:
    soho = await fleet.add_store("soho")
    await soho.happen(20)
    fleet.start_hq()
    soho.connect()
    await fleet.await_archived(soho)
    epoch, seq, _ = await soho.head()
    rows = await fleet.sql("SELECT seq FROM audit WHERE store = 'soho' AND epoch = %s ORDER BY seq", epoch)
    assert [row[0] for row in rows] == list(range(1, seq + 1))

    async def told() -> bool:
        return soho.link.archived == seq

    await until(told)
    assert (await soho.link.status()).behind == 0
    states = dict(await fleet.sql("SELECT id, state FROM message"))
    assert states == {f"soho-{n}": "sent" for n in range(1, 21)}
