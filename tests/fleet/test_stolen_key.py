"""Somebody has the key of one store's box, and writes to NATS what no library writes."""

import pytest

from daemon.fleet.nats_connection import NatsConnection
from daemon.fleet.speaker import signed
from daemon.fleet.wire import Health, Mark, Reach, StateBatch, deflate, optout_subject, pack, unpack
from tests.fleet.test_consent import blocked, heard_everywhere, opt_in, pair, stopped_at_soho
from tests.support.fleet_world import World, until
from tests.support.outbox_box import PHONE

pytestmark = pytest.mark.engines


async def publish_raw(line: NatsConnection, subject: bytes, header: bytes, body: bytes) -> None:
    """As no library writes it."""
    text = b"NATS/1.0" + header + b"\r\n\r\n"
    sizes = b" %d %d\r\n" % (len(text), len(text) + len(body))
    await line._client._send_command(b"HPUB " + subject + sizes + text + body + b"\r\n")
    await line._client.flush()


@pytest.mark.parametrize(
    ("base", "header"),
    [
        (1, "\r\n{name}: {newest}\r\n{name}: {base}"),
        (1, "\r\n{name} : {base}"),
        (1, "\r\n {name}: {base}"),
        (0, "\r\n{name}: 0\r\n{name}-Subject: optout.k1.sms.nobody"),
    ],
)
async def test_a_condition_that_the_servers_read_otherwise_makes_no_opt_in(
    fleet: World, base: int, header: str
) -> None:
    """Somebody with another box's seed says Soho's own signed START anew after a STOP, and writes the condition so that NATS checks another one
    than stores would read."""
    soho, camden, subject, _ = await stopped_at_soho(fleet)
    start = pack(signed(opt_in("soho", base), subject, soho.membership.key, soho.membership.claim))
    async with fleet.line_of(camden) as line:
        out = await line.publish(subject, (await line.read("CONSENT", 0, limit=9))[-1].body)
        written = header.format(name="Nats-Expected-Last-Subject-Sequence", newest=out.seq, base=base)
        await publish_raw(line, subject.encode(), written.encode(), start)
    await heard_everywhere(fleet, out.seq + 1)
    assert await blocked(soho)
    assert await blocked(camden)
    assert await fleet.sql("SELECT stopped, store FROM consent") == [(True, "")]


@pytest.mark.parametrize(
    ("subject", "header"),
    [
        (b"optout.k1.sms.\xff", b"\r\nA: b"),
        (b"optout.k1.sms.x", b" \xff\xff\xff\r\nA: b"),
        (b"optout.k1.sms.x", b" 503 \r\nA: \xff\r\n\xff: b"),
    ],
)
async def test_what_can_not_be_decoded_makes_nobody_deaf(fleet: World, subject: bytes, header: bytes) -> None:
    """Somebody with one box's seed wants no store to hear of a STOP any more."""
    soho, camden = await pair(fleet)
    before = [(await store.link.status()).errors for store in (soho, camden)]
    async with fleet.line_of(await fleet.add_store("hackney")) as line:
        await publish_raw(line, subject, header, b"{}")
    fleet.stores.pop("hackney")
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden), seconds=5)
    assert [(await store.link.status()).errors for store in (soho, camden)] == before
    assert fleet.archivers[0][0].status.state == "running"


async def test_a_word_that_can_not_be_read_is_an_opt_out_at_headquarters_too(fleet: World) -> None:
    """It is told to a new stream and shown to who asks, as every store keeps it."""
    _, camden, subject, _ = await stopped_at_soho(fleet)
    async with fleet.line_of(camden) as line:
        start = signed(opt_in("camden", 1), subject, camden.membership.key, camden.membership.claim)
        await line.publish(subject, pack(start), expect=1)

        async def free() -> bool:
            return await blocked(camden) is None and await fleet.sql("SELECT stopped FROM consent") == [(False,)]

        await until(free)
        ack = await line.publish(subject, b"STOP")
    await heard_everywhere(fleet, ack.seq)
    assert await blocked(camden)
    assert await fleet.sql("SELECT stopped, store FROM consent") == [(True, "")]


async def test_no_new_key_is_sealed_for_a_store_that_was_revoked(fleet: World) -> None:
    """Somebody keeps the seed of a box that was revoked, gets at the disk of one of NATS's servers, and wants to know who opts out from now on."""
    await pair(fleet)
    await fleet.stop_hq()
    await fleet.sql("UPDATE store SET revoked_at = now() WHERE name = 'camden'")
    fleet.rotate("k2")
    fleet.start_hq()
    async with fleet.as_hq() as line:

        async def sealed(store: str) -> set[str]:
            stored = await line.newest("MARK", f"mark.{store}")
            return set(unpack(stored.body, Mark).keys) if stored else {"k1"}

        async def told() -> bool:
            return await sealed("soho") == {"k1", "k2"} and await sealed("camden") != {"k1"}

        await until(told)
        assert await sealed("camden") == set()


async def test_a_servers_answer_makes_no_store_deaf(fleet: World) -> None:
    """Somebody with Hackney's seed has NATS acknowledge what they tell at Soho's mark, where they may not write; they want Soho to hear of no STOP any more."""
    soho, camden = await pair(fleet)
    await soho.disconnect()
    async with fleet.line_of(await fleet.add_store("hackney")) as line, fleet.as_hq() as hq:
        await line._client.publish("up.hackney.msg", b"{}", reply="mark.soho")

        async def written() -> bool:
            stored = await hq.newest("MARK", "mark.soho")
            return stored is not None and b'"stream"' in stored.body

        await until(written)
    soho.connect()
    await camden.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(soho), seconds=10)


FORGED = Health(at=1, clock_trusted=True, release="forged", uplink="up", epoch="", seq=0, hash="")


async def relay(fleet: World, line: NatsConnection, body: bytes, stream: str, subject: str) -> None:
    """Have a server write that where this line may not: one that has what it is to repeat."""
    told = await line.publish(optout_subject("k1", "sms", "f" * 32), body)
    async with fleet.as_hq() as hq:

        async def relayed() -> bool:
            await line._client.publish("$JS.API.DIRECT.GET.CONSENT", b'{"seq":%d}' % told.seq, reply=subject)
            stored = await hq.newest(stream, subject)
            return stored is not None and stored.body == body

        await until(relayed)


async def test_a_servers_answer_is_no_word_of_another_store(fleet: World) -> None:
    """Somebody with Hackney's seed has NATS repeat, in Soho's place, what they wrote themselves; they want headquarters to believe it of Soho."""
    archiver = fleet.start_hq()

    async def running() -> bool:
        return archiver.status.state == "running"

    await until(running)
    await fleet.add_store("soho")
    async with fleet.line_of(await fleet.add_store("hackney")) as line:
        await relay(fleet, line, pack(FORGED), "HEALTH", "health.soho")
        await relay(fleet, line, deflate(StateBatch("e1", 0, 1, [])), "UP", "up.soho.msg")
        await line.publish("health.hackney", pack(FORGED))
        await line.publish("up.hackney.msg", deflate(StateBatch("e1", 0, 1, [])))
    await until(lambda: fleet.sql("SELECT * FROM health WHERE store = 'hackney'"))
    await until(lambda: fleet.sql("SELECT * FROM chain WHERE store = 'hackney'"))
    assert await fleet.sql("SELECT * FROM health WHERE store = 'soho'") == []
    assert await fleet.sql("SELECT * FROM chain WHERE store = 'soho'") == []


async def test_a_servers_answer_is_no_mark(fleet: World) -> None:
    """Somebody with Hackney's seed has NATS repeat a mark of their own making; they want Soho to take itself for a copied card."""
    soho, camden = await pair(fleet)
    await soho.disconnect()
    epoch, *_ = await soho.head()
    forged = Mark(reaches=[Reach(epoch, 10**6, "f" * 64)])
    async with fleet.line_of(await fleet.add_store("hackney")) as line:
        await relay(fleet, line, pack(forged), "MARK", "mark.soho")
    soho.connect()
    await camden.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(soho), seconds=10)
    assert soho.link.trouble() == ""
