"""What headquarters and stores stand on is lost and made anew, or is an older copy: a stream, a store's database, PostgreSQL's primary."""

from pathlib import Path

import pytest

from tests.support.fleet_world import Store, World, until

pytestmark = [pytest.mark.engines, pytest.mark.timeout(60)]


async def told_so(store: Store) -> bool:
    """Whether headquarters' mark says that it has the store's whole record."""
    return store.link.archived == (await store.head())[1]


async def test_messages_of_a_restored_store_are_told_though_its_line_comes_and_goes(
    fleet: World, tmp_path: Path
) -> None:
    """The backup is much older than what headquarters heard last: it knows nothing yet of what the new epoch's entries speak of."""
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    await soho.happen(2)
    await soho.box.back_up(tmp_path / "backup.db")
    await soho.happen(20, first=3)
    soho.connect()
    await fleet.await_archived(soho)
    await soho.disconnect()
    restored = await fleet.add_store("soho", database=tmp_path / "backup.db", key=soho.membership.key)
    await restored.box.audit.begin_epoch("restored")
    for n in (50, 51, 52):
        await restored.happen(1, first=n)
        restored.connect()
        await fleet.await_archived(restored)
        await until(lambda: told_so(restored))
        await restored.disconnect()
    rows = await fleet.sql("SELECT id FROM message WHERE id LIKE 'soho-5_' ORDER BY id")
    assert rows == [("soho-50",), ("soho-51",), ("soho-52",)]
