"""A customer who is forgotten at their store is found at headquarters no more."""

import pytest

from tests.support.busy import until
from tests.support.fleet_world import World
from tests.support.outbox_box import PHONE, accept_one, planned, send

pytestmark = pytest.mark.engines


async def test_who_was_forgotten_at_a_store_is_found_at_headquarters_no_more(fleet: World) -> None:
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    for n in (1, 2):
        message = await accept_one(soho.box, planned(f"soho-{n}"), id=f"e{n}", ref=f"B-{n}", customer={"phone": PHONE})
        await send(soho.box, message)
    soho.connect()
    await fleet.await_archived(soho)
    found = await until(lambda: fleet.sql("SELECT id, address, who FROM message WHERE who <> '{}'"))
    assert len(found) == 2
    assert (await soho.box.people.forget(PHONE, actor="owner")).orders == 2
    await fleet.await_archived(soho)

    async def gone() -> bool:
        return not await fleet.sql("SELECT 1 FROM message WHERE who <> '{}' OR address <> ''")

    assert await until(gone, seconds=10)
