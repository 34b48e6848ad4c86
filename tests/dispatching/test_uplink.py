"""The line, judged by evidence."""

import asyncio

from daemon.dispatch.uplink import LATELY, LineState, Uplink, near_channels
from tests.support.fake_clock import FakeClock


class Net:
    """A network whose probes are answered or not."""

    def __init__(self) -> None:
        self.up = True
        self.probes = 0

    async def probe(self, host: str, port: int, timeout: float) -> bool:
        self.probes += 1
        return self.up


def line(clock: FakeClock, net: Net, told: list[LineState]) -> Uplink:
    async def on_change(state: LineState, why: str) -> None:
        assert why
        told.append(state)

    return Uplink(clock, [("api.example.com", 443)], every=5.0, on_change=on_change, probe=net.probe)


async def test_one_channel_that_fails_while_another_works_is_no_outage() -> None:
    net, told, clock = Net(), [], FakeClock()
    uplink = line(clock, net, told)
    net.up = False
    uplink.connected("sendgrid")
    assert not await uplink.failed_to_connect("twilio")
    assert net.probes == 0
    assert told == []


async def test_old_successes_are_no_evidence() -> None:
    net, told, clock = Net(), [], FakeClock()
    uplink = line(clock, net, told)
    net.up = False
    uplink.connected("sendgrid")
    await clock.advance(LATELY + 1)
    assert await uplink.failed_to_connect("twilio")
    assert told == [LineState.DOWN]


async def test_a_probe_that_connects_speaks_for_the_line() -> None:
    net, told, clock = Net(), [], FakeClock()
    uplink = line(clock, net, told)
    assert not await uplink.failed_to_connect("twilio")
    assert net.probes == 1
    assert told == []


async def test_it_stays_down_until_a_probe_connects() -> None:
    net, told, clock = Net(), [], FakeClock()
    uplink = line(clock, net, told)
    net.up = False
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(uplink.run(stop))
        assert await uplink.failed_to_connect("twilio")
        await clock.advance(12)
        assert uplink.is_down
        assert uplink.down_for() == 12
        probes = net.probes
        await clock.advance(10)
        assert net.probes == probes + 2, "every five seconds"
        net.up = True
        await clock.advance(5)
        assert told == [LineState.DOWN, LineState.UP]
        assert not uplink.is_down
        assert uplink.down_for() == 0
        probes = net.probes
        await clock.advance(3600)
        assert net.probes == probes, "an idle line that is up costs nothing"
        stop.set()
        await clock.advance(0)


async def test_a_channel_that_reaches_its_provider_ends_it_though_no_probe_connects() -> None:
    """A network that lets requests through a proxy and drops probes is not down."""
    net, told, clock = Net(), [], FakeClock()
    uplink = line(clock, net, told)
    net.up = False
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(uplink.run(stop))
        assert await uplink.failed_to_connect("twilio")
        await clock.advance(12)
        assert uplink.is_down
        uplink.connected("sendgrid")
        await clock.advance(5)
        assert told == [LineState.DOWN, LineState.UP]
        stop.set()
        await clock.advance(0)


async def test_many_failures_at_once_are_judged_once() -> None:
    net, told, clock = Net(), [], FakeClock()
    uplink = line(clock, net, told)
    net.up = False
    verdicts = await asyncio.gather(*(uplink.failed_to_connect(f"channel {n}") for n in range(10)))
    assert all(verdicts)
    assert net.probes == 1
    assert told == [LineState.DOWN]


async def test_an_operator_may_force_it_and_take_that_back() -> None:
    net, told, clock = Net(), [], FakeClock()
    uplink = line(clock, net, told)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(uplink.run(stop))
        await uplink.force(LineState.DOWN, at=clock.now())
        await clock.advance(60)
        assert uplink.is_down, "no probe lifts what a person said"
        await uplink.force(None, at=clock.now())
        await clock.advance(6)
        assert not uplink.is_down
        await uplink.force(LineState.UP, at=clock.now())
        net.up = False
        assert not await uplink.failed_to_connect("twilio")
        stop.set()
        await clock.advance(0)
    assert told == [LineState.DOWN, LineState.UP]


def test_what_lies_in_the_shops_own_network_is_not_the_line() -> None:
    hosts = {
        "twilio": [("api.twilio.com", 443)],
        "smtp": [("mail.lan", 25)],
        "webhook": [("192.168.1.20", 8080)],
        "plivo": [("127.0.0.1", 9100)],
        "slack": [],
    }
    assert near_channels(hosts) == {"smtp", "webhook", "plivo"}
    assert near_channels(hosts, relayed=["plivo"]) == {"smtp", "webhook"}, "its vendor is beyond the line all the same"
    del hosts["twilio"]
    assert near_channels(hosts, relayed=["plivo"]) == {"smtp", "webhook"}
    assert near_channels(hosts) == frozenset(), "then that is the line"
