"""What comes between while a message is on its way: the line breaks, staff change their mind, the process ends."""

from pathlib import Path

import pytest

from daemon.dispatch.fallback import REPEAT_AFTER
from outbox.model import State
from outbox.outcome import Deferred, ReceiptState, Unknown
from tests.support.heart import CHANNELS, ROUTES, Heart, shop, shop_without
from tests.support.outbox_box import PHONE
from tests.support.scripted import BUSY, CUT, NO_CREDIT, TOOK

UNDELIVERED = ReceiptState.UNDELIVERED


# ---------------------------------------------------------------- the line


async def test_an_outage_burns_nothing(heart: Heart) -> None:
    await heart.cut_the_line()
    for n in range(5):
        await heart.tell(f"e{n}", "payment.failed", f"B-{n + 1}")
    await heart.pass_time(1800)
    assert (await heart.message("B-0")).reason.code == "line_down"
    heart.providers.line_is_cut = False
    await heart.pass_time(10)
    for n in range(5):
        message = await heart.message(f"B-{n + 1}")
        assert (message.state, message.attempt_count, message.channel) == (State.SENT, 1, "sendgrid")


async def test_what_failed_as_the_line_went_counts_for_nothing(heart: Heart) -> None:
    """A moment ago another provider was reached: that one fails is no outage yet."""
    await heart.tell("e1", "refund.issued", "B-1")
    heart.providers.line_is_cut = True
    await heart.tell("e2", "payment.failed", "B-2")
    assert not heart.engine.uplink.is_down
    assert (await heart.message("B-2")).attempt_count == 1
    await heart.pass_time(10)
    assert heart.engine.uplink.is_down
    assert (await heart.message("B-2")).attempt_count == 0


async def test_nobody_is_asked_what_arrived_while_the_line_is_down(heart: Heart) -> None:
    heart.providers.will("twilio", CUT, arrives=True)
    await heart.tell("e1")
    await heart.pass_time(2)
    await heart.cut_the_line()
    await heart.pass_time(60)
    assert heart.providers.asked == []
    heart.providers.line_is_cut = False
    await heart.pass_time(30)
    assert await heart.states() != [State.UNKNOWN]
    assert len([one for one in heart.providers.left if one.channel == "twilio"]) == 1


async def test_patience_does_not_run_while_the_line_is_down(heart: Heart) -> None:
    await heart.cut_the_line()
    await heart.tell("e1", "payment.failed")
    await heart.pass_time(3600)
    heart.providers.line_is_cut = False
    heart.providers.will("sendgrid", BUSY, BUSY)
    await heart.pass_time(60)
    assert [one.channel for one in heart.providers.arrived] == ["sendgrid", "sendgrid"]


# ---------------------------------------------------------------- what changes while it is under way


async def under_way_and_at_the_door(heart: Heart) -> None:
    """The refund of B-1 is at the provider, that of B-2 is on record and waits for room there."""
    heart.providers.waits = True
    await heart.tell("e1", "refund.issued", "B-1")
    await heart.tell("e2", "refund.issued", "B-2")
    assert await heart.states("B-1") == [State.SENDING]
    assert await heart.states("B-2") == [State.SENDING]
    assert len(heart.providers.under_way) == 1


async def room_comes(heart: Heart) -> list[str]:
    """The orders of which the provider hears then."""
    await heart.answer(TOOK)
    return [request.out.order_ref for request in heart.providers.left]


async def test_cancelled_while_it_waits_for_room(heart: Heart) -> None:
    await under_way_and_at_the_door(heart)
    await heart.box.spool.cancel((await heart.message("B-2")).id, actor="Mia", reason="")
    assert await room_comes(heart) == ["B-1"]
    message = await heart.message("B-2")
    assert (message.state, message.attempt_count, await heart.attempts(message)) == (State.CANCELLED, 0, [])


async def test_held_while_it_waits_for_room(heart: Heart) -> None:
    await under_way_and_at_the_door(heart)
    await heart.box.spool.hold("B-2", actor="Mia", reason="")
    assert await room_comes(heart) == ["B-1"]
    assert await heart.states("B-2") == [State.HELD]
    await heart.box.spool.release("B-2", actor="Mia", reason="")
    await heart.still()
    assert [request.out.order_ref for request in heart.providers.left] == ["B-1", "B-2"]


async def test_opted_out_while_it_waits_for_room(heart: Heart) -> None:
    await under_way_and_at_the_door(heart)
    await heart.box.consent.stop("sms", PHONE, reason="STOP", actor="+447700900123")
    assert await room_comes(heart) == ["B-1"]
    assert await heart.states("B-2") == [State.SUPPRESSED]


@pytest.mark.parametrize("by", ["its recipient", "staff"])
async def test_called_off_while_the_modem_is_at_something_else(tmp_path: Path, by: str) -> None:
    """As at reading the very STOP."""
    route = {"on": "order.*", "to": "customer", "via": ["modem"]}
    async with Heart(tmp_path, shop(route=[route])) as heart:
        heart.providers.modem_is_free.clear()
        await heart.tell("e1")
        message = await heart.message()
        assert message.state is State.SENDING
        if by == "staff":
            await heart.box.spool.cancel(message.id, actor="Mia", reason="")
        else:
            await heart.box.consent.stop("sms", PHONE, reason="STOP", actor=PHONE)
        heart.providers.modem_is_free.set()
        await heart.still()
        assert heart.providers.left == []
        message = await heart.message()
        assert message.state is (State.CANCELLED if by == "staff" else State.SUPPRESSED)
        assert (message.attempt_count, await heart.attempts(message)) == (0, [])


async def test_delivered_while_its_repeat_waits_for_room(heart: Heart) -> None:
    heart.providers.waits = True
    await heart.tell("e1", "refund.issued", "B-1")
    await heart.answer(CUT, arrives=True)
    await heart.pass_time(REPEAT_AFTER - 3)
    await heart.tell("e2", "refund.issued", "B-2")
    await heart.pass_time(6)
    assert await heart.states("B-1") == [State.SENDING]
    await heart.receipt(heart.providers.arrived[0], ReceiptState.DELIVERED)
    assert await room_comes(heart) == ["B-1", "B-2"]
    assert await heart.states("B-1") == [State.DELIVERED]


async def test_its_channel_is_paused_while_it_waits_for_room(heart: Heart) -> None:
    await under_way_and_at_the_door(heart)
    await heart.engine.board.pause("vonage", reason="", actor="Mia")
    await heart.answer(TOOK)
    assert [(one.channel, one.out.order_ref) for one in heart.providers.left] == [("vonage", "B-1"), ("modem", "B-2")]
    assert len(await heart.attempts(await heart.message("B-2"))) == 1


async def test_a_channel_that_staff_paused_stays_so_whatever_one_under_way_comes_to(heart: Heart) -> None:
    heart.providers.waits = True
    await heart.tell("e1", "refund.issued")
    await heart.engine.board.pause("vonage", reason="", actor="Mia")
    await heart.answer(NO_CREDIT)
    await heart.pass_time(61)
    lane = heart.engine.lanes["vonage"]
    assert (lane.state, lane.reason) == ("paused", "paused by Mia")


async def test_superseded_while_it_waits_for_room(tmp_path: Path) -> None:
    one_at_a_time = shop(channels={**CHANNELS, "twilio": {"concurrency": 1}})
    async with Heart(tmp_path, one_at_a_time) as heart:
        heart.providers.waits = True
        await heart.tell("e1", "order.ready", "B-1")
        await heart.tell("e2", "order.in_production", "B-2")
        await heart.tell("e3", "order.ready", "B-2")
        await heart.answer(TOOK)
        assert [request.out.trigger for request in heart.providers.left] == ["order.ready", "order.ready"]
        assert await heart.states("B-2") == [State.SUPERSEDED, State.SENDING]


async def test_cancelled_when_it_was_taken_up_and_not_yet_on_record(heart: Heart) -> None:
    await under_way_and_at_the_door(heart)
    for n in range(3, 6):
        await heart.tell(f"e{n}", "refund.issued", f"B-{n}")
    assert await heart.states("B-4") == [State.QUEUED]
    for n in (4, 5):
        await heart.box.spool.cancel((await heart.message(f"B-{n}")).id, actor="Mia", reason="")
    heart.providers.waits = False
    await heart.answer(TOOK)
    await heart.pass_time(10)
    assert [one.out.order_ref for one in heart.providers.left] == ["B-1", "B-2", "B-3"]


async def test_an_earlier_one_of_its_line_comes_back_when_it_was_taken_up(heart: Heart) -> None:
    """Whoever is not known to have arrived holds nobody up; back in line it comes first."""
    await under_way_and_at_the_door(heart)
    await heart.tell("e3", "refund.issued", "B-3")
    heart.providers.will("twilio", CUT, Deferred("busy", after=100), TOOK)
    await heart.tell("e4", "order.placed", "B-4")
    await heart.tell("e5", "refund.issued", "B-4")
    await heart.pass_time(6)
    assert await heart.states("B-4") == [State.QUEUED, State.QUEUED]
    heart.providers.waits = False
    await heart.answer(TOOK)
    await heart.pass_time(120)
    told = [one.out.trigger for one in heart.providers.arrived if one.out.order_ref == "B-4"]
    assert told == ["order.placed", "refund.issued"]


async def test_an_earlier_one_that_comes_back_waits_for_the_one_that_is_under_way(heart: Heart) -> None:
    heart.providers.will("twilio", CUT)
    await heart.tell("e1", "order.placed", "B-1")
    heart.providers.waits = True
    await heart.tell("e2", "refund.issued", "B-1")
    await heart.pass_time(6)
    assert await heart.states() == [State.QUEUED, State.SENDING]
    await heart.answer(TOOK)
    assert await heart.states() == [State.SENDING, State.SENT]


async def test_what_is_called_off_at_the_provider_ends_there_if_it_comes_back(heart: Heart) -> None:
    heart.providers.waits = True
    await heart.tell("e1", "order.in_production", "B-1")
    await heart.tell("e2", "order.ready", "B-2")
    await heart.tell("e3", "order.ready", "B-1")
    await heart.box.spool.cancel((await heart.message("B-2")).id, actor="Mia", reason="")
    await heart.answer(BUSY)
    await heart.answer(BUSY)
    assert (await heart.states("B-1"))[0] is State.SUPERSEDED
    assert await heart.states("B-2") == [State.CANCELLED]


async def test_what_is_called_off_at_the_provider_and_arrives_has_been_sent(heart: Heart) -> None:
    heart.providers.waits = True
    await heart.tell("e1")
    await heart.box.spool.cancel((await heart.message()).id, actor="Mia", reason="")
    await heart.answer(TOOK)
    assert await heart.states() == [State.SENT]


# ---------------------------------------------------------------- the process


async def test_a_stop_lets_end_what_is_under_way(heart: Heart) -> None:
    await under_way_and_at_the_door(heart)
    heart.providers.waits = False
    await heart.stop(meanwhile=lambda: heart.providers.under_way[0].answer(TOOK))
    await heart.start()
    assert [(one.out.order_ref, one.out.possible_duplicate) for one in heart.providers.arrived] == [
        ("B-1", False),
        ("B-2", False),
    ]


async def test_what_a_stop_cuts_before_it_left_was_no_attempt(heart: Heart) -> None:
    await under_way_and_at_the_door(heart)
    await heart.tell("e3", "refund.issued", "B-3")
    await heart.stop()
    heart.providers.waits = False
    await heart.start()
    await heart.pass_time(30)
    message = await heart.message("B-3")
    assert (message.state, message.attempt_count, message.possible_duplicate) == (State.SENT, 1, False)
    assert (await heart.message("B-2")).possible_duplicate, "that one was at the provider"


async def test_what_a_reload_cut_is_looked_up_by_the_engine_that_follows(heart: Heart, tmp_path: Path) -> None:
    """Nobody starts the process anew: what was cut must not be under way for ever, and its line with it."""
    slow = [{**route, "via": ["twilio"]} if "refund" in route["on"] else route for route in ROUTES]
    await heart.reload(shop(route=slow, channels={**CHANNELS, "twilio": {"concurrency": 1}}))
    heart.providers.waits = True
    await heart.tell("e1", "refund.issued", "B-1")
    await heart.tell("e2", "refund.issued", "B-2")
    await heart.reload(shop(route=slow))
    unknown = (await heart.box.audit.list(kind="attempt.unknown", limit=9)).items
    assert ("B-2", "interrupted") in [(row.order_ref, row.detail["code"]) for row in unknown]
    heart.providers.waits = False
    await heart.pass_time(60)
    assert [await heart.states(ref) for ref in ("B-1", "B-2")] == [[State.DELIVERED], [State.DELIVERED]]


async def test_what_waits_at_a_channel_that_a_reload_takes_away_goes_the_next_way(heart: Heart) -> None:
    heart.providers.will("twilio", Deferred("busy", after=30))
    await heart.tell("e1")
    await heart.tell("e2", "order.delayed", "B-2")
    await heart.reload(shop_without("twilio"))
    assert (heart.providers.texts("modem"), heart.providers.texts("sendgrid")) == (["order.ready"], [])
    await heart.pass_time(121)
    assert heart.providers.texts("sendgrid") == ["order.delayed"], "not before its time"


async def test_a_day_s_texts_that_are_used_up_ask_no_channel_that_is_gone(heart: Heart) -> None:
    await heart.tell("e1", "order.delayed")
    without_mail = {name: table for name, table in CHANNELS.items() if name != "sendgrid"}
    await heart.reload(shop(channels=without_mail, sms={"daily_parts": 0}))
    await heart.pass_time(121)
    message = await heart.message()
    assert (message.state, message.reason.code) == (State.QUEUED, "sms_parts")


async def test_what_comes_to_wait_at_a_channel_that_was_taken_away_goes_the_next_way(heart: Heart) -> None:
    heart.providers.obstacles.add("modem")
    heart.providers.will("twilio", Deferred("busy", after=30))
    await heart.tell("e1")
    await heart.box.spool.hold("B-1", actor="Mia", reason="")
    await heart.reload(shop_without("twilio"))
    await heart.box.spool.release("B-1", actor="Mia", reason="")
    heart.providers.obstacles.clear()
    await heart.pass_time(10)
    assert heart.providers.texts("modem") == ["order.ready"]


async def test_what_has_no_channel_left_fails_where_staff_see_it(heart: Heart) -> None:
    only = {"on": "order.*", "to": "customer", "via": ["twilio"]}
    await heart.reload(shop(route=[only]))
    heart.providers.will("twilio", Deferred("busy", after=30))
    await heart.tell("e1")
    await heart.reload(shop_without("twilio"))
    message = await heart.message()
    assert (message.state, message.reason.code) == (State.FAILED, "not_enabled")


@pytest.mark.parametrize("arrived", [True, False])
async def test_killed_while_a_request_is_under_way(heart: Heart, arrived: bool) -> None:
    heart.providers.waits = True
    await heart.tell("e1")
    if arrived:
        heart.providers.under_way[0].arrive()
    await heart.kill()
    heart.providers.waits = False
    await heart.start()
    await heart.pass_time(1)
    message = await heart.message()
    assert (message.state, message.possible_duplicate, len(heart.providers.arrived)) == (State.SENT, False, 1)


async def test_killed_before_the_answer_is_on_record(heart: Heart) -> None:
    heart.providers.waits = True
    await heart.tell("e1", "refund.issued")
    heart.still.writes_left = 0
    await heart.answer(TOOK)
    await heart.kill()
    heart.providers.waits = False
    await heart.start()
    await heart.pass_time(30)
    assert [request.out.possible_duplicate for request in heart.providers.arrived] == [False, True]


async def test_what_staff_have_tried_again_begins_anew(tmp_path: Path) -> None:
    """It is a mail of its own, and what repeats it is a repeat of that one."""
    by_mail = {"on": "order.*", "to": "customer", "via": ["sendgrid"]}
    async with Heart(tmp_path, shop(route=[by_mail])) as heart:
        heart.providers.will("sendgrid", *[Unknown("HTTP 500", code="500")] * 2, BUSY)
        await heart.tell("e1")
        await heart.pass_time(900)
        assert await heart.states() == [State.UNKNOWN]
        await heart.box.spool.retry((await heart.message()).id, actor="Mia")
        await heart.pass_time(900)
        tries = [(one.out.attempt, one.out.first_try) for one in heart.providers.left]
        assert tries == [(1, 1), (2, 1), (3, 3), (4, 3)]
