"""While a till posts one event after the other, its messages wait for each other a moment: none is lost by it, told twice, or told what is
not so any more."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.dispatch.gathering import LONGEST, PAUSE, SHARE, TOGETHER, Gathering
from daemon.dispatch.lane import AHEAD
from outbox.model import Due, State
from outbox.write_queue import WriteQueue
from tests.support.fake_clock import FakeClock
from tests.support.heart import Heart, shop
from tests.support.scripted import NOT_THIS_TEXT

RIGHT = "+447700900456"
ROUTES = [{"on": "order.ready", "to": "customer", "via": ["twilio", "sendgrid"]}]
NARROW = {"twilio": {"concurrency": 2}, "sendgrid": {"concurrency": 1}}
AT_ONCE = 0.001
"""Seconds until the till's next event."""


def due(seq: int, priority: int = 1) -> Due:
    return cast(Due, SimpleNamespace(message=SimpleNamespace(seq=seq, priority=priority, due_at=0)))


class Till:
    """What a till's events lead to, gathered, and what went when (monotonic), in order."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.gathering = Gathering(self.clock)
        self.went: dict[int, float] = {}
        self.came: dict[int, float] = {}
        self.stop = asyncio.Event()
        self.running = asyncio.create_task(self.gathering.run(self.stop, self._handed_over))

    def posts(self, *priorities: int) -> Sequence[int]:
        """One event with messages of these priorities; those that go with it, in order."""
        new = [due(len(self.came) + n, priority) for n, priority in enumerate(priorities)]
        self.came |= {one.message.seq: self.clock.monotonic() for one in new}
        return self._go(self.gathering.add(new))

    def _handed_over(self, dues: Sequence[Due]) -> None:
        self._go(dues)

    def _go(self, dues: Sequence[Due]) -> Sequence[int]:
        seqs = [one.message.seq for one in dues]
        assert not self.went.keys() & seqs, "they went before"
        self.went |= dict.fromkeys(seqs, self.clock.monotonic())
        return seqs

    async def end(self) -> None:
        self.stop.set()
        self.gathering.wake.set()
        await self.clock.advance(PAUSE)
        await asyncio.wait_for(self.running, 5)


async def test_a_lone_event_waits_for_nothing() -> None:
    till = Till()
    assert till.posts(1) == [0]
    await till.clock.advance(2 * PAUSE)
    assert till.posts(1) == [1]
    await till.end()


async def test_what_comes_right_after_waits_until_the_till_pauses() -> None:
    till = Till()
    till.posts(1)
    for _ in range(5):
        await till.clock.advance(AT_ONCE)
        assert not till.posts(1)
    await till.clock.advance(2 * PAUSE)
    assert list(till.went) == [0, 1, 2, 3, 4, 5]
    await till.end()


async def test_a_till_without_a_pause_has_its_messages_go_a_few_at_a_time_the_most_urgent_first() -> None:
    till = Till()
    till.posts(1)
    for _ in range(TOGETHER - 1):
        assert not till.posts(2)
    assert till.posts(0) == [TOGETHER, *range(1, SHARE)]
    assert till.posts(2) == [*range(SHARE, 2 * SHARE)]
    await till.end()


async def test_a_slow_till_has_nobody_wait_for_long() -> None:
    till = Till()
    till.posts(1)
    await till.clock.advance(PAUSE * 0.9)
    while not till.posts(1):
        await till.clock.advance(PAUSE * 0.9)
    assert till.went[1] - till.came[1] <= LONGEST + PAUSE
    await till.end()


async def test_a_crowd_waits_for_nobody() -> None:
    till = Till()
    till.posts(1)
    assert len(till.posts(*[1] * TOGETHER)) == TOGETHER
    await till.end()


gaps = st.sampled_from([0.0, AT_ONCE, PAUSE * 0.9, PAUSE, LONGEST])
events = st.lists(st.tuples(gaps, st.lists(st.integers(0, 2), min_size=1, max_size=8)), max_size=120)


@given(events=events)
def test_whatever_comes_goes_once_and_soon(events: list[tuple[float, list[int]]]) -> None:
    async def played() -> Till:
        till = Till()
        for gap, priorities in events:
            await till.clock.advance(gap)
            till.posts(*priorities)
            assert len(till.came) - len(till.went) < TOGETHER + len(priorities)
        await till.clock.advance(2 * PAUSE)
        await till.end()
        return till

    till = asyncio.run(played())
    assert till.went.keys() == till.came.keys()


# ---------------------------------------------------------------- in a store


@pytest.fixture
async def heart(tmp_path: Path) -> AsyncIterator[Heart]:
    """A till has just posted B-0, whose customer knows."""
    async with Heart(tmp_path, shop(route=ROUTES)) as heart:
        await posts(heart, "e0", "B-0")
        assert await heart.states("B-0") == [State.SENT]
        yield heart


@pytest.fixture
async def crowded(tmp_path: Path) -> AsyncIterator[Heart]:
    """A till has just posted B-0, which is under way; the next channel has no room."""
    async with Heart(tmp_path, shop(route=ROUTES, channels=NARROW)) as heart:
        heart.providers.waits = True
        for n in range(AHEAD):
            await heart.tell(f"m{n}", ref=f"M-{n}", customer={"name": "Kofi", "email": "kofi@example.com"})
        await heart.pass_time(2 * PAUSE)
        await posts(heart, "e0", "B-0")
        yield heart


async def posts(heart: Heart, id: str, ref: str, **fields: Any) -> None:
    """Not alone: nothing is offered before its commit."""
    heart.box.spool.on_offer = lambda dues: 0
    await heart.tell(id, "order.ready", ref, **fields)


async def test_it_leaves_once_the_till_pauses(heart: Heart) -> None:
    await posts(heart, "e1", "B-1")
    assert await heart.states() == [State.QUEUED]
    await heart.pass_time(2 * PAUSE)
    assert await heart.states() == [State.SENT]


@pytest.mark.parametrize(
    ("said", "address"),
    [({"phone": RIGHT}, RIGHT), ({"consent": {"sms": False}}, "ada@example.com")],
    ids=["number", "wish"],
)
async def test_a_number_that_is_put_right_meanwhile_holds(heart: Heart, said: dict[str, Any], address: str) -> None:
    """Though the pump looked again since then, and knows that all is as it read it."""
    ada = {"name": "Ada", "phone": "+447700900123", "email": "ada@example.com"}
    await posts(heart, "e1", "B-1", customer=ada)
    await heart.tell("e2", "order.changed", "B-1", customer=ada | said)
    heart.engine.dispatcher.wake()
    await heart.still()
    await heart.pass_time(1)
    assert [one.out.to for one in heart.providers.arrived if one.out.order_ref == "B-1"] == [address]


async def test_a_number_that_is_put_right_in_the_same_transaction_holds(
    heart: Heart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an event that joined it while it was open. The pump looked again since then, and knows that all is as it read it."""
    take = WriteQueue.take

    def one_alone(queue: WriteQueue[Any]) -> list[Any]:
        group = take(queue)
        queue._backlog.extendleft(reversed(group[1:]))
        return group[:1]

    heart.box.spool.on_offer = lambda dues: 0
    monkeypatch.setattr(WriteQueue, "take", one_alone)
    await heart.box.notes.set("the writer", "waits by that now")
    ada = {"name": "Ada", "phone": "+447700900123"}
    await asyncio.gather(
        heart.accept("e1", "order.ready", "B-1", customer=ada),
        heart.accept("e2", "order.changed", "B-1", customer=ada | {"phone": RIGHT}),
    )
    heart.engine.dispatcher.wake()
    await heart.still()
    await heart.pass_time(1)
    assert [one.out.to for one in heart.providers.arrived if one.out.order_ref == "B-1"] == [RIGHT]


async def test_what_is_cancelled_meanwhile_does_not_leave(heart: Heart) -> None:
    await posts(heart, "e1", "B-1")
    await posts(heart, "e2", "B-2")
    await heart.box.spool.cancel((await heart.message()).id, actor="Mia", reason="")
    await heart.pass_time(1)
    assert [await heart.states(ref) for ref in ("B-1", "B-2")] == [[State.CANCELLED], [State.SENT]]


async def test_what_a_pump_looks_for_meanwhile_it_leaves_here(heart: Heart) -> None:
    await posts(heart, "e1", "B-1")
    heart.engine.dispatcher.wake()
    await heart.still()
    assert await heart.states() == [State.QUEUED]
    await heart.pass_time(2 * PAUSE)
    assert await heart.states() == [State.SENT]


async def test_what_goes_on_to_another_channel_meanwhile_is_taken_up_there(heart: Heart) -> None:
    """Its pump passed it by, and came back for it only once it had nothing else to do for a while."""
    await posts(heart, "e1", "B-1")
    await heart.engine.board.pause("twilio", reason="", actor="Mia")
    await heart.still()
    assert [one.channel for one in heart.providers.left if one.out.order_ref == "B-1"] == ["sendgrid"]
    await heart.pass_time(1)
    assert [one.out.order_ref for one in heart.providers.left] == ["B-0", "B-1"]


async def test_what_a_pump_was_offered_that_was_told_of_it_too_is_taken_up_once(crowded: Heart) -> None:
    """Both in one turn of the loop. Its provider refused it, and it waits for room at the next channel, when the till pauses."""
    offer, tell = crowded.engine.dispatcher.offer, crowded.box.spool.on_fresh

    def both(dues: Sequence[Due]) -> None:
        assert offer(dues) == 1
        tell(dues)

    crowded.box.spool.on_fresh = both
    await posts(crowded, "e1", "B-1")
    await crowded.answer(NOT_THIS_TEXT, nth=2)
    await crowded.pass_time(1)
    assert [one.out.order_ref for one in crowded.providers.left if one.channel == "twilio"] == ["B-0", "B-1"]


@pytest.mark.parametrize("found_first", [True, False])
async def test_what_a_pump_finds_that_was_slow_to_read_is_taken_up_once(
    crowded: Heart, monkeypatch: pytest.MonkeyPatch, found_first: bool
) -> None:
    """It began to read before there was anything, and found it: before it was told of it, or after. Its provider refused it, and it waits for
    room at the next channel, when the till pauses."""
    began, goes_on, due = asyncio.Event(), asyncio.Event(), crowded.box.spool.due

    async def slow(*args: Any, **more: Any) -> list[Due]:
        began.set()
        await goes_on.wait()
        return await due(*args, **more)

    late: list[Due] = []
    tell = crowded.box.spool.on_fresh
    crowded.box.spool.on_fresh = late.extend if found_first else tell
    monkeypatch.setattr(crowded.box.spool, "due", slow)
    crowded.engine.dispatcher.wake()
    await began.wait()
    await posts(crowded, "e1", "B-1")
    goes_on.set()
    await crowded.still()
    tell(late)
    await crowded.answer(NOT_THIS_TEXT, nth=2)
    await crowded.pass_time(1)
    assert [one.out.order_ref for one in crowded.providers.left if one.channel == "twilio"] == ["B-0", "B-1"]


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_what_waits_when_the_service_ends_leaves_after_the_next_start(heart: Heart, end: str) -> None:
    await posts(heart, "e1", "B-1")
    await (heart.stop() if end == "stop" else heart.kill())
    await heart.start()
    assert [one.out.order_ref for one in heart.providers.left] == ["B-0", "B-1"]
