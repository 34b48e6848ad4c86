"""One message's way through the heart of a store: what its customer gets when lines break, providers fail, staff change their mind and
the process ends in the middle."""

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from daemon.dispatch.breaker import FIRST_WAIT, THRESHOLD
from outbox.model import State
from outbox.outcome import Deferred, ReceiptState
from tests.support.heart import CHANNELS, ROUTES, Heart, shop
from tests.support.outbox_box import PHONE
from tests.support.scripted import BUSY, CUT, MISTAKE, NO_CREDIT, NOT_THEM, SHORT, SLOWER, TOOK

UNDELIVERED = ReceiptState.UNDELIVERED


@pytest.fixture
async def heart(tmp_path: Path) -> AsyncIterator[Heart]:
    async with Heart(tmp_path) as heart:
        yield heart


async def cut_the_line(heart: Heart) -> None:
    """And the store knows it: a message revealed it, and waits."""
    heart.providers.line_is_cut = True
    await heart.tell("reveals", "payment.failed", "B-0")
    assert heart.engine.uplink.is_down


# ---------------------------------------------------------------- providers


async def test_a_message_goes_out_at_once_and_is_followed_to_its_delivery(heart: Heart) -> None:
    await heart.tell("e1")
    assert heart.providers.texts("twilio") == ["order.ready"]
    assert await heart.states() == [State.SENT]
    await heart.pass_time(10)
    assert await heart.states() == [State.DELIVERED]


async def test_a_busy_provider_is_tried_again_ever_later_and_not_for_ever(heart: Heart) -> None:
    heart.providers.will("vonage", *[BUSY] * 20)
    heart.rng.random = lambda: 1.0  # type: ignore[method-assign]  # the longest of each wait
    await heart.tell("e1", "refund.issued")
    tries = []
    for _ in range(700):
        if (await heart.message()).state is State.FAILED:
            break
        await heart.pass_time(1)
        tries.append(len(heart.providers.left))
    starts = [tries.index(n) for n in range(2, tries[-1] + 1) if n in tries]
    assert starts[:3] == [1, 5, 13], "2 s, then 4, then 8"
    message = await heart.message()
    assert (message.state, message.reason.code, message.attempt_count) == (State.FAILED, "gave_up", 8)


async def test_retry_after_is_heeded_and_costs_the_breaker_nothing(heart: Heart) -> None:
    heart.providers.will("vonage", SLOWER)
    await heart.tell("e1", "refund.issued")
    await heart.pass_time(6)
    assert len(heart.providers.left) == 1
    await heart.pass_time(1.5)
    assert await heart.states() == [State.SENT]
    assert heart.engine.lanes["vonage"].state == "ready"


async def test_the_breaker_opens_lets_one_probe_through_and_closes(heart: Heart) -> None:
    heart.providers.will("webhook", *[BUSY] * (THRESHOLD + 1))
    for n in range(THRESHOLD):
        await heart.tell(f"e{n}", "return.received", f"B-{n}")
    lane = heart.engine.lanes["webhook"]
    assert lane.state == "open"
    left = len(heart.providers.left)
    await heart.pass_time(FIRST_WAIT - 1)
    assert len(heart.providers.left) == left, "nothing is tried while it is open"
    await heart.pass_time(1.1)
    assert len(heart.providers.left) == left + 1, "one probe, whatever waits"
    await heart.pass_time(2 * FIRST_WAIT - 1)
    assert len(heart.providers.left) == left + 1, "it failed: twice as long"
    await heart.pass_time(2)
    assert lane.state == "ready"
    await heart.pass_time(60)
    assert sorted(heart.providers.texts("webhook")) == ["return.received"] * THRESHOLD


async def test_patience_ends_on_the_next_channel_and_only_its_own_channel_is_given_up(heart: Heart) -> None:
    heart.providers.will("twilio", *[Deferred("busy", after=200)] * 9)
    await heart.tell("e1")
    await heart.pass_time(590)
    assert heart.providers.arrived == []
    await heart.pass_time(20)
    assert [request.channel for request in heart.providers.arrived] == ["modem"]


async def test_what_this_machine_lacks_counts_for_nothing(heart: Heart) -> None:
    heart.providers.will("twilio", *[SHORT] * 5)
    await heart.tell("e1")
    await heart.pass_time(60)
    message = await heart.message()
    assert (message.channel, message.attempt_count, message.possible_duplicate) == ("twilio", 1, False)


async def test_a_refusal_moves_on_at_once_and_one_of_the_channel_pauses_it(heart: Heart) -> None:
    heart.providers.will("twilio", NOT_THEM, NO_CREDIT)
    await heart.tell("e1", ref="B-1")
    await heart.tell("e2", ref="B-2")
    await heart.pass_time(30)
    assert [request.channel for request in heart.providers.arrived] == ["modem", "modem"]
    assert [(await heart.message(ref)).attempt_count for ref in ("B-1", "B-2")] == [2, 1]
    lane = heart.engine.lanes["twilio"]
    assert lane.state == "paused"
    await heart.pass_time(31)
    await heart.tell("e3", ref="B-3")
    assert heart.providers.arrived[-1].channel == "twilio", "its quota has renewed"


async def test_a_channels_own_mistake_may_have_come_after_it_wrote(heart: Heart) -> None:
    heart.providers.will("twilio", MISTAKE, arrives=True)
    await heart.tell("e1")
    first, second = heart.providers.arrived
    assert (first.channel, second.channel) == ("twilio", "modem")
    assert second.out.possible_duplicate
    assert (await heart.message()).possible_duplicate


# ---------------------------------------------------------------- what may have arrived


async def test_what_is_not_known_is_looked_up_and_not_sent_again_where_it_arrived(heart: Heart) -> None:
    heart.providers.will("twilio", CUT, arrives=True)
    await heart.tell("e1")
    assert await heart.states() == [State.UNKNOWN]
    await heart.pass_time(5)
    assert await heart.states() == [State.SENT]
    assert len(heart.providers.left) == 1


async def test_what_surely_did_not_arrive_goes_out_again_without_a_mark(heart: Heart) -> None:
    heart.providers.will("twilio", CUT)
    await heart.tell("e1")
    await heart.pass_time(5)
    message = await heart.message()
    assert (message.state, message.possible_duplicate, len(heart.providers.arrived)) == (State.SENT, False, 1)


async def test_what_never_arrives_is_put_off_and_goes_another_way_in_the_end(heart: Heart) -> None:
    """Where a box in between cuts every request, looking up each would go on for ever."""
    heart.providers.will("twilio", *[CUT] * 50)
    await heart.tell("e1")
    await heart.pass_time(60)
    assert len(heart.providers.left) < 9, "not every five seconds"
    await heart.pass_time(1500)
    message = await heart.message()
    assert message.state is State.FAILED or message.channel != "twilio"
    assert len(heart.providers.left) <= heart.settings.retry.max_attempts + 1


async def test_the_route_decides_what_nobody_can_look_up(heart: Heart) -> None:
    heart.providers.will("vonage", CUT, arrives=True)
    await heart.tell("e1", "refund.issued", "B-1")
    heart.providers.will("sendgrid", CUT, arrives=True)
    await heart.tell("e2", "payment.failed", "B-2")
    await heart.pass_time(60)
    again, asked = await heart.message("B-1"), await heart.message("B-2")
    assert (again.state, again.possible_duplicate) == (State.SENT, True)
    assert [request.out.possible_duplicate for request in heart.providers.arrived] == [False, False, True]
    assert (asked.state, asked.reason.code) == (State.UNKNOWN, "staff_decide")


async def test_a_repeat_that_is_harmless_at_one_channel_is_none_at_another(heart: Heart) -> None:
    heart.providers.will("webhook", CUT, arrives=True)
    heart.providers.will("webhook", NO_CREDIT)
    await heart.tell("e1", "return.received")
    await heart.pass_time(10)
    assert [(one.channel, one.out.possible_duplicate) for one in heart.providers.arrived] == [
        ("webhook", False),
        ("sendgrid", True),
    ]


@pytest.mark.parametrize("end", ["cancelled", "gave_up"])
async def test_what_staff_send_again_carries_its_mark_whatever_became_of_it_meanwhile(heart: Heart, end: str) -> None:
    if end == "cancelled":
        heart.providers.will("sendgrid", CUT, arrives=True)
        await heart.tell("e1", "payment.failed")
        id = (await heart.message()).id
        await heart.box.spool.cancel(id, actor="Mia", reason="")
    else:
        heart.providers.will("vonage", *[BUSY] * 7)
        heart.providers.will("vonage", CUT, arrives=True)
        await heart.tell("e1", "refund.issued")
        await heart.pass_time(590)
        id = (await heart.message()).id
        assert (await heart.message()).state is State.FAILED
    await heart.box.spool.retry(id, actor="Mia")
    await heart.pass_time(1)
    assert [one.out.possible_duplicate for one in heart.providers.arrived] == [False, True]


async def test_an_answer_that_can_not_be_had_is_given_up_whatever_the_wall_clock_says(heart: Heart) -> None:
    heart.providers.answers_lookups = False
    heart.providers.will("twilio", CUT)
    await heart.tell("e1")
    await heart.pass_time(10)
    await heart.step_clock(-86_400)
    await heart.pass_time(1000)
    message = await heart.message()
    assert (message.state, message.possible_duplicate) == (State.DELIVERED, True)


async def test_a_receipt_that_came_before_its_answer_is_heeded(heart: Heart) -> None:
    heart.providers.waits = True
    await heart.tell("e1")
    (request,) = heart.providers.under_way
    request.arrive()
    await heart.receipt(request, ReceiptState.DELIVERED)
    await heart.answer(TOOK)
    assert await heart.states() == [State.DELIVERED]


async def test_an_old_status_that_could_not_be_delivered_is_not_told_after_a_newer_one(heart: Heart) -> None:
    await heart.tell("e1", "order.in_production")
    await heart.tell("e2", "order.ready")
    old = heart.providers.arrived[0]
    await heart.receipt(old, UNDELIVERED)
    assert heart.providers.texts() == ["order.in_production", "order.ready"]
    assert (await heart.states())[0] is State.SUPERSEDED


async def test_a_late_failure_of_an_earlier_try_moves_nothing(heart: Heart) -> None:
    heart.providers.will("vonage", CUT, arrives=True)
    await heart.tell("e1", "refund.issued")
    await heart.pass_time(10)
    first, _ = heart.providers.arrived
    await heart.receipt(first, UNDELIVERED)
    assert await heart.states() == [State.SENT]
    assert len(heart.providers.left) == 2


async def test_the_loop_alone_judges_which_channels_can_be_used(heart: Heart, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt is applied by the writer's thread, for which a lane's day must not be counted."""
    seen: set[str] = set()
    usable = type(heart.engine.dispatcher).usable

    def watched(dispatcher: Any, name: str) -> bool:
        seen.add(threading.current_thread().name)
        return usable(dispatcher, name)

    monkeypatch.setattr(type(heart.engine.dispatcher), "usable", watched)
    await heart.tell("e1")
    await heart.receipt(heart.providers.arrived[0], UNDELIVERED)
    assert heart.providers.texts("modem") == ["order.ready"]
    assert seen == {"MainThread"}


# ---------------------------------------------------------------- the line


async def test_an_outage_burns_nothing(heart: Heart) -> None:
    await cut_the_line(heart)
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
    await cut_the_line(heart)
    await heart.pass_time(60)
    assert heart.providers.asked == []
    heart.providers.line_is_cut = False
    await heart.pass_time(30)
    assert await heart.states() != [State.UNKNOWN]
    assert len([one for one in heart.providers.left if one.channel == "twilio"]) == 1


async def test_the_modem_takes_a_text_out_of_its_turn_and_gives_it_back(heart: Heart) -> None:
    await cut_the_line(heart)
    await heart.tell("e1")
    await heart.pass_time(50)
    assert heart.providers.texts() == [], "the line may come back"
    heart.providers.will("modem", Deferred("no answer from the network", after=100))
    await heart.pass_time(20)
    message = await heart.message()
    assert (message.state, message.channel) == (State.QUEUED, "twilio"), "it could not, and the way back is open"
    heart.providers.line_is_cut = False
    await heart.pass_time(120)
    assert (await heart.message()).channel == "twilio"
    assert heart.providers.texts().count("order.ready") == 1


async def test_the_modem_keeps_what_it_sent(heart: Heart) -> None:
    await cut_the_line(heart)
    await heart.tell("e1")
    await heart.pass_time(70)
    assert heart.providers.texts("modem").count("order.ready") == 1
    heart.providers.line_is_cut = False
    await heart.pass_time(600)
    message = await heart.message()
    assert (message.state, message.channel) == (State.SENT, "modem")
    assert heart.providers.texts().count("order.ready") == 1


async def test_patience_does_not_run_while_the_line_is_down(heart: Heart) -> None:
    await cut_the_line(heart)
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
    assert (message.state, message.attempt_count) == (State.CANCELLED, 0)


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


async def test_its_channel_is_paused_while_it_waits_for_room(heart: Heart) -> None:
    await under_way_and_at_the_door(heart)
    await heart.engine.board.pause("vonage", reason="", actor="Mia")
    await heart.answer(TOOK)
    assert [(one.channel, one.out.order_ref) for one in heart.providers.left] == [("vonage", "B-1"), ("modem", "B-2")]
    assert len(await heart.attempts(await heart.message("B-2"))) == 1


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


# ---------------------------------------------------------------- the clock


async def test_waits_move_with_a_stepped_clock(heart: Heart) -> None:
    await heart.tell("e1", "order.delayed", "B-1")
    heart.providers.will("vonage", Deferred("busy", after=60))
    await heart.tell("e2", "refund.issued", "B-2")
    await heart.step_clock(-7 * 86_400)
    await heart.pass_time(121)
    assert sorted(heart.providers.texts()) == ["order.delayed", "refund.issued"]


async def test_nothing_expires_by_a_clock_that_jumped_unconfirmed(heart: Heart) -> None:
    heart.synchronised = False
    await cut_the_line(heart)
    heart.providers.obstacles.add("modem")
    await heart.tell("e1")
    await heart.step_clock(86_400)
    await heart.pass_time(120)
    assert await heart.states() == [State.QUEUED]
    heart.synchronised = True
    await heart.pass_time(120)
    assert await heart.states() == [State.EXPIRED]


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


async def test_what_a_reload_takes_away_goes_the_next_way(heart: Heart) -> None:
    heart.providers.obstacles.add("modem")
    heart.providers.will("twilio", Deferred("busy", after=30))
    await heart.tell("e1")
    await heart.reload(shop(channels={name: table for name, table in CHANNELS.items() if name != "twilio"}))
    heart.providers.obstacles.clear()
    await heart.pass_time(60)
    assert await heart.states() != [State.SENT]


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
