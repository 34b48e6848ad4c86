"""Somebody has the key of one store's box, and writes to NATS what no library writes."""

import asyncio
from typing import Any

import msgspec
import pytest

from daemon.fleet import link as link_module
from daemon.fleet.nats_connection import NatsAway, NatsConnection
from daemon.fleet.speaker import signed
from daemon.fleet.stored import Stored
from daemon.fleet.wire import Mark, optout_subject, pack, unpack
from daemon.hq.claims import store_rights, user_claim
from daemon.hq.streams import wanted
from tests.fleet.test_consent import blocked, heard_everywhere, newest, opt_in, pair, stopped_at_soho
from tests.support.busy import until
from tests.support.fleet_world import SECONDS, Store, World, answered, done, say
from tests.support.live_words import heard_live
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
        out = await say(line, subject, (await newest(line, 0)).body)
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
async def test_what_can_not_be_decoded_makes_nobody_deaf(
    fleet: World, monkeypatch: pytest.MonkeyPatch, subject: bytes, header: bytes
) -> None:
    """Somebody with one box's seed wants no store to hear of a STOP any more."""
    monkeypatch.setattr(link_module, "PULL_SECONDS", 3600.0)
    soho, camden = await pair(fleet)
    before = [(await store.link.status()).errors for store in (soho, camden)]
    async with fleet.line_of(await fleet.add_store("hackney")) as line:
        await publish_raw(line, subject, header, b"{}")
    fleet.stores.pop("hackney")
    await heard_live(soho, camden, seconds=10)
    assert [(await store.link.status()).errors for store in (soho, camden)] == before
    assert fleet.archivers[0][0].status.state == "running"


async def test_a_word_that_can_not_be_read_is_an_opt_out_at_headquarters_too(fleet: World) -> None:
    """It is told to a new stream and shown to who asks, as every store keeps it."""
    _, camden, subject, _ = await stopped_at_soho(fleet)
    async with fleet.line_of(camden) as line:
        start = signed(opt_in("camden", 1), subject, camden.membership.key, camden.membership.claim)
        await say(line, subject, pack(start), expect=1)

        async def free() -> bool:
            return await blocked(camden) is None and await fleet.sql("SELECT stopped FROM consent") == [(False,)]

        await until(free)
        ack = await say(line, subject, b"STOP")
    await heard_everywhere(fleet, ack.seq)
    assert await blocked(camden)
    assert await fleet.sql("SELECT stopped, store FROM consent") == [(True, "")]


async def test_a_word_that_is_larger_than_any_is_not_kept(fleet: World) -> None:
    """Somebody with Hackney's key wants words that no slow store can take whole, and headquarters' memory; its stream is of an earlier release."""
    (config,) = (one for one in wanted(3) if one.name == "CONSENT")
    async with fleet.as_hq() as hq:
        unbounded = msgspec.structs.replace(config, max_msg_size=0)
        await done(hq, "CREATE", "CONSENT", msgspec.json.encode(unbounded))
    hackney = await joined(fleet)
    async with fleet.line_of(hackney) as line:
        with pytest.raises(NatsAway, match="size exceeds"):
            await line.publish(STOP, b"x" * 100_000)
        await say(line, STOP, b"x" * 3000)

    async def kept() -> bool:
        return await fleet.sql("SELECT stopped, length(body) FROM consent") == [(True, 2)]

    await until(kept)


async def test_no_new_key_is_sealed_for_a_store_that_was_revoked(fleet: World) -> None:
    """Somebody keeps the seed of a box that was revoked, gets at the disk of one of NATS's servers, and wants to know who opts out from now on."""
    await pair(fleet)
    await fleet.stop_hq()
    await fleet.sql("UPDATE store SET revoked_at = now() WHERE name = 'camden'")
    fleet.rotate("k2")
    fleet.start_hq()
    async with fleet.as_hq() as line:

        async def sealed(store: str) -> set[str]:
            stored = await answered(line.newest("MARK", f"mark.{store}"))
            return set(unpack(stored.body, Mark).keys) if stored else {"k1"}

        async def told() -> bool:
            return await sealed("soho") == {"k1", "k2"} and await sealed("camden") == set()

        await until(told)


async def test_a_mark_that_can_not_be_read_makes_no_store_deaf(fleet: World) -> None:
    """Somebody has one of NATS's servers, writes rubbish at Soho's mark, and wants Soho to hear of no STOP any more."""
    soho, camden = await pair(fleet)
    await soho.disconnect()
    async with fleet.as_hq() as line:
        await say(line, "mark.soho", b"{}")
    soho.connect()
    await camden.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(soho))


@pytest.mark.parametrize(
    ("stream", "subject", "other"),
    [
        ("MARK", "mark.brixton", "mark.lyon"),
        ("HEALTH", "health.brixton", "health.lyon"),
        ("UP", "up.brixton.msg", "up.lyon.msg"),
        ("BUNDLE", "bundle.all", "bundle.lyon"),
    ],
)
async def test_a_servers_answer_stands_nowhere_as_anothers_word(
    fleet: World, stream: str, subject: str, other: str
) -> None:
    """Somebody with Hackney's seed has NATS answer them where they may not write; they want to be taken for another store, or for headquarters."""
    hackney = await joined(fleet)
    async with fleet.line_of(hackney) as line, fleet.as_hq() as hq:
        await has_answered(line, b"{}", at=subject)
        await say(hq, other, b"{}")

        async def stands() -> list[Stored | None]:
            """What does there, once the server that is asked has what was said later."""
            return [await hq.newest(stream, subject)] if await hq.newest(stream, other) else []

        assert await until(lambda: answered(stands())) == [None]


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("PURGE.CONSENT", b""),
        ("MSG.DELETE.CONSENT", b'{"seq":1}'),
        (
            "UPDATE.CONSENT",
            b'{"name":"CONSENT","subjects":["optout.>"],"max_msgs":1,"allow_direct":true,"num_replicas":3}',
        ),
        ("DELETE.CONSENT", b""),
        ("DELETE.UP", b""),
    ],
)
async def test_a_servers_answer_does_nothing_to_a_stream(fleet: World, act: str, body: bytes) -> None:
    """The same, where headquarters asks for what only it may; they want a STOP to be gone."""
    hackney = await joined(fleet)
    async with fleet.line_of(hackney) as line, fleet.as_hq() as hq:
        await say(line, STOP, b"STOP")
        before = [await _known(hq, name) for name in ("CONSENT", "UP")]
        await has_answered(line, body, at=f"$JS.API.STREAM.{act}")
        assert [await _known(hq, name) for name in ("CONSENT", "UP")] == before
        words = await until(lambda: answered(line.read("CONSENT", 0, limit=9)))
        assert words[0].subject == STOP


async def _known(hq: NatsConnection, stream: str) -> tuple[str, dict[str, object]]:
    info = await done(hq, "INFO", stream)
    return info.created, info.config


async def test_no_store_hears_where_another_is_answered(fleet: World) -> None:
    """Hackney's thief hears every opt-out. Who knows where Soho is answered has servers answer there: Soho would take the thief's own word for
    the next one, and pass over Camden's STOP."""
    soho, camden = await pair(fleet)
    replies, news = await heard_at_hackney(fleet)
    await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))
    await asyncio.wait_for(news.wait(), SECONDS)
    assert [reply for reply in replies if reply.startswith("_INBOX.soho")] == []


async def test_who_heard_where_a_store_is_answered_knows_not_where_it_will_be(fleet: World) -> None:
    """Lyon's claim is of an earlier release: what it says all stores hear, with the inbox. Of two in a row the library's own tell the third."""
    camden, lyon = (await pair(fleet))[1], await fleet.add_store("lyon")
    rights = store_rights("lyon", ("lyon", "all"))
    older = msgspec.structs.replace(
        rights, publish=tuple(each for each in rights.publish if not each.startswith("say."))
    )
    claim = user_claim(fleet.account, lyon.membership.key.public, "lyon", older, at=fleet.clock.now() // 1000)
    lyon.membership = msgspec.structs.replace(lyon.membership, claim=claim)
    replies, news = await heard_at_hackney(fleet)
    lyon.connect()
    await lyon.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    await until(lambda: blocked(camden))
    await asyncio.wait_for(news.wait(), SECONDS)
    await lyon.box.consent.stop("email", "ada@example.com", reason="STOP", actor="modem")

    async def two() -> bool:
        return len({reply for reply in replies if reply.startswith("_INBOX.lyon")}) > 1

    await until(two)
    first, second = sorted({reply.rpartition(".")[2] for reply in replies if reply.startswith("_INBOX.lyon")})[:2]
    assert first[:6] != second[:6]


async def heard_at_hackney(fleet: World) -> tuple[list[str], asyncio.Event]:
    """Where who says something of opt-outs is answered, as Hackney's thief hears it; and that they heard some."""
    hackney, replies, news = await fleet.add_store("hackney"), list[str](), asyncio.Event()
    line = await fleet.stack.enter_async_context(fleet.line_of(hackney))

    def hear(message: Any) -> None:
        replies.append(message.reply)
        news.set()

    await line.listen("optout.>", hear)
    await line._client.flush()
    return replies, news


STOP = optout_subject("k1", "sms", "a" * 32)


async def joined(fleet: World) -> Store:
    """Hackney's, once there is a headquarters."""
    archiver = fleet.start_hq()

    async def running() -> bool:
        return archiver.status.state == "running"

    await until(running)
    return await fleet.add_store("hackney")


async def has_answered(line: NatsConnection, body: bytes, *, at: str) -> None:
    """Has every server give out that body at a subject, and a stream acknowledge something there."""
    told = await say(line, optout_subject("k1", "sms", "f" * 32), body)
    for _ in range(20):
        await line._client.publish("up.hackney.msg", b"{}", reply=at)
        await line._client.publish("$JS.API.DIRECT.GET.CONSENT", b'{"seq":%d}' % told.seq, reply=at)
    for _ in range(20):
        await say(line, "up.hackney.msg", b"{}")
        await answered(line.following("CONSENT", 0))
