"""An opt-out at one store counts at every other, and no order of events lets one be lost."""

import asyncio
from typing import Any

import msgspec
import pytest

from daemon.fleet import link as link_module
from daemon.fleet.nats_connection import NatsConnection, WrongSequence
from daemon.fleet.speaker import HEADQUARTERS, signed
from daemon.fleet.stored import Stored
from daemon.fleet.wire import SignedWord, optout_subject, pack, unpack
from outbox import Refusal
from outbox.clock import SystemClock
from outbox.consent import OptOut
from outbox.errors import NotFound
from tests.support.busy import until
from tests.support.fleet_world import Store, World, answered, say
from tests.support.live_words import asked, heard_live
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


async def test_an_opt_out_is_heard_at_another_store_within_two_seconds(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Because it is told of it: it never asks by itself, and the first after a connection is no exception."""
    monkeypatch.setattr(link_module, "PULL_SECONDS", 3600.0)
    soho, camden = await pair(fleet)
    why = await heard_live(soho, camden, seconds=2, afresh=True)
    assert why.startswith("asked at soho, ")
    assert why.endswith(" (STOP)")
    assert await why_not(camden) == f"the recipient opted out: {await until(lambda: blocked(camden))}"


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
    for server in range(len(fleet.cluster.urls)):
        async with fleet.line_of(camden, server) as line:
            await newest(line, 0)
    camden.connect()
    assert not camden.gate.is_open
    await until(lambda: asked(camden))
    assert await why_not(camden)


async def test_a_line_that_is_found_up_after_the_link_holds_messages_no_longer_than_an_answer_takes(
    fleet: World,
) -> None:
    """The link may be quicker than the probes of the providers; what it had asked before doesn't count, and it asks again at once."""
    _, camden = await pair(fleet)
    await until(lambda: asked(camden))
    camden.link.line_is_up()
    assert not camden.gate.is_open
    await until(lambda: asked(camden), seconds=5)
    assert (await camden.link.status()).state == "connected"


async def told(store: Store) -> bool:
    return not await store.box.fleet.untold(limit=1)


async def test_a_start_counts_everywhere_once_the_fleet_has_it(fleet: World) -> None:
    soho, camden = await pair(fleet)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))
    await camden.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await camden.box.consent.allow("sms", PHONE, reason="START", actor="modem")

    async def free() -> bool:
        return await blocked(soho) is None and await blocked(camden) is None

    await until(free)


async def test_a_start_at_a_store_that_heard_of_the_stop_only_counts_everywhere(fleet: World) -> None:
    """They said STOP to Soho, and write START to Camden, which has no word of theirs."""
    soho, camden = await pair(fleet)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))
    await until(lambda: told(soho))
    assert await camden.box.consent.allow("sms", PHONE, reason="START", actor="modem")

    async def free() -> bool:
        return await blocked(soho) is None and await blocked(camden) is None

    await until(free)


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
    assert await until(lambda: blocked(camden))
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


async def newest(line: NatsConnection, after: int) -> Stored:
    """The newest word of the stream, once the server that is asked has one beyond that: it may be behind the others, or not ready to say."""
    words = await until(lambda: answered(line.read("CONSENT", after, limit=9)))
    word: Stored = words[-1]
    return word


async def stopped_at_soho(fleet: World) -> tuple[Store, Store, str, int]:
    """Two stores, the subject of somebody who said STOP at the first, and under which number the fleet has it."""
    soho, camden = await pair(fleet)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))
    async with fleet.line_of(soho) as line:
        stored = await newest(line, 0)
    return soho, camden, stored.subject, stored.seq


def opt_in(store: str, base: int) -> SignedWord:
    at = SystemClock().now()
    return SignedWord(
        state="in", at=at, clock_trusted=True, store=store, epoch="e", seq=1, how="START", heard=base, base=base
    )


async def heard_everywhere(fleet: World, seq: int) -> None:
    async def heard() -> bool:
        stores = [await store.box.fleet.heard_up_to() for store in fleet.stores.values()]
        return min(stores) >= seq and bool(await fleet.sql("SELECT 1 FROM consent WHERE stream_seq >= %s", seq))

    await until(heard)


async def test_an_opt_in_without_its_condition_is_no_opt_in(fleet: World) -> None:
    """A store whose box was taken over publishes opt-ins for everybody, so that people who asked for silence are written to."""
    soho, camden, subject, _ = await stopped_at_soho(fleet)
    forged = signed(opt_in("soho", 0), subject, soho.membership.key, soho.membership.claim)
    async with fleet.line_of(soho) as line:
        ack = await say(line, subject, pack(forged))
    await heard_everywhere(fleet, ack.seq)
    assert await blocked(camden)
    assert await fleet.sql("SELECT stopped FROM consent") == [(True,)]


@pytest.mark.parametrize("name", ["soho", HEADQUARTERS])
async def test_who_stole_one_stores_key_opts_nobody_in_in_anothers_name(fleet: World, name: str) -> None:
    """Somebody has the seed of Hackney's box and says START as Soho or headquarters, on the right condition, so that who asked for silence
    at Soho is written to and Soho is blamed: unsigned, by Hackney's own key and claim, and by Hackney's key under Soho's claim."""
    soho, camden, subject, seq = await stopped_at_soho(fleet)
    thief = (await fleet.add_store("hackney")).membership
    word = opt_in(name, seq)
    async with fleet.line_of(fleet.stores["hackney"]) as line:
        for forge in (
            lambda word: word,
            lambda word: signed(word, subject, thief.key, thief.claim),
            lambda word: signed(word, subject, thief.key, soho.membership.claim),
            lambda word: signed(word, subject, thief.key, fleet.claim("soho", thief.key)[:-4] + "AAAA"),
        ):
            word = opt_in(name, seq)
            seq = (await say(line, subject, pack(forge(word)), expect=seq)).seq
    await fleet.stores["hackney"].disconnect()
    fleet.stores.pop("hackney")
    await heard_everywhere(fleet, seq)
    assert await blocked(soho)
    assert (await blocked(camden) or "").startswith("asked at a store of the fleet, ")
    assert await fleet.sql("SELECT stopped, store FROM consent") == [(True, "")]


async def test_an_opt_in_that_somebody_else_said_is_used_once_and_of_one_person(fleet: World) -> None:
    """Somebody with another box's seed keeps Soho's own signed START, waits until the person says STOP again, and publishes it anew, on the
    condition that holds now; or publishes it for somebody else."""
    soho, camden, subject, seq = await stopped_at_soho(fleet)
    await soho.box.consent.allow("sms", PHONE, reason="START", actor="modem")

    async def free() -> bool:
        return await blocked(camden) is None

    await until(free)
    async with fleet.line_of(camden) as line:
        start = await newest(line, seq)
        await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await until(lambda: blocked(camden))
        out = await newest(line, start.seq)
        with pytest.raises(WrongSequence):
            await line.publish(subject, start.body, expect=int(start.headers["Nats-Expected-Last-Subject-Sequence"]))
        again = await say(line, subject, start.body, expect=out.seq)
        other = optout_subject("k1", "sms", "0" * 32)
        elsewhere = await say(line, other, start.body, expect=0)
    await heard_everywhere(fleet, elsewhere.seq)
    assert again.seq < elsewhere.seq
    assert await blocked(soho)
    assert await blocked(camden)
    assert await fleet.sql("SELECT DISTINCT stopped, store FROM consent") == [(True, "")]


@pytest.mark.parametrize("without", [{}, {"stream": "", "stream_signature": ""}])
async def test_an_opt_in_of_a_stream_that_is_gone_is_none_in_the_next(fleet: World, without: dict[str, str]) -> None:
    """Somebody with another box's seed keeps Soho's signed START, whole or less its stream; the person says STOP again; NATS's folders are emptied,
    and numbers begin anew."""
    soho, camden, subject, seq = await stopped_at_soho(fleet)
    await soho.box.consent.allow("sms", PHONE, reason="START", actor="modem")

    async def free() -> bool:
        return await blocked(camden) is None and await fleet.sql("SELECT stopped FROM consent") == [(False,)]

    await until(free)
    async with fleet.line_of(camden) as line:
        start = unpack((await newest(line, seq)).body, SignedWord)
    assert start.base == 1
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))
    await until(lambda: fleet.sql("SELECT 1 FROM consent WHERE stopped"))
    for store in (soho, camden):
        await store.disconnect()
    await fleet.stop_hq()
    await fleet.delete_stream("CONSENT")
    fleet.start_hq()
    await until(lambda: fleet.sql("SELECT 1 FROM consent WHERE stream_seq = 1"))
    async with fleet.line_of(camden) as line:
        ack = await say(line, subject, pack(msgspec.structs.replace(start, **without)), expect=1)
    for store in (soho, camden):
        store.connect()
    await heard_everywhere(fleet, ack.seq)
    assert await blocked(soho)
    assert await blocked(camden)
    assert await fleet.sql("SELECT stopped FROM consent") == [(True,)]


async def test_an_opt_out_in_anothers_name_counts_and_is_nobodys(fleet: World) -> None:
    """Somebody with Hackney's seed silences a customer and wants Soho or headquarters to have done it."""
    (soho, camden), name = await pair(fleet), HEADQUARTERS
    digest = dict(soho.box._store.shares.of("sms", PHONE))["k1"]
    subject = optout_subject("k1", "sms", digest)
    forged = msgspec.structs.replace(opt_in(name, 0), state="out")
    thief = camden.membership
    async with fleet.line_of(camden) as line:
        ack = await say(line, subject, pack(signed(forged, subject, thief.key, thief.claim)))
    await heard_everywhere(fleet, ack.seq)
    assert (await blocked(soho) or "").startswith("asked at a store of the fleet, ")
    assert await fleet.sql("SELECT stopped, store FROM consent") == [(True, "")]


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

    await until(lambda: out(camden))


async def test_a_lost_stream_of_consent_is_told_again_and_nobody_is_let_in(fleet: World) -> None:
    """NATS loses the whole ledger: headquarters and the stores have it, and a new store hears of it."""
    soho, camden = await pair(fleet)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))

    async def kept() -> bool:
        return bool(await fleet.sql("SELECT 1 FROM consent"))

    await until(kept)
    await fleet.stop_hq()
    await fleet.delete_stream("CONSENT")
    fleet.start_hq()
    hackney = await fleet.add_store("hackney")
    hackney.connect()
    assert await until(lambda: blocked(hackney))
    assert await blocked(camden)
    assert await blocked(soho)
