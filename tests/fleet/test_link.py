"""A store's link on a line that a test holds in its hand: what it says of itself when NATS or headquarters say this or that."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from daemon.fleet import link as link_module
from daemon.fleet.link import Link
from daemon.fleet.nats_connection import Ack, NatsAway, NotAuthorised
from daemon.fleet.nkey import KeyPair
from daemon.fleet.stored import Stored
from daemon.fleet.wire import Mark, Reach, SignedWord, optout_subject, pack
from daemon.hq.claims import store_rights, user_claim
from daemon.wire.link import LinkState
from outbox import Outbox
from outbox.clock import SystemClock
from outbox.fleet_consent import Heard
from tests.fleet.test_alone import make_link, member
from tests.support.busy import until
from tests.support.fake_clock import FakeClock, settle
from tests.support.outbox_box import PHONE, accept_one, open_box, planned, send

KEY = {"k1": b"k" * 32}


class Line:
    """As much of NATS as a link asks for. `refuses`: by subject, with what a telling fails."""

    server, claim = "tls://hq1.example:443", ""

    def __init__(
        self,
        refuses: Mapping[str, NatsAway] | None = None,
        mark: Mark | None = None,
        consent: Sequence[Stored] = (),
        at_a_time: int = 500,
    ) -> None:
        self.lost = asyncio.Event()
        self.on_loss: Callable[[], None] = lambda: None
        self.refuses = refuses or {}
        self.mark = mark
        self._consent = consent
        self._at_a_time = at_a_time

        self.heard: dict[str, Callable[[Any], None]] = {}
        self.asked: list[str] = []

    @asynccontextmanager
    async def connected(self, *_: Any) -> AsyncIterator["Line"]:
        yield self

    async def listen(self, subject: str, heard: Callable[[Any], None]) -> None:
        self.heard[subject] = heard

    async def newest(self, stream: str, subject: str, **_: Any) -> Stored | None:
        self.asked.append(subject)
        return Stored(subject, 1, 1, pack(self.mark), {}) if stream == "MARK" and self.mark else None

    async def read(self, stream: str, after: int, *, limit: int, **_: Any) -> list[Stored]:
        """No more than fits into one answer, as NATS does."""
        rest = [stored for stored in self._consent if stored.seq > after]
        found = rest[: min(limit, self._at_a_time)]
        return [
            Stored(one.subject, one.seq, one.at, one.body, {"Nats-Num-Pending": str(len(rest) - n)})
            for n, one in enumerate(found, 1)
        ]

    async def publish(self, subject: str, body: bytes, **_: Any) -> Ack:
        if (why := self.refuses.get(subject)) is not None:
            raise why
        return Ack(1)


@asynccontextmanager
async def linked(folder: Path, box: Outbox, line: Line) -> AsyncIterator[Link]:
    link = make_link(member(folder, 1), box, SystemClock(), connect=line.connected)
    stop = asyncio.Event()
    running = asyncio.create_task(link.run(stop))
    yield link
    stop.set()
    await running


@pytest.mark.parametrize("kind", ["audit", "msg"])
@pytest.mark.parametrize(
    ("why", "state", "says"),
    [
        (NotAuthorised("NATS refuses it: permissions violation"), "refused", "not authorised: NATS refuses it"),
        (NatsAway("no answer for up.soho.audit: no answer in time"), "away", "no answer for up.soho.audit"),
    ],
)
async def test_why_the_record_can_not_be_told_is_said(
    tmp_path: Path, kind: str, why: NatsAway, state: LinkState, says: str
) -> None:
    """Also while the next batch is made ready beside it."""
    async with open_box(tmp_path, SystemClock()) as box:
        await send(box, await accept_one(box))
        async with linked(tmp_path, box, Line({f"up.soho.{kind}": why})) as link:

            async def fell() -> bool:
                return (await link.status()).errors > 0

            await until(fell)
            status = await link.status()
    assert (status.state, status.reason[: len(says)]) == (state, says)


@pytest.mark.parametrize("more", [0, 5])
async def test_of_a_record_that_another_card_told_nothing_is_taken_for_archived(tmp_path: Path, more: int) -> None:
    """A copied card: headquarters has another entry under a number of ours, or more of our own epoch than we ever had. What we did since the copy
    stands nowhere else, and must not be dropped here for want of room."""
    async with open_box(tmp_path, SystemClock()) as box:
        await box.fleet.use_keys(KEY)
        await send(box, await accept_one(box))
        position = await box.fleet.position()
        mark = Mark(reaches=[Reach(position.epoch, position.seq + more, "00" * 32)])
        async with linked(tmp_path, box, Line(mark=mark)) as link:

            async def says_so() -> bool:
                return "two boxes run as it" in link.trouble()

            await until(says_so)
            assert link.archived == 0


async def test_entries_whose_messages_were_not_told_are_not_taken_for_archived(tmp_path: Path) -> None:
    """After months without a line the record is told sooner than the messages: from entries that were dropped here nobody could tell which changed."""
    async with open_box(tmp_path, SystemClock()) as box:
        await send(box, await accept_one(box))
        position = await box.fleet.position()
        reach = Reach(position.epoch, position.seq, position.hash.hex())
        line = Line({"up.soho.msg": NatsAway("cut")}, Mark(reaches=[reach]))
        async with linked(tmp_path, box, line) as link:

            async def fell() -> bool:
                return (await link.status()).errors > 0

            await until(fell)
            assert (await link.status()).archived == position.seq
            assert link.archived == 0
            line.refuses = {}
            line.mark = Mark(reaches=[msgspec.structs.replace(reach, rev=position.seq)])

            async def archived() -> bool:
                return link.archived == position.seq

            await until(archived)


async def test_an_opt_out_behind_words_that_fill_an_answer_is_heard_at_once(tmp_path: Path) -> None:
    """Somebody with one box's seed fills the fleet's ledger with words as large as NATS takes them."""
    word = pack(SignedWord(state="out", at=1, clock_trusted=True, store="camden", epoch="e", seq=1))
    async with open_box(tmp_path, SystemClock()) as box:
        await box.fleet.use_keys(KEY)
        digest = dict(box._store.shares.of("sms", PHONE))["k1"]
        digests = [f"{n:032x}" for n in range(9)] + [digest]
        words = [Stored(optout_subject("k1", "sms", each), n, 1, word, {}) for n, each in enumerate(digests, 1)]
        async with linked(tmp_path, box, Line(consent=words, at_a_time=3)):
            assert await until(lambda: box.consent.blocked("sms", PHONE), seconds=5)


async def test_a_batch_that_was_made_ready_is_made_anew_when_its_line_falls(tmp_path: Path) -> None:
    """Told again from where headquarters has it, not from where it was read."""
    async with open_box(tmp_path, SystemClock()) as box:
        for n in range(30):
            await send(box, await accept_one(box, planned(f"m{n}"), id=f"e{n}", ref=f"B-{n}"))
        async with linked(tmp_path, box, Line({"up.soho.audit": NatsAway("cut")})) as link:

            async def fell() -> bool:
                return (await link.status()).errors > 1

            await until(fell)
            assert link._feed.audit == 0
            batch = await link._feed.next_audit()
            assert batch is not None
            assert batch.entries[0].seq == 1
            assert batch.before == "00" * 32


async def test_a_line_that_comes_back_in_mid_attempt_is_not_sat_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that began without a line fails after the line is back: customers who said STOP elsewhere would be written to meanwhile."""
    monkeypatch.setattr(link_module, "BACKOFF_FIRST", 600.0)
    async with open_box(tmp_path, SystemClock()) as box:
        line, attempts = Line(), 0

        @asynccontextmanager
        async def connect(*_: Any) -> AsyncIterator[Line]:
            nonlocal attempts
            attempts += 1
            if attempts == 1:
                link.line_is_up()
                raise NatsAway("the name can't be looked up")
            yield line

        link = make_link(member(tmp_path, 1), box, SystemClock(), connect=connect)
        stop = asyncio.Event()
        running = asyncio.create_task(link.run(stop))

        async def connected() -> bool:
            return (await link.status()).state == "connected"

        await until(connected, seconds=3)
        stop.set()
        await running


async def test_a_line_that_brings_no_answer_is_asked_more_and_more_seldom(tmp_path: Path) -> None:
    """It connects, and has no room for what is asked: the shop's till and its customers have the same line."""
    clock = FakeClock()
    line, met = Line(), 0

    async def nothing(*_: Any, **more: Any) -> list[Stored]:
        nonlocal met
        met += 1
        raise NatsAway("stream CONSENT can't be read: no answer in time")

    line.read = nothing  # type: ignore[method-assign]
    async with open_box(tmp_path, clock) as box:
        link = make_link(member(tmp_path, 1), box, clock, connect=line.connected)
        stop = asyncio.Event()
        running = asyncio.create_task(link.run(stop))
        await until(lambda: is_so(lambda: met > 0))
        for _ in range(600):
            await clock.advance(1)
            await asyncio.sleep(0.002)
        stop.set()
        await running
    assert met < 60


async def test_a_bundle_that_a_line_never_brings_whole_keeps_no_opt_out_from_being_heard(tmp_path: Path) -> None:
    """64 kbit/s past its quota, and half a megabyte from headquarters: opt-outs are heard within a minute, and the bundle is asked for seldom."""
    tries, heard = list[float](), list[float]()

    async def asleep() -> None:
        """Until the link waits for time to pass, however long its database takes."""
        await settle()
        while not clock.sleepers:
            await asyncio.sleep(0.001)

    clock = FakeClock(still=asleep)
    claim = user_claim(KeyPair.make("account"), "U", "soho", store_rights("soho", ("soho",)), at=1)
    line = Line(mark=Mark(reaches=[], bundles={"soho": 1}))
    newest, read = line.newest, line.read

    async def slow(stream: str, subject: str, **more: Any) -> Stored | None:
        if stream == "BUNDLE":
            tries.append(clock.monotonic())
            await clock.sleep(more["timeout"])
            raise NatsAway("no answer in time")
        return await newest(stream, subject, **more)

    async def noted(*what: Any, **more: Any) -> list[Stored]:
        heard.append(clock.monotonic())
        return await read(*what, **more)

    line.newest, line.read = slow, noted  # type: ignore[method-assign]
    async with open_box(tmp_path, clock) as box:
        me = msgspec.structs.replace(member(tmp_path, 1), claim=claim)
        link = make_link(me, box, clock, connect=line.connected, on_bundles=lambda offers: None)
        stop = asyncio.Event()
        running = asyncio.create_task(link.run(stop))
        await clock.advance(3600)
        stop.set()
        await running
    assert max(later - earlier for earlier, later in pairwise(heard)) < 90
    assert 1 < len(tries) < 10


async def test_who_says_again_and_again_that_there_is_news_has_nothing_fetched_for_it(tmp_path: Path) -> None:
    """Somebody with another box's key has servers answer at this store's pokes, all day: the shop's line has a quota."""
    clock = FakeClock()
    claim = user_claim(KeyPair.make("account"), "U", "soho", store_rights("soho", ("soho", "all")), at=1)
    async with open_box(tmp_path, clock) as box:
        position = await box.fleet.position()
        mark = Mark(reaches=[Reach(position.epoch, position.seq, position.hash.hex())], bundles={"all": 3})
        line = Line(mark=mark)
        me = msgspec.structs.replace(member(tmp_path, 1), claim=claim)
        link = make_link(me, box, clock, connect=line.connected, on_bundles=lambda offers: None)
        stop = asyncio.Event()
        running = asyncio.create_task(link.run(stop))
        await until(lambda: is_so(lambda: "bundle.all" in line.asked))
        line.asked.clear()
        for _ in range(100):
            for subject, hear in line.heard.items():
                if not subject.startswith("optout"):
                    hear(None)
            await clock.advance(0.1)
            await asyncio.sleep(0.002)

        async def asked() -> bool:
            await clock.advance(0.2)
            return "mark.soho" in line.asked

        await until(asked)
        assert line.asked.count("mark.soho") <= 3
        assert set(line.asked) == {"mark.soho"}
        line.mark = msgspec.structs.replace(mark, bundles={"all": 4})
        line.heard["mark.soho"](None)

        async def fetched() -> bool:
            await clock.advance(1)
            return "bundle.all" in line.asked

        await until(fetched)
        stop.set()
        await running


async def test_a_claim_that_is_left_out_is_said_to_be_once(tmp_path: Path) -> None:
    """An older archive was restored at headquarters: each mark had a line in each store's log."""
    clock, account = FakeClock(), KeyPair.make("account")
    key = KeyPair.make("user")
    older, joined = (
        user_claim(account, key.public, "soho", store_rights("soho", ("soho", "all")), at=at) for at in (1, 2)
    )
    async with open_box(tmp_path, clock) as box:
        line = Line(mark=Mark(reaches=[], claim=older))
        me = msgspec.structs.replace(member(tmp_path, 1), claim=joined, key=key)
        link = make_link(me, box, clock, connect=line.connected)
        stop = asyncio.Event()
        with structlog.testing.capture_logs() as logs:
            running = asyncio.create_task(link.run(stop))

            async def asked() -> bool:
                await clock.advance(5)
                return line.asked.count("mark.soho") > 4

            await until(asked)
            stop.set()
            await running
        assert sum("is left out" in entry["event"] for entry in logs) == 1


async def is_so(look: Callable[[], bool]) -> bool:
    return look()


async def test_the_first_word_of_a_stream_that_begins_anew_is_heard_after_a_restart_too(tmp_path: Path) -> None:
    """The power goes between headquarters' word that the stream is another one and the first look into it."""
    word = pack(SignedWord(state="out", at=1, clock_trusted=True, store="camden", epoch="e", seq=1))
    async with open_box(tmp_path, SystemClock()) as box:
        await box.fleet.use_keys(KEY)
        await box.fleet.hear([Heard("k1", "0" * 32, "sms", 7, False, 1, "camden", "START", 6)])
        await box.fleet.start_over()
        digest = dict(box._store.shares.of("sms", PHONE))["k1"]
        words = [Stored(optout_subject("k1", "sms", digest), 1, 1, word, {})]
        async with linked(tmp_path, box, Line(consent=words)):
            assert await until(lambda: box.consent.blocked("sms", PHONE), seconds=3)
