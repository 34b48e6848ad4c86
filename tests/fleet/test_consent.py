"""An opt-out at one store counts at every other, and no order of events lets one be lost."""

import asyncio
from typing import Any

import pytest

from daemon.fleet import link as link_module
from daemon.fleet.wire import Word as WordBody
from daemon.fleet.wire import optout_subject, pack
from outbox import Refusal
from outbox.consent import OptOut
from outbox.errors import NotFound
from tests.support.fleet_world import Store, World, until
from tests.support.outbox_box import PHONE, accept_one, planned

pytestmark = pytest.mark.engines


async def why_not(store: Store, id: str = "m") -> str | None:
    """What keeps the next text to the customer from going; None: its attempt began."""
    message = await accept_one(store.box, planned(f"{store.name}-{id}"), id=id, ref=f"B-{id}")
    begun = await store.box.spool.begin(message.seq, channel="twilio", via_index=0, medium="sms", address=PHONE)
    return begun.reason if isinstance(begun, Refusal) else None


async def pair(fleet: World) -> tuple[Store, Store]:
    fleet.start_hq()
    soho, camden = await fleet.add_store("soho"), await fleet.add_store("camden")
    for store in (soho, camden):
        store.connect()
        await until(lambda store=store: connected(store))
    return soho, camden


async def connected(store: Store) -> bool:
    return (await store.link.status()).state == "connected"


async def blocked(store: Store) -> str | None:
    return await store.box.consent.blocked("sms", PHONE)


async def test_an_opt_out_is_heard_at_another_store_within_two_seconds(fleet: World) -> None:
    soho, camden = await pair(fleet)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    why = await until(lambda: blocked(camden), seconds=2)
    assert why.startswith("asked at soho, ")
    assert why.endswith(" (STOP)")
    assert await why_not(camden) == f"the recipient opted out: {why}"


async def test_the_list_says_at_which_store_it_was_asked_beside_the_stores_own(fleet: World) -> None:
    """Each once, page by page, though it came under two keys of the fleet; who took it back is not in it."""
    soho, camden = await pair(fleet)
    for store in (soho, camden):
        await store.box.fleet.use_keys({"k1": b"i" * 32, "k2": b"j" * 32})
    others = ["+447700900201", "+447700900202"]
    for number in others:
        await soho.box.consent.stop("sms", number, reason="STOP", actor="modem")
        await until(lambda number=number: camden.box.consent.blocked("sms", number))
    await until(lambda: told(soho))
    await until(lambda: level(soho, camden))
    await camden.box.consent.stop("sms", PHONE, reason="asked at the counter", actor="kim")
    listed: list[OptOut] = []
    cursor = None
    while True:
        page = await camden.box.consent.list(limit=1, cursor=cursor)
        listed += page.items
        cursor = page.next
        if cursor is None:
            break
    assert [(each.store, each.actor) for each in listed] == [("", "kim"), ("soho", "soho"), ("soho", "soho")]
    assert listed[1].reason.startswith("asked at soho, ")
    assert listed[1].address == ""
    with pytest.raises(NotFound, match="asked at another store"):
        await camden.box.consent.allow_entry(listed[1].id, reason="", actor="kim")
    await camden.box.consent.stop("sms", others[0], reason="STOP", actor="modem")
    await camden.box.consent.allow("sms", others[0], reason="START", actor="modem")

    async def left() -> bool:
        return [each.store for each in (await camden.box.consent.list(limit=9)).items] == ["", "soho"]

    await until(left)


async def level(teller: Store, hearer: Store) -> bool:
    """Whether all that one told has come to the other."""
    newest = await teller.box._store.value("SELECT max(told_seq) FROM fleet_consent")
    return await hearer.box.fleet.heard_up_to() >= int(newest)


async def test_a_lost_poke_is_covered_by_the_next_pull(fleet: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "PULL_SECONDS", 1.0)
    soho, camden = await pair(fleet)
    monkeypatch.setattr(camden.link, "_poke", lambda subject: None)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    assert await until(lambda: blocked(camden), seconds=5)


async def test_a_store_that_was_offline_asks_before_its_first_message(fleet: World) -> None:
    soho, camden = await pair(fleet)
    await camden.disconnect()
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: told(soho))
    camden.connect()
    assert not camden.gate.is_open
    await asyncio.wait_for(camden.gate.passed(), 10)
    assert await why_not(camden)


async def told(store: Store) -> bool:
    return not await store.box.fleet.untold(limit=1)


async def test_a_store_whose_headquarters_is_away_waits_no_longer_than_it_was_told(fleet: World) -> None:
    camden = await fleet.add_store("camden")
    camden.gate._patience = 0.3
    camden.gate.shut()
    await asyncio.wait_for(camden.gate.passed(), 2)
    assert await why_not(camden) is None


async def test_a_start_counts_everywhere_once_the_fleet_has_it(fleet: World) -> None:
    soho, camden = await pair(fleet)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))
    await camden.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await camden.box.consent.allow("sms", PHONE, reason="START", actor="modem")

    async def free() -> bool:
        return await blocked(soho) is None and await blocked(camden) is None

    await until(free, seconds=5)


async def test_a_stale_opt_in_is_refused_and_the_person_stays_out(fleet: World) -> None:
    """Camden last heard of nothing; meanwhile Soho was told STOP: Camden's START must not undo what it did not know."""
    soho, camden = await pair(fleet)
    await camden.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: told(camden))
    await until(lambda: blocked(soho))
    await camden.disconnect()
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="staff")
    await until(lambda: told(soho))
    await camden.box.consent.allow("sms", PHONE, reason="START", actor="modem")
    camden.connect()
    await until(lambda: told(camden))
    assert (await camden.link.status()).refused_optins == 1
    assert await until(lambda: blocked(camden), seconds=10)
    assert await blocked(soho)


async def test_stop_and_start_at_once_at_two_stores_is_out(fleet: World) -> None:
    soho, camden = await pair(fleet)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))
    await until(lambda: told(soho))
    await asyncio.gather(
        soho.box.consent.stop("all", PHONE, reason="STOP", actor="modem"),
        camden.box.consent.stop("sms", PHONE, reason="STOP", actor="modem"),
    )
    await camden.box.consent.allow("sms", PHONE, reason="START", actor="modem")
    await until(lambda: told(soho))
    await until(lambda: told(camden))
    await asyncio.sleep(0.5)
    assert await blocked(soho)


async def test_an_opt_in_without_its_condition_is_no_opt_in(fleet: World) -> None:
    """A store whose box was taken over publishes opt-ins for everybody, so that people who asked for silence are written to."""
    soho, camden = await pair(fleet)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))
    digest = dict(soho.box._store.shares.of("sms", PHONE))["k1"]
    forged = WordBody(state="in", at=1, clock_trusted=True, store="soho", epoch="e", seq=1)
    async with fleet.line_of(soho) as line:
        ack = await line.publish(optout_subject("k1", "sms", digest), pack(forged))

    async def heard() -> bool:
        return await camden.box.fleet.heard_up_to() >= ack.seq

    await until(heard)
    assert await blocked(camden)


async def test_a_new_key_reaches_every_store_and_no_opt_out_is_lost_meanwhile(fleet: World) -> None:
    """The key is rotated: who opted out before, under the old key, stays out, and who opts out at a store that has the old one only is heard."""
    soho, camden = await pair(fleet)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))
    await fleet.stop_hq()
    fleet.rotate("k2")
    fleet.start_hq()

    async def both() -> bool:
        return all(set(store.box.fleet.kids) == {"k1", "k2"} for store in (soho, camden))

    await until(both)
    assert await blocked(camden)
    old = await fleet.add_store("hackney")
    old.connect()
    other = "+447700900999"
    await old.box.consent.stop("sms", other, reason="STOP", actor="modem")

    async def out(store: Store) -> Any:
        return await store.box.consent.blocked("sms", other)

    await until(lambda: out(camden), seconds=5)


async def test_a_lost_stream_of_consent_is_told_again_and_nobody_is_let_in(fleet: World) -> None:
    """NATS loses the whole ledger: headquarters and the stores have it, and a new store hears of it."""
    soho, camden = await pair(fleet)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))

    async def kept() -> bool:
        return bool(await fleet.sql("SELECT 1 FROM consent"))

    await until(kept)
    await fleet.stop_hq()
    async with fleet.as_hq() as line:
        await line.request("$JS.API.STREAM.DELETE.CONSENT", b"")
    fleet.start_hq()
    hackney = await fleet.add_store("hackney")
    hackney.connect()
    assert await until(lambda: blocked(hackney), seconds=15)
    assert await blocked(camden)
    assert await blocked(soho)
