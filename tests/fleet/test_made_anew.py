"""What headquarters and stores stand on is lost and made anew, or is an older copy: a stream, a store's database, PostgreSQL's primary."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.fleet.bundle import version_claimed
from daemon.fleet.nats_connection import Ack, NatsConnection
from daemon.fleet.stored import Stored
from daemon.fleet.wire import SignedWord, optout_subject, unpack
from daemon.hq import archiver as archiver_module
from daemon.hq.answers import stores
from daemon.hq.archiver import Archiver
from daemon.hq.database import opened
from daemon.hq.ledger import LOOKS, Ledger
from daemon.hq.streams import WORD_MOST, ensure, wanted
from tests.fleet import test_publishing
from tests.fleet.test_archive import verified
from tests.fleet.test_consent import blocked, pair, told
from tests.fleet.test_publishing import Press
from tests.support.busy import until
from tests.support.fleet_world import Store, World, answered, done
from tests.support.outbox_box import PHONE

pytestmark = pytest.mark.engines
press = test_publishing.press


async def test_a_stream_of_consent_that_is_made_anew_under_headquarters_is_noticed(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody deletes it and makes it again, or a second headquarters does, faster than this one looks."""
    monkeypatch.setattr(archiver_module, "CHECK_SECONDS", 1.0)
    soho, camden = await pair(fleet)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))
    (config,) = (one for one in wanted(3) if one.name == "CONSENT")
    async with fleet.as_hq() as line:
        await done(line, "DELETE", "CONSENT")
        await done(line, "CREATE", "CONSENT", msgspec.json.encode(config))
    other = "+447700900999"
    await soho.box.consent.stop("sms", other, reason="STOP", actor="modem")
    assert await until(lambda: camden.box.consent.blocked("sms", other))
    hackney = await fleet.add_store("hackney")
    hackney.connect()
    assert await until(lambda: blocked(hackney)), "what was said before is in the new one too"


async def test_stores_hear_of_a_new_stream_before_it_is_told_all_that_stands(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then they pass over what others say; and thousands of words are told some at a time."""
    await fleet.add_store("soho")
    await fleet.sql(
        "INSERT INTO consent SELECT 'k1', 'sms', lpad(to_hex(n), 32, '0'), true, 1, true, 'soho', 'e', n, 'STOP', n, '{}', now() "
        "FROM generate_series(1, 120) AS n"
    )
    await fleet.sql("INSERT INTO progress (stream, made, seq, at) VALUES ('CONSENT', 'another', 120, now())")
    said: list[str] = []
    under_way, most = 0, 0
    publish = NatsConnection.publish

    async def counted(line: NatsConnection, subject: str, body: bytes, **more: Any) -> Ack:
        nonlocal under_way, most
        said.append(subject.partition(".")[0])
        under_way += 1
        most = max(most, under_way)
        try:
            return await publish(line, subject, body, **more)
        finally:
            under_way -= 1

    monkeypatch.setattr(NatsConnection, "publish", counted)
    fleet.start_hq()

    async def all_told() -> bool:
        return await fleet.sql("SELECT 1 FROM progress WHERE stream = 'CONSENT' AND made <> 'another'") != []

    await until(all_told)
    assert said[0] == "mark"
    assert said[-120:] == ["optout"] * 120
    assert 1 < most < 60

    async def all_kept() -> bool:
        return len(await kept(fleet)) == 120

    await until(all_kept)


async def kept(fleet: World) -> list[Stored]:
    """As one of the servers has it; it may be behind the others for a moment, or not ready to say."""
    async with fleet.as_hq() as line:
        return await answered(line.read("CONSENT", 0, limit=200)) or []


async def is_running(archiver: Archiver) -> bool:
    return archiver.status.state == "running"


async def test_an_older_opt_out_that_is_larger_than_any_word_may_be_is_told_to_a_new_stream_too(fleet: World) -> None:
    """It was kept before words had a bound. NATS takes it no more as it is, and headquarters did not get beyond it at any start."""
    digest = "0" * 32
    await fleet.sql(
        "INSERT INTO consent VALUES ('k1', 'sms', %s, true, 1, true, '', 'e', 1, 'STOP', 1, %s, now())",
        digest,
        b" " * (WORD_MOST + 1),
    )
    await fleet.sql("INSERT INTO progress (stream, made, seq, at) VALUES ('CONSENT', 'another', 1, now())")
    archiver = fleet.start_hq()
    await until(lambda: is_running(archiver))

    async def is_kept() -> bool:
        return [word.subject for word in await kept(fleet)] == [optout_subject("k1", "sms", digest)]

    await until(is_kept)


@pytest.mark.parametrize("behind", [0, 1, LOOKS], ids=["level", "behind", "behind for long"])
async def test_a_start_that_knew_of_no_newer_stop_does_not_come_before_it_in_a_new_stream(
    fleet: World, monkeypatch: pytest.MonkeyPatch, behind: int
) -> None:
    """They said it at Soho, which was offline, after a STOP at Camden, which is off when NATS's folders are emptied. Soho hears of the new stream
    before headquarters tells it what stands, and there its START is the first word. It is the stream's leader that refuses headquarters' word; the
    server that headquarters asks for what was said may not have it yet."""
    soho, camden = await pair(fleet)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))
    await until(lambda: told(soho))
    await soho.disconnect()
    await camden.box.consent.stop("sms", PHONE, reason="STOP", actor="staff")
    await until(lambda: fleet.sql("SELECT 1 FROM consent WHERE store = 'camden'"))
    await camden.disconnect()
    await soho.box.consent.allow("sms", PHONE, reason="START", actor="modem")
    await fleet.stop_hq()
    await fleet.delete_stream("CONSENT")
    restore = Ledger.restore

    async def later(ledger: Ledger, db: Any, line: NatsConnection) -> int:
        if not await told(soho):
            soho.connect()
            await until(lambda: told(soho))
        return await restore(ledger, db, line)

    newest, unknown_to = NatsConnection.newest, ["CONSENT"] * behind

    async def asked(line: NatsConnection, stream: str, subject: str, **more: Any) -> Stored | None:
        if stream in unknown_to:
            unknown_to.remove(stream)
            return None
        return await newest(line, stream, subject, **more)

    monkeypatch.setattr(Ledger, "restore", later)
    monkeypatch.setattr(NatsConnection, "newest", asked)
    archiver = fleet.start_hq()
    await until(lambda: is_running(archiver))

    async def stands() -> bool:
        return [unpack(word.body, SignedWord).store for word in await kept(fleet)] == ["camden"]

    await until(stands)
    assert await until(lambda: blocked(soho))


async def test_a_store_that_was_restored_before_it_joined_is_shown_as_it_stands(fleet: World) -> None:
    """Its messages come before its record, so headquarters knows of the newer epoch first."""
    fleet.start_hq()
    soho = await fleet.add_store("soho")
    await soho.happen(2)
    await soho.box.audit.begin_epoch("restored")
    await soho.happen(2, first=3)
    soho.connect()
    await fleet.await_archived(soho)
    await until(lambda: fleet.sql("SELECT 1 FROM health"))
    epoch, seq, _ = await soho.head()
    async with opened(fleet.settings.postgres.dsn) as db:
        (row,) = await stores(db, datetime.now(UTC))
    assert (row.epoch, row.archived, row.behind) == (epoch, seq, 0)


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


async def test_while_only_a_copy_of_postgresql_answers_the_archive_waits(fleet: World) -> None:
    """Its primary is lost, and what stands in for it takes no writing yet."""
    archiver = fleet.start_hq()
    soho = await fleet.add_store("soho")
    await soho.happen(3)
    soho.connect()
    await fleet.await_archived(soho)
    ((name,),) = await fleet.sql("SELECT current_database()")
    await fleet.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await fleet.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()", name
    )

    async def waits() -> bool:
        return archiver.status.state == "waiting" and "read-only" in archiver.status.reason

    await until(waits, seconds=20)
    await soho.happen(5, first=4)
    await fleet.sql(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await fleet.await_archived(soho)
    assert await verified(fleet) == (await soho.head())[1]


async def test_an_archive_restored_to_before_a_withdrawal_numbers_on(press: Press) -> None:
    """Stores have heard that it is withdrawn, and have none: they would take a number from before for old."""
    await press.store("soho", "london")
    await press.publish()
    await press.publish("london")
    await press.publisher.withdraw(press.db, "london", "maria")
    async with press.fleet.as_hq() as line:
        await ensure(line, press.fleet.clock, replicas=3)
        assert await press.send(line) == 3

        async def is_there() -> bool:
            found = await line.newest("BUNDLE", "bundle.london")
            return found is not None and version_claimed(found.body) == 3

        await until(lambda: answered(is_there()))
        await press.fleet.sql("DELETE FROM bundle WHERE version > 1")
        for _ in range(2):
            await press.publisher.see_that_nats_has_all(press.db, line)
        assert await press.publisher.send(press.db, line) == 0
    assert await press.publish("london") == ["london/4"]
