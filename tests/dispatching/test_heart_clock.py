"""The wall clock is stepped while messages wait: they wait as long as they were to, and nothing is lost by it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from daemon.channels.base import PollPlan, Sent
from outbox.model import State
from outbox.outcome import Absent, Deferred, Found, Lookup
from tests.support.heart import CHANNELS, ROUTES, Heart, shop
from tests.support.scripted import CUT, Twilio


async def test_waits_move_with_a_stepped_clock(heart: Heart) -> None:
    await heart.tell("e1", "order.delayed", "B-1")
    heart.providers.will("vonage", Deferred("busy", after=60))
    await heart.tell("e2", "refund.issued", "B-2")
    await heart.step_clock(-7 * 86_400)
    await heart.pass_time(121)
    assert sorted(heart.providers.texts()) == ["order.delayed", "refund.issued"]


@pytest.mark.parametrize("step", [-86_400, 3600])
async def test_patience_is_as_long_by_a_clock_that_is_stepped(heart: Heart, step: int) -> None:
    heart.providers.will("twilio", *[Deferred("busy", after=200)] * 9)
    await heart.tell("e1")
    await heart.step_clock(step)
    await heart.pass_time(590)
    assert heart.providers.texts("modem") == []
    await heart.pass_time(20)
    assert heart.providers.texts("modem") == ["order.ready"]


@pytest.mark.parametrize("step", [8 * 3600, -3600])
async def test_a_receipt_is_asked_for_as_soon_by_a_clock_that_is_stepped(heart: Heart, step: int) -> None:
    """At the shop's opening a Pi wakes with the evening's time, sends what waits, and a time server puts it right."""
    await heart.tell("e1")
    heart.providers.arrived[0].undelivered = True
    await heart.step_clock(step)
    await heart.pass_time(30)
    assert await heart.states() == [State.SENT]
    heart.providers.arrived[0].undelivered = False
    await heart.pass_time(50)
    assert await heart.states() == [State.DELIVERED]


async def test_what_waits_at_a_paused_channel_is_looked_at_by_a_clock_that_was_put_back(heart: Heart) -> None:
    for channel in ("vonage", "modem"):
        await heart.engine.board.pause(channel, reason="", actor="Mia")
    await heart.tell("e1", "refund.issued")
    await heart.step_clock(-3600)
    await heart.pass_time(120)
    await heart.engine.board.resume("modem", actor="Mia")
    await heart.pass_time(120)
    assert heart.providers.texts("modem") == ["refund.issued"]


@pytest.mark.parametrize("why", ["quiet hours", "daily parts"])
async def test_what_a_clock_that_was_ahead_put_off_is_judged_anew_when_it_is_right(tmp_path: Path, why: str) -> None:
    """By its evening or its tomorrow a text waited for its morning, though it is the afternoon."""
    only = {"on": "order.*", "to": "customer", "via": ["twilio"]}
    night = {"from": "12:00", "to": "20:00", "media": ["sms"]}
    tables: dict[str, Any] = {"quiet_hours": night} if why == "quiet hours" else {"sms": {"daily_parts": 1}}
    ahead = 2 * 3600 if why == "quiet hours" else 24 * 3600
    async with Heart(tmp_path, shop(route=[only], **tables)) as heart:
        await heart.step_clock(ahead)
        if why == "daily parts":
            await heart.tell("e0", ref="B-0")
            await heart.pass_time(10)
        await heart.tell("e1")
        waiting = await heart.message()
        assert (waiting.state, waiting.relative) == (State.QUEUED, False)
        await heart.step_clock(-ahead)
        await heart.pass_time(10 if why == "quiet hours" else 14 * 3600)
        assert await heart.states() != [State.QUEUED]


async def test_a_reminder_that_a_clock_which_was_ahead_put_off_does_not_come_before_its_moment(tmp_path: Path) -> None:
    remind = {"on": "order.confirmed", "to": "customer", "via": ["twilio"], "at": "-2h", "expires": "2h"}
    night = {"from": "14:10", "to": "15:00", "media": ["sms"]}
    async with Heart(tmp_path, shop(route=[remind], quiet_hours=night)) as heart:
        await heart.tell("e1", "order.confirmed", order={"promised_at": "2026-11-24T16:00:00Z"})
        await heart.pass_time(2 * 3600)
        await heart.step_clock(2 * 3600)
        await heart.pass_time(10)
        assert (await heart.message()).reason.code == "quiet_hours"
        await heart.step_clock(-2 * 3600)
        await heart.pass_time(1.7 * 3600)
        assert heart.providers.arrived == [], "it is three minutes to two"
        await heart.pass_time(300)
        assert heart.providers.texts() == ["order.confirmed"]


async def test_no_provider_is_told_what_is_left_by_a_clock_that_jumped_unconfirmed(heart: Heart) -> None:
    """A text that is late by it would be thrown away after five minutes, where the phone is off just then."""
    heart.synchronised = False
    await heart.cut_the_line()
    heart.providers.obstacles.add("modem")
    await heart.tell("e1")
    await heart.stop()
    await heart.start()
    await heart.step_clock(86_400)
    heart.providers.obstacles.clear()
    await heart.pass_time(120)
    assert heart.providers.texts("modem") == ["order.ready"]
    assert heart.providers.arrived[-1].out.expires_at is None
    heart.synchronised = True
    await heart.pass_time(120)
    await heart.tell("e2", ref="B-2")
    await heart.pass_time(120)
    assert heart.providers.texts("modem") == ["order.ready"] * 2
    assert heart.providers.arrived[-1].out.expires_at is not None


async def test_nothing_expires_by_a_clock_that_jumped_unconfirmed(heart: Heart) -> None:
    heart.synchronised = False
    await heart.cut_the_line()
    heart.providers.obstacles.add("modem")
    await heart.tell("e1")
    await heart.stop()
    await heart.start()
    await heart.step_clock(86_400)
    await heart.pass_time(120)
    assert await heart.states() == [State.QUEUED]
    heart.synchronised = True
    await heart.pass_time(120)
    assert await heart.states() == [State.EXPIRED]


async def test_what_came_by_a_clock_that_was_behind_is_as_old_as_it_is(heart: Heart) -> None:
    """A box without a clock battery starts with the evening's time, and is told of an order before the line and the time are there."""
    await heart.cut_the_line()
    heart.providers.obstacles.add("modem")
    occurred = datetime.fromtimestamp(heart.clock.now() / 1000 + 14 * 3600, UTC).isoformat()
    await heart.tell("e1", occurred_at=occurred)
    await heart.pass_time(180)
    await heart.step_clock(14 * 3600)
    heart.providers.line_is_cut = False
    await heart.pass_time(10)
    assert heart.providers.texts("twilio") == ["order.ready"]


async def test_what_came_by_a_clock_that_was_behind_expires_when_it_is_old(tmp_path: Path) -> None:
    soon = {"on": "order.*", "to": "customer", "via": ["twilio"], "expires": "10m"}
    async with Heart(tmp_path, shop(route=[soon, ROUTES[2]])) as heart:
        await heart.cut_the_line()
        await heart.tell("e1")
        await heart.step_clock(14 * 3600)
        await heart.pass_time(500)
        assert await heart.states() == [State.QUEUED]
        await heart.pass_time(200)
        assert await heart.states() == [State.EXPIRED]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("limit", ["day", "parts"])
async def test_a_clock_that_was_wrong_for_a_while_begins_no_new_day(
    tmp_path: Path, limit: str, restarted: bool
) -> None:
    """Also where something left by it: that hid the whole day."""
    by_day = {"channels": {**CHANNELS, "twilio": {"daily_limit": 2}}}
    only = [{"on": "order.*", "to": "customer", "via": ["twilio"]}]
    tables: dict[str, Any] = {"sms": {"daily_parts": 2}} if limit == "parts" else by_day
    async with Heart(tmp_path, shop(route=only, **tables)) as heart:
        for number in (1, 2):
            await heart.tell(f"e{number}", ref=f"B-{number}")
        if restarted:
            await heart.kill()
            heart.clock.step(-3 * 86_400)
            await heart.start()
        else:
            await heart.step_clock(-3 * 86_400)
        await heart.tell("e4", ref="B-4")
        await heart.pass_time(30)
        await heart.step_clock(3 * 86_400)
        await heart.tell("e3", ref="B-3")
        await heart.pass_time(30)
        assert len(heart.providers.arrived) == 3, "two of today, and the one of another day"


async def test_a_clock_that_goes_back_while_it_runs_is_not_believed(tmp_path: Path) -> None:
    async with Heart(tmp_path) as heart:
        heart.synchronised = False
        await heart.tell("e1")
        await heart.pass_time(60)
        await heart.step_clock(-3600)
        assert not heart.watch.trusted()
        await heart.pass_time(3700)
        assert heart.watch.trusted()


@pytest.mark.parametrize("step", [3600, -3600])
async def test_what_left_by_a_clock_that_was_wrong_is_looked_for_when_it_left(heart: Heart, step: int) -> None:
    """A provider that lists numbers and times; the time server answered just after the text had left."""

    async def by_time(sent: Sent) -> Lookup:
        since = heart.clock.now() - sent.attempt.started_at
        return Found(heart.providers.arrived[0].provider_id) if 0 <= since <= 60_000 else Absent()

    channel: Any = heart.engine.lanes["twilio"].channel
    channel.lookup = by_time
    heart.providers.will("twilio", CUT, arrives=True)
    await heart.tell("e1")
    await heart.step_clock(step)
    await heart.pass_time(10)
    assert len(heart.providers.left) == 1


async def test_a_receipt_is_asked_for_at_once_though_the_last_of_yesterday_was_not_due_yet(
    heart: Heart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A box without a battery in the morning: it slept until yesterday's next question, by yesterday's clock, and what was not delivered
    today went no other way until then."""
    monkeypatch.setattr(Twilio, "poll", PollPlan(delays=(10, 5 * 3600)))
    await heart.tell("e1", ref="B-1")
    heart.providers.arrived[0].undelivered = True
    await heart.pass_time(3 * 3600)
    await heart.step_clock(8 * 3600)
    await heart.tell("e2", ref="B-2")
    await heart.pass_time(30)
    assert await heart.states("B-2") == [State.DELIVERED]


async def test_what_was_to_wait_does_wait_when_the_clock_goes_back_and_then_on_a_little(heart: Heart) -> None:
    """What came by the clock that was ahead was taken for younger than the step forward: it went at once."""
    await heart.tell("e1", "order.delayed")
    await heart.step_clock(-3600)
    await heart.step_clock(240)
    await heart.pass_time(60)
    assert heart.providers.texts() == []
    await heart.pass_time(61)
    assert heart.providers.texts() == ["order.delayed"]
