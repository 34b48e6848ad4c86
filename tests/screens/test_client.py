"""The calls: what each failure means, what is tried again, and what leaves this machine."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.wire.orders import Order
from daemon.wire.requests import channels as channel_acts
from daemon.wire.requests import messages as message_acts
from daemon.wire.requests import orders as order_acts
from daemon.wire.requests import people as people_acts
from daemon.wire.requests.act import Act
from daemon.wire.requests.orders import ManualMessage, StatusChange
from tests.support.busy import MOST
from tests.support.fake_clock import FakeClock
from tests.support.fake_service import FakeService
from tests.support.sample_shop import SampleShop
from tui.service.address import Address
from tui.service.client import Away, Busy, Client, Failing, Lost, Refused
from tui.service.perform import PATIENCE, Action, Performer

READY = Action(call=order_acts.set_status("B-1040", StatusChange("order.ready")), id="k1", name="B-1040: ready")


@asynccontextmanager
async def connected(
    token: str = "", socket: Path | None = None
) -> AsyncIterator[tuple[FakeService, Client, FakeClock]]:
    clock = FakeClock()
    async with (
        FakeService.serving(SampleShop.ordinary(), clock, socket) as service,
        Client.open(Address.parse(service.where, token), clock=clock, rng=random.Random(1), actor="Kim\n") as client,
    ):
        yield service, client, clock


async def _passing(clock: FakeClock, doing):  # type: ignore[no-untyped-def]
    """What it comes to while time passes."""
    async with asyncio.timeout(MOST):
        task = asyncio.get_running_loop().create_task(doing)
        while not task.done():
            await clock.advance(0.5)
            await asyncio.sleep(0.001)
    return await task


# ---------------------------------------------------------------- where


def test_addresses() -> None:
    assert Address.parse("/run/tether.sock").socket == Path("/run/tether.sock")
    assert Address.parse("unix:/run/tether.sock").socket == Path("/run/tether.sock")
    assert Address.parse("http://pi:8787/", "t").url == "http://pi:8787"
    with pytest.raises(ValueError, match="http://host:port"):
        Address.parse("ftp://pi")
    with pytest.raises(ValueError, match="http://host:port"):
        Address.parse("pi.local:8787")
    assert "secret" not in repr(Address.parse("http://pi", "secret"))


async def test_over_the_socket_no_token_is_needed(tmp_path: Path) -> None:
    async with connected(socket=tmp_path / "tether.sock") as (_, client, _):
        assert (await client.glance()).store.name == "Balloon Loft"


async def test_over_tcp_the_token_goes_along_and_who_acts() -> None:
    async with connected(token="secret") as (service, client, _):
        service.token = "secret"
        await client.act("POST", "/v1/orders/B-1040/hold", {"reason": ""}, "k1")
        headers = service.posts[0][3]
        assert headers["Authorization"] == "Bearer secret"
        assert headers["X-Tether-Actor"] == "Kim"
        assert headers["Idempotency-Key"] == "k1"


async def test_an_order_number_may_hold_anything() -> None:
    async with connected() as (service, client, _):
        service.shop.add_order("A/B #7%", "order.ready", "ready", now=0)
        assert (await client.order("A/B #7%")).ref == "A/B #7%"


# ---------------------------------------------------------------- reads


async def test_a_list_is_read_to_its_end_or_to_the_most() -> None:
    async with connected() as (service, client, _):
        service.shop = SampleShop.large(1200, 1)
        sizes = [len(page) async for page in client.pages("/v1/orders", Order)]
        assert sizes == [500, 500, 200]
        assert [len(page) async for page in client.pages("/v1/orders", Order, most=700)] == [500, 200]


async def test_a_read_is_tried_again() -> None:
    async with connected() as (service, client, clock):
        service.refuse["/v1/status"] = (503, "starting")
        with pytest.raises(Busy, match="starting"):
            await _passing(clock, client.glance())
        service.refuse.clear()
        assert (await client.glance()).failed == 1


async def test_a_refusal_is_not_tried_again_and_says_what_the_service_says() -> None:
    async with connected() as (service, client, _):
        service.token = "another"
        with pytest.raises(Refused, match="no token, or an unknown one") as refused:
            await client.glance()
        assert refused.value.status == 401


async def test_what_can_not_be_read_is_a_failing_service() -> None:
    async with connected() as (service, client, clock):
        service.shop.uplink = {"state": 7}
        with pytest.raises(Failing, match="can't be read"):
            await _passing(clock, client.glance())


async def test_calls_that_an_older_service_does_not_have() -> None:
    async with connected() as (service, client, _):
        service.without = {"templates"}
        assert await client.templates() == []


async def test_the_services_clock_is_learnt_where_it_differs_much() -> None:
    async with connected() as (service, client, clock):
        await client.glance()
        assert client.skew == 0
        service.clock = FakeClock(clock.now() + 90_000)
        await client.glance()
        assert 89_000 <= client.skew <= 91_000


async def test_a_slow_answer_tells_no_time() -> None:
    async with connected() as (service, client, clock):
        stamped = service.clock.now()
        service.clock = FakeClock(stamped - 60_000)
        service.delay = lambda: clock.advance(5)
        await client.glance()
        assert client.skew == 0


# ---------------------------------------------------------------- actions


async def test_an_answer_that_is_lost_is_asked_for_again_and_it_is_done_once() -> None:
    async with connected() as (service, client, clock):
        service.lose = 2
        unsure: list[str] = []
        answer = await _passing(
            clock, Performer(client, clock, random.Random(1)).perform(READY, lambda each: unsure.append(each.name))
        )
        assert b"undo_until" in answer
        assert unsure == ["B-1040: ready"]
        assert len(service.posts) == 3
        assert len({body["id"] for _, _, body, _ in service.posts}) == 1
        assert len([data for _, name, data in service.log if name == "message"]) == 1, "one message, not three"


async def test_a_service_that_comes_back_in_time_does_it() -> None:
    async with connected() as (service, client, clock):
        await service.stop()
        performing = Performer(client, clock, random.Random(1)).perform(READY, lambda each: None)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(performing)
            await clock.advance(2)
            await service.start()
            while not task.done():
                await clock.advance(0.5)
                await asyncio.sleep(0.001)
        assert b"event_id" in task.result()


async def test_a_service_that_stays_away_did_nothing() -> None:
    async with connected() as (service, client, clock):
        await service.stop()
        start = clock.monotonic()
        with pytest.raises(Away, match="it is not running"):
            await _passing(clock, Performer(client, clock, random.Random(1)).perform(READY, lambda each: None))
        assert PATIENCE <= clock.monotonic() - start < PATIENCE + 6


async def test_what_may_not_be_repeated_is_left_open() -> None:
    async with connected() as (service, client, clock):
        service.lose = 1
        again = Action(call=message_acts.retry("m00003"), id="k2", name="send again")
        with pytest.raises(Lost):
            await Performer(client, clock, random.Random(1)).perform(again, lambda each: None)
        assert len(service.posts) == 1


async def test_what_takes_long_is_waited_for_and_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A modem's test takes minutes, and so does reading a record of years."""
    monkeypatch.setattr("tui.service.client.TOTAL", 0.05)
    asked: list[None] = []

    async def slowly() -> None:
        asked.append(None)
        await asyncio.sleep(0.2)

    async with connected() as (service, client, clock):
        service.delay = slowly
        trial = Action(call=channel_acts.try_channel("twilio", "+447700900123"), id="k3", name="test Twilio")
        answer = await Performer(client, clock, random.Random(1)).perform(trial, lambda each: None)
        assert b"lets us in" in answer
        assert (await client.verify()).ok
        assert len(asked) == 2
        with pytest.raises(Lost):
            await Performer(client, clock, random.Random(1)).perform(
                Action(call=message_acts.retry("m00003"), id="k4", name="send again"), lambda each: None
            )


async def test_a_record_that_can_not_be_read_now_is_not_read_three_times() -> None:
    async with connected() as (service, client, _):
        service.refuse["/v1/audit/verify"] = (503, "another is reading it")
        with pytest.raises(Busy, match="another is reading it"):
            await client.verify()


async def test_after_a_lost_answer_a_service_that_is_away_is_waited_for() -> None:
    async with connected() as (service, client, clock):
        service.lose = 1
        performing = Performer(client, clock, random.Random(1)).perform(READY, lambda each: None)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(performing)
            while not service.posts:
                await asyncio.sleep(0.001)
            await service.stop()
            for _ in range(40):
                await clock.advance(1)
                await asyncio.sleep(0.001)
            assert not task.done(), "it may have been done: it is not given up"
            await service.start()
            while not task.done():
                await clock.advance(1)
                await asyncio.sleep(0.001)
        assert len([data for _, name, data in service.log if name == "message"]) == 1


def sent(call: Act) -> Any:
    """What goes over the wire: nothing that the service would take anyway."""
    return msgspec.json.decode(msgspec.json.encode(call.body))


def test_every_call_names_what_it_is_about() -> None:
    assert order_acts.set_status("A/1", StatusChange("order.ready")).path == "/v1/orders/A%2F1/status"
    assert sent(order_acts.write("B-1", ManualMessage(text="hi", via=("twilio",)))) == {"text": "hi", "via": ["twilio"]}
    assert sent(order_acts.write("B-1", ManualMessage(template="order.ready"))) == {"template": "order.ready"}
    assert sent(people_acts.allow_writing("sms", "+44", "o1")) == {"id": "o1"}
    assert sent(people_acts.allow_writing("sms", "+44")) == {"medium": "sms", "address": "+44"}
    assert not message_acts.retry("m1").repeatable
    assert not channel_acts.try_channel("twilio").repeatable
