"""A store's record comes to be in PostgreSQL, once and whole, whatever ends in between."""

import asyncio
import os
import random
import sqlite3
import zlib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon.fleet import link as link_module
from daemon.hq.answers import stores, verify
from daemon.hq.database import opened
from outbox import Refusal
from outbox.audit import verify_export
from outbox.clock import Clock, SystemClock
from outbox.model import State, Transition
from outbox.proof import prove
from outbox.reasons import Reason
from tests.support.busy import until
from tests.support.engines import Cluster, postgres
from tests.support.fleet_world import World, answered, world
from tests.support.outbox_box import PHONE, accept_one, planned, send

LONG = os.environ.get("TETHER_FLEET") == "long"
pytestmark = [pytest.mark.engines, pytest.mark.timeout(600 if LONG else 300)]


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


async def verified(fleet: World) -> int:
    """Every chain in PostgreSQL computed anew; how many entries there are, each once."""
    async with opened(fleet.settings.postgres.dsn) as db:
        found = await verify(db, None)
    assert found.ok, found
    ((entries, distinct),) = await fleet.sql("SELECT count(*), count(DISTINCT (store, epoch, seq)) FROM audit")
    assert entries == distinct == found.entries
    return found.entries


async def test_what_nats_lost_before_it_was_archived_is_sent_again(fleet: World) -> None:
    """UP is wiped after it acknowledged and before PostgreSQL had it."""
    archiver = fleet.start_hq()
    soho = await fleet.add_store("soho")
    await soho.happen(5)
    soho.connect()
    await fleet.await_archived(soho)
    await fleet.stop_hq()
    await soho.happen(30, first=6)

    async def acknowledged() -> bool:
        status = await soho.link.status()
        return status.acknowledged == status.seq

    await until(acknowledged)
    assert soho.link.archived < (await soho.head())[1]
    await fleet.delete_stream("UP")
    assert archiver.status.state == "running"
    fleet.start_hq()
    soho.link.health_changed()
    await fleet.await_archived(soho)
    assert await verified(fleet) == (await soho.head())[1]
    states = await fleet.sql("SELECT count(*) FROM message WHERE state = 'sent'")
    assert states == [(35,)]


async def test_two_headquarters_at_once_and_both_killed_at_random_moments_lose_and_double_nothing(fleet: World) -> None:
    rng = random.Random(17)
    soho = await fleet.add_store("soho")
    soho.connect()
    for n in range(100 if LONG else 10):
        fleet.start_hq()
        fleet.start_hq()
        await soho.happen(8, first=1 + 8 * n)
        await asyncio.sleep(rng.uniform(0.0, 0.4))
        await fleet.kill_hq()
    fleet.start_hq()
    await fleet.await_archived(soho)
    assert await verified(fleet) == (await soho.head())[1]
    assert await fleet.sql("SELECT count(*) FROM fork") == [(0,)]
    assert await fleet.sql("SELECT count(*) FROM gap WHERE closed_at IS NULL") == [(0,)]


async def test_two_processes_of_headquarters_that_are_killed_in_turn_lose_and_double_nothing(fleet: World) -> None:
    """As systemd runs them for availability, under load; SIGKILL takes now one, now the other, in the middle of whatever it does."""
    rng = random.Random(23)
    soho = await fleet.add_store("soho")
    soho.connect()
    await soho.happen(8)
    processes = [fleet.start_hq_process(), fleet.start_hq_process()]
    await fleet.await_archived(soho)
    for n in range(1, 101 if LONG else 4):
        await soho.happen(8, first=1 + 8 * n)
        await asyncio.sleep(rng.uniform(0.0, 0.4))
        victim = rng.randrange(2)
        await fleet.kill_process(processes[victim])
        processes[victim] = fleet.start_hq_process()
    await fleet.await_archived(soho)
    await fleet.kill_process(processes[0])
    await soho.happen(1, first=10_000)
    await fleet.await_archived(soho)
    assert await verified(fleet) == (await soho.head())[1]
    assert await fleet.sql("SELECT count(*) FROM fork") == [(0,)]
    assert await fleet.sql("SELECT count(*) FROM gap WHERE closed_at IS NULL") == [(0,)]


async def test_a_line_that_comes_and_goes_is_caught_up(fleet: World) -> None:
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    await soho.happen(150)
    for _ in range(4):
        soho.connect()
        await asyncio.sleep(0.3)
        await soho.disconnect()
    soho.connect()
    await fleet.await_archived(soho)
    assert await verified(fleet) == (await soho.head())[1]


async def test_a_backup_that_is_restored_is_another_epoch_and_no_fork(fleet: World, tmp_path: Path) -> None:
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    await soho.happen(5)
    await soho.box.back_up(tmp_path / "backup.db")
    await soho.happen(5, first=6)
    soho.connect()
    await fleet.await_archived(soho)
    await soho.disconnect()
    restored = await fleet.add_store("soho", database=tmp_path / "backup.db", key=soho.membership.key)
    await restored.box.audit.begin_epoch("restored")
    await restored.happen(3, first=20)
    restored.connect()
    await fleet.await_archived(restored)
    assert await fleet.sql("SELECT count(*) FROM fork") == [(0,)]
    assert await fleet.sql("SELECT count(*) FROM gap WHERE closed_at IS NULL") == [(0,)]
    assert len(await fleet.sql("SELECT 1 FROM chain WHERE store = 'soho'")) == 2
    await verified(fleet)


async def test_a_card_that_runs_twice_is_a_fork_within_a_minute(fleet: World, tmp_path: Path) -> None:
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    await soho.happen(5)
    await soho.box.back_up(tmp_path / "copy.db")
    soho.connect()
    await soho.happen(2, first=6)
    await fleet.await_archived(soho)
    copy = await fleet.add_store("soho", database=tmp_path / "copy.db", key=soho.membership.key)
    await copy.happen(3, first=50)
    copy.connect()

    async def alarm() -> Any:
        return await fleet.sql("SELECT store, seen_in FROM fork")

    assert (await until(alarm, seconds=60))[0][0] == "soho"
    async with opened(fleet.settings.postgres.dsn) as db:
        (row,) = await stores(db, datetime.now(UTC))
    assert row.forks >= 1
    await soho.happen(2, first=8)
    await fleet.await_archived(soho)
    await verified(fleet)
    await copy.disconnect()


async def test_a_record_that_was_rewritten_at_the_store_is_not_taken(fleet: World) -> None:
    """Somebody with the box's disk changes what it did before it is told."""
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    await soho.happen(3)
    with closing(sqlite3.connect(soho.box.path)) as db, db:
        db.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 4")
    soho.connect()

    async def refused() -> Any:
        return await fleet.sql("SELECT why FROM gap WHERE store = 'soho' AND closed_at IS NULL")

    found = await until(refused)
    assert "was changed at the store" in found[0][0]
    assert await fleet.sql("SELECT count(*) FROM audit") == [(0,)]


async def test_order_at_headquarters_is_the_records_whatever_the_clocks_say(fleet: World) -> None:
    """Two days ahead, then set right: what came later stays later."""
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    ahead = Ahead(soho.clock)
    soho.box._store._writer._clock = ahead
    await soho.happen(2)
    ahead.ms = 0
    await soho.happen(2, first=3)
    soho.connect()
    await fleet.await_archived(soho)
    rows = await fleet.sql("SELECT seq, at FROM audit ORDER BY seq")
    assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
    assert rows[0][1] > rows[-1][1]
    await verified(fleet)


class Ahead(SystemClock):
    """The machine's clock, two days ahead until it is set right."""

    def __init__(self, real: Clock) -> None:
        self._real = real
        self.ms = 2 * 86_400_000

    def now(self) -> int:
        return self._real.now() + self.ms


async def test_before_the_clock_is_set_nothing_is_called_and_then_it_joins_by_itself(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "CLOCK_LOOK_SECONDS", 0.1)
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    called: list[str] = []
    real = soho.link._connect

    def counting(server: str, *rest: Any) -> Any:
        called.append(server)
        return real(server, *rest)

    soho.trusted = False
    soho.connect()
    soho.link._connect = counting
    await soho.happen(2)
    await asyncio.sleep(0.5)
    assert called == []
    assert (await soho.link.status()).state == "waiting"
    soho.trusted = True
    await fleet.await_archived(soho)


async def test_what_is_archived_may_go_at_the_store_and_the_rest_still_proves_itself(fleet: World) -> None:
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    await soho.happen(6)
    soho.connect()
    await fleet.await_archived(soho)
    assert await soho.box.retention.prune_audit(archived=0, before=soho.clock.now() + 1) == 0
    last = (await soho.head())[1]
    assert await soho.box.retention.prune_audit(archived=last, before=soho.clock.now() + 1) == last
    await soho.happen(2, first=7)
    verdict = await soho.box.audit.verify()
    assert (verdict.ok, verdict.entries) == (True, (await soho.head())[1] - last)
    export = b"".join([piece async for piece in soho.box.audit.export()])
    exported = verify_export(export.splitlines(keepends=True))
    assert (exported.ok, exported.entries) == (True, verdict.entries)
    assert prove(soho.box.path).first_bad is None
    await fleet.await_archived(soho)
    assert await verified(fleet) == (await soho.head())[1]


async def test_entries_that_go_before_they_are_archived_are_a_gap_for_good_and_the_rest_is_archived(
    fleet: World,
) -> None:
    """The disk is at its reserve and headquarters away for long."""
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    await soho.happen(4)
    up_to = await soho.box.retention.prune_audit(archived=6, before=soho.clock.now() + 1)
    soho.connect()
    await fleet.await_archived(soho)
    assert await fleet.sql("SELECT from_seq, to_seq, why FROM gap") == [(1, up_to, "not kept at the store")]
    async with opened(fleet.settings.postgres.dsn) as db:
        assert (await verify(db, "soho")).ok


async def test_no_address_name_or_secret_reaches_nats_or_postgresql(fleet: World) -> None:
    """Whoever reads headquarters' disks or NATS's wants customers' numbers, their names, their words, or a key."""
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    words = "STOP it, Canaria Vogel, number 07700 900123"
    event = {
        "customer": {"name": "Canaria Vogel", "phone": PHONE, "email": "canaria@vogel.example"},
        "data": {"x": "kanari"},
    }
    message = planned("c1", text="Dear Canaria Vogel", addresses={"phone": PHONE, "email": "canaria@vogel.example"})
    await send(soho.box, await accept_one(soho.box, message, id="c1", ref="B-1", **event))
    await soho.box.consent.stop("sms", PHONE, reason=words, actor="modem")
    late = await accept_one(soho.box, planned("c2"), id="c2", ref="B-1", **event)
    begun = await soho.box.spool.begin(late.seq, channel="twilio", via_index=0, medium="sms", address=PHONE)
    assert isinstance(begun, Refusal)
    await soho.box.spool.move(late.seq, Transition(state=State.SUPPRESSED, reason=begun.reason))
    failed = await accept_one(soho.box, planned("c3"), id="c3", ref="B-1", **event)
    refused = Reason("twilio refused it", "refused", channel="twilio", words=words)
    why = Reason("gave up", "gave_up", tries=3, because=refused, country="Canaria")
    await soho.box.spool.move(failed.seq, Transition(state=State.FAILED, reason=why))
    soho.connect()
    await fleet.await_archived(soho)

    async def told() -> bool:
        return bool(await fleet.sql("SELECT 1 FROM consent")) and bool(await fleet.sql("SELECT 1 FROM health"))

    await until(told)
    seen = b""
    async with fleet.as_hq() as line:
        for stream in ("UP", "HEALTH", "CONSENT", "MARK"):
            for stored in await until(lambda stream=stream: answered(line.read(stream, 0, limit=500))):
                seen += stored.subject.encode() + (
                    zlib.decompress(stored.body) if stored.subject.startswith("up.") else stored.body
                )
    for (table,) in await fleet.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        seen += "".join(row[0] for row in await fleet.sql(f"SELECT t::text FROM {table} AS t")).encode()
    assert b"B-1" in seen
    ((told_why,),) = await fleet.sql("SELECT reason_args FROM message WHERE reason_code = 'gave_up'")
    assert told_why == {"tries": 3, "because": {"code": "refused", "args": {"channel": "twilio"}}}
    secrets = [soho.membership.key.seed, *fleet.settings.secrets.values(), "iiiiiiii", "aWlpaWlp"]
    for canary in ("Canaria", "Vogel", "07700 900123", PHONE, PHONE[1:], "canaria", "kanari", *secrets):
        assert canary.encode() not in seen, canary


async def test_while_postgresql_is_away_the_archive_waits_and_loses_nothing(
    tmp_path: Path, nats_servers: Cluster
) -> None:
    with postgres() as own:
        async with world(tmp_path, nats_servers, own.make_database("own")) as fleet:
            archiver = fleet.start_hq()
            soho = await fleet.add_store("soho")
            await soho.happen(3)
            soho.connect()
            await fleet.await_archived(soho)
            own.kill()
            await soho.happen(20, first=4)

            async def waits() -> bool:
                return archiver.status.state == "waiting"

            await until(waits)
            own.start()
            await fleet.await_archived(soho)
            assert await verified(fleet) == (await soho.head())[1]


async def test_nobody_is_asked_again_while_nothing_is_missed(fleet: World) -> None:
    """What is on record of no message moves no message's mark."""
    archiver = fleet.start_hq()
    soho = await fleet.add_store("soho")
    await soho.happen(2)
    for n in range(30):
        await soho.box.audit.append("note.made", detail={"n": n})
    soho.connect()
    await fleet.await_archived(soho)
    for n in range(30):
        await soho.box.audit.append("note.made", detail={"n": n})
    await soho.happen(1, first=3)
    await fleet.await_archived(soho)
    soho.link.health_changed()

    async def reported() -> Any:
        return await fleet.sql(
            "SELECT 1 FROM health WHERE (body -> 'cursors' ->> 'audit')::int = %s", (await soho.head())[1]
        )

    await until(reported)
    read = datetime.now(UTC) + timedelta(seconds=60)
    async with opened(fleet.settings.postgres.dsn) as db:
        assert await archiver._pulse.ask_for_what_is_missed(db, read, 0) == set()
    assert await fleet.sql("SELECT again FROM store") == [(0,)]
