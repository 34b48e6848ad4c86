"""Following the stream: bytes cut anywhere, coming back by itself, going on where it was."""

import asyncio
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fake_clock import FakeClock
from tests.support.fake_service import FakeService
from tests.support.sample_shop import SampleShop
from tui.service.address import Address
from tui.service.client import Client, ServiceError
from tui.service.live import LONGEST_EVENT, Connected, Gone, Live, Parser, StreamEvent

STREAM = (
    ": a comment\n\nid: 7\nevent: order\ndata: {\"ref\":\ndata: \"B-1\"}\n\nevent: uplink\r\ndata: {}\r\nid: 8\r\n\r\n"
    "data:no name\n\nid: 9\n\nevent: é\ndata: ü\nretry: 5\n\n"
).encode()  # fmt: skip
EVENTS = [
    StreamEvent("order", '{"ref":\n"B-1"}', "7"),
    StreamEvent("uplink", "{}", "8"),
    StreamEvent("message", "no name", "8"),
    StreamEvent("é", "ü", "9"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_events_are_the_same_wherever_the_bytes_are_cut(cuts: list[int]) -> None:
    parser, places = Parser(), [0, *sorted(cuts), len(STREAM)]
    parts = [STREAM[start:end] for start, end in pairwise(places)]
    assert [event for part in parts for event in parser.feed(part)] == EVENTS


def test_a_line_without_an_end_is_given_up() -> None:
    parser = Parser()
    with pytest.raises(ServiceError, match="without an end"):
        list(parser.feed(b"data: " + b"x" * LONGEST_EVENT))


async def test_it_connects_hears_and_goes_on_where_it_was_after_the_service_was_away() -> None:
    clock = FakeClock()
    async with (
        FakeService.serving(SampleShop.ordinary(), clock) as service,
        Client.open(Address.parse(service.where), clock=clock, rng=random.Random(1)) as client,
    ):
        signals = Live(client, clock, random.Random(1)).signals()
        assert await anext(signals) == Connected(resumed=False)
        while not service.streams:
            await asyncio.sleep(0.001)
        service.change_uplink("down")
        assert (await anext(signals)).name == "uplink"  # type: ignore[union-attr]
        await service.stop()
        assert isinstance(await anext(signals), Gone)
        service.change_uplink("up")  # nobody hears it
        await service.start()
        while not isinstance(signal := await _next(signals, clock), Connected):
            assert isinstance(signal, Gone)
        assert signal == Connected(resumed=True)
        event = await _next(signals, clock)
        assert isinstance(event, StreamEvent)
        assert '"up"' in event.data, "what was missed is told"
        await signals.aclose()


async def test_waits_grow_while_the_service_stays_away() -> None:
    clock = FakeClock()
    address = Address.parse("/nowhere/tether.sock")
    async with Client.open(address, clock=clock, rng=random.Random(1)) as client:
        signals = Live(client, clock, random.Random(1)).signals()
        waits = []
        for _ in range(8):
            signal = await _next(signals, clock)
            assert isinstance(signal, Gone)
            assert signal.reason == "its socket is not there"
            waits.append(signal.wait)
        assert 0.3 < waits[0] <= 0.5
        assert waits[:5] == sorted(waits[:5])
        assert max(waits) <= 10
        await signals.aclose()


async def _next(signals, clock: FakeClock):  # type: ignore[no-untyped-def]
    """The next signal, letting time pass meanwhile."""

    async with asyncio.TaskGroup() as group:
        coming = group.create_task(anext(signals))
        while not coming.done():
            await clock.advance(1)
            await asyncio.sleep(0.001)
    return coming.result()
