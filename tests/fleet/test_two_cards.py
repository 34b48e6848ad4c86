"""A card was copied and both run as one store; the copy was quicker, and is switched off."""

import time
from pathlib import Path

import msgspec
import pytest

from daemon.fleet import link as link_module
from daemon.fleet.nkey import KeyPair
from daemon.hq import archiver as archiver_module
from daemon.hq.database import opened
from daemon.hq.glance import glance
from tests.support.busy import until
from tests.support.fake_clock import FakeClock
from tests.support.fleet_world import Store, World
from tests.support.hq_page import page_site

pytestmark = pytest.mark.engines


async def overtaken(fleet: World, folder: Path, *, by: int = 2) -> Store:
    """Soho's card, of which headquarters has the copy's next entries: of so many events."""
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    soho.connect()
    await soho.happen(5)
    await fleet.await_archived(soho)
    await soho.disconnect()
    await soho.box.back_up(folder / "copy.db")
    copy = await fleet.add_store("soho", database=folder / "copy.db", key=soho.membership.key)
    await copy.happen(by, first=50)
    copy.connect()
    await fleet.await_archived(copy)

    async def knows() -> bool:
        return copy.link.archived == (await copy.head())[1]

    await until(knows)
    await copy.disconnect()
    await soho.happen(6, first=6)
    soho.connect()

    async def sees() -> bool:
        return "two boxes run as it" in soho.link.trouble() and bool(await fleet.sql("SELECT 1 FROM fork"))

    await until(sees)
    return soho


async def forks(fleet: World) -> list[str]:
    async with opened(fleet.settings.postgres.dsn) as db:
        ((now,),) = await fleet.sql("SELECT now()")
        return [trouble.kind for store in await glance(db, now) for trouble in store.troubles if trouble.kind == "fork"]


@pytest.mark.parametrize("by", [2, 9])
async def test_the_store_goes_on_once_it_has_joined_anew(fleet: World, tmp_path: Path, by: int) -> None:
    """Where the copy did more than the store has in all, none of the store's messages of that time were ever told."""
    soho = await overtaken(fleet, tmp_path, by=by)
    assert await forks(fleet) == ["fork"]
    await soho.disconnect()
    key = KeyPair.make("user")
    soho.membership = msgspec.structs.replace(soho.membership, key=key, claim=fleet.claim("soho", key))
    soho.connect()
    await fleet.await_archived(soho)
    await soho.happen(2, first=20)
    await fleet.await_archived(soho)
    assert soho.link.trouble() == ""
    assert await forks(fleet) == []
    assert len(await soho.box.fleet.epochs()) == 2
    rows = await fleet.sql(
        "SELECT id FROM message WHERE state = 'sent' AND id = ANY(%s)", [f"soho-{n}" for n in range(6, 12)]
    )
    assert len(rows) == 6, "how messages stand that it made meanwhile is told"

    async def kept() -> bool:
        return soho.link.archived == (await soho.head())[1]

    await until(kept)


async def test_the_alarm_ends_whatever_postgresql_s_machine_has_for_the_time(database: str, tmp_path: Path) -> None:
    """It is an hour behind: a fork was told of for that long after the store had joined anew."""
    clock = FakeClock(round(time.time() * 1000) + 3_600_000)
    async with page_site(database, tmp_path, clock) as site, opened(database) as db:

        async def troubles() -> list[str]:
            (soho,) = await glance(db, site.services.now())
            return [trouble.kind for trouble in soho.troubles]

        await site.store("soho")
        await site.entries("soho", ("event.accepted", "B-1", "", {}))
        await db.execute(
            "INSERT INTO fork (store, epoch, seq, known, other, seen_in, first_seen, last_seen) "
            "VALUES ('soho', 'e1', 1, '', '', 'batch', %(now)s, %(now)s)",
            {"now": site.services.now()},
        )
        assert await troubles() == ["fork"]
        await clock.advance(10)
        await site.entries("soho", ("epoch.began", "", "", {}), epoch="e2")
        assert await troubles() == []


async def test_of_a_record_that_is_not_taken_nothing_more_is_sent(
    fleet: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it went up again and again, as long as the shop existed."""
    monkeypatch.setattr(link_module, "HEALTH_SECONDS", 0.5)
    monkeypatch.setattr(link_module, "PULL_SECONDS", 0.5)
    monkeypatch.setattr(archiver_module, "CHECK_SECONDS", 0.5)
    monkeypatch.setattr(archiver_module, "AGAIN_SECONDS", 0.5)
    soho = await overtaken(fleet, tmp_path)
    told: list[int] = []
    tell = soho.link._reporter.tell_audit

    async def counted(*args: object) -> bool:
        told.append(1)
        return await tell(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(soho.link._reporter, "tell_audit", counted)

    async def heard_last() -> float:
        rows = await fleet.sql("SELECT coalesce(extract(epoch FROM max(arrived)), 0)::float FROM health")
        return float(rows[0][0])

    before = await until(heard_last)

    async def heard_on() -> bool:
        return await heard_last() > before + 6

    await until(heard_on)
    assert len(told) <= 1
