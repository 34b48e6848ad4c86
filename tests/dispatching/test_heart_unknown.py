"""The heart of the service where nobody knows what became of a message: what may have arrived is not told twice, and not given up."""

import threading
from pathlib import Path
from typing import Any

import pytest

from daemon.channels.base import ReceiptUpdate, Sent
from daemon.dispatch.fallback import REPEAT_AFTER
from daemon.dispatch.ways import Ways
from outbox.errors import StorageBusy
from outbox.model import Message, State
from outbox.outcome import Absent, CannotTell, Found, Lookup, ReceiptState
from tests.support.heart import CHANNELS, ROUTES, Heart, shop
from tests.support.scripted import BUSY, CUT, NO_CREDIT, NOT_THEM, TOOK, Twilio

UNDELIVERED = ReceiptState.UNDELIVERED


async def test_what_is_not_known_is_looked_up_and_not_sent_again_where_it_arrived(heart: Heart) -> None:
    heart.providers.will("twilio", CUT, arrives=True)
    await heart.tell("e1")
    assert await heart.states() == [State.UNKNOWN]
    await heart.pass_time(5)
    assert await heart.states() == [State.SENT]
    assert len(heart.providers.left) == 1


async def test_another_text_to_the_same_number_is_not_taken_for_one_that_did_not_arrive(heart: Heart) -> None:
    """A provider that lists neither text nor reference of ours: all that it can be asked is what went to a number at a time."""

    async def by_number(sent: Sent) -> Lookup:
        listed = [one for one in heart.providers.arrived if one.provider_id not in sent.others]
        return Found(listed[0].provider_id) if listed else Absent()

    channel: Any = heart.engine.lanes["twilio"].channel
    channel.lookup = by_number
    heart.providers.will("twilio", CUT)
    await heart.tell("e1", ref="B-1")
    await heart.tell("e2", ref="B-2")
    await heart.pass_time(5)
    assert [request.out.order_ref for request in heart.providers.arrived] == ["B-2", "B-1"]
    assert [await heart.states(ref) for ref in ("B-1", "B-2")] == [[State.SENT], [State.SENT]]


@pytest.mark.parametrize("arrives", [(False, True), (True, False)])
async def test_of_two_to_one_number_neither_is_taken_for_the_other(heart: Heart, arrives: tuple[bool, bool]) -> None:
    """The line hung over both. One of them was never told, and the other twice without a mark."""

    async def by_number(sent: Sent) -> Lookup:
        listed = [one for one in heart.providers.arrived if one.provider_id not in sent.others]
        if listed and len(listed) <= sent.rivals:
            return CannotTell("it may be the other", again=60)
        return Found(listed[0].provider_id) if listed else Absent()

    channel: Any = heart.engine.lanes["twilio"].channel
    channel.lookup = by_number
    for ref, has_arrived in zip(("B-1", "B-2"), arrives, strict=True):
        heart.providers.will("twilio", CUT, arrives=has_arrived)
        await heart.tell(ref, ref=ref)
    await heart.pass_time(2 * 86_400)
    assert {request.out.order_ref for request in heart.providers.arrived} == {"B-1", "B-2"}


async def test_what_a_lookup_found_is_followed_to_its_delivery(heart: Heart) -> None:
    heart.providers.will("twilio", CUT, arrives=True)
    await heart.tell("e1")
    await heart.pass_time(5)
    assert await heart.states() == [State.SENT]
    await heart.pass_time(11)
    assert await heart.states() == [State.DELIVERED]


async def test_what_a_lookup_found_undelivered_goes_another_way(heart: Heart, monkeypatch: pytest.MonkeyPatch) -> None:
    """A modem's status report that tells both that the network took it and that it gave up is not said again."""
    monkeypatch.setattr(Twilio, "poll", None)
    monkeypatch.setattr(heart.providers, "look_up", lambda reference, **_: Found("P1", UNDELIVERED))
    heart.providers.will("twilio", CUT)
    await heart.tell("e1")
    await heart.pass_time(10)
    message = await heart.message()
    assert (message.state, message.channel) == (State.SENT, "modem")
    assert [attempt.receipt for attempt in await heart.attempts(message)][:1] == [UNDELIVERED]


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
    await heart.pass_time(REPEAT_AFTER + 10)
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


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("answer", [TOOK, CUT])
async def test_an_opt_out_that_is_told_before_the_answer_stops_every_text(
    heart: Heart, monkeypatch: pytest.MonkeyPatch, answer: Any, busy: bool
) -> None:
    """A provider that blocks a number posts so at once, by its own id alone: it is not to be texted another way, though the database is busy
    just when the answer is there."""
    settle, tries = heart.box.spool.settle, []

    async def settle_in_the_end(*of: Any, **how: Any) -> Message:
        tries.append(of)
        if busy and len(tries) == 1:
            raise StorageBusy("another program holds the database")
        return await settle(*of, **how)

    monkeypatch.setattr(heart.box.spool, "settle", settle_in_the_end)
    heart.providers.waits = True
    await heart.tell("e1")
    await _opts_out_early(heart)
    heart.providers.waits = False
    await heart.answer(answer, arrives=True)
    await heart.pass_time(8)
    assert await heart.box.consent.blocked("sms", "+447700900123") is not None
    assert [one.channel for one in heart.providers.left] == ["twilio", "sendgrid"]


async def test_an_opt_out_that_is_told_before_the_answer_outlives_a_power_cut(heart: Heart) -> None:
    heart.providers.waits = True
    await heart.tell("e1")
    await _opts_out_early(heart)
    heart.providers.under_way[0].arrive()
    await heart.kill()
    heart.providers.waits = False
    await heart.start()
    await heart.pass_time(8)
    assert await heart.box.consent.blocked("sms", "+447700900123") is not None
    await heart.tell("e2", ref="B-2")
    assert [one.channel for one in heart.providers.left] == ["twilio", "sendgrid", "sendgrid"]


async def _opts_out_early(heart: Heart) -> None:
    (request,) = heart.providers.under_way
    channel = heart.engine.lanes["twilio"].channel
    assert channel is not None
    early = ReceiptUpdate(state=UNDELIVERED, provider_id=request.provider_id, code="21610", opted_out=True)
    await heart.engine.receipts.apply(channel, early)


async def test_what_came_too_late_leaves_when_staff_send_it_again(tmp_path: Path) -> None:
    """They know what they do: it expired again in the same moment, and the key seemed to do nothing."""
    route = {"on": "order.*", "to": "customer", "via": ["twilio"], "expires": "10m"}
    async with Heart(tmp_path, shop(route=[route])) as heart:
        await heart.engine.board.pause("twilio", reason="", actor="Mia")
        await heart.tell("e1")
        await heart.pass_time(700)
        assert await heart.states() == [State.EXPIRED]
        await heart.box.spool.retry((await heart.message()).id, actor="Mia")
        await heart.engine.board.resume("twilio", actor="Mia")
        await heart.still()
        assert heart.providers.texts("twilio") == ["order.ready"]


async def test_what_its_provider_says_it_took_is_not_sent_again(heart: Heart) -> None:
    """Its answer never came; its first receipt did, before or after we gave up waiting."""
    heart.providers.waits = True
    await heart.tell("e1", "refund.issued", "B-1")
    (early,) = heart.providers.under_way
    await heart.receipt(early, ReceiptState.SENT)
    await heart.answer(CUT, arrives=True)
    await heart.tell("e2", "payment.failed", "B-2")
    await heart.answer(CUT, arrives=True)
    await heart.receipt(heart.providers.arrived[-1], ReceiptState.SENT)
    heart.providers.waits = False
    await heart.pass_time(60)
    assert [await heart.states(ref) for ref in ("B-1", "B-2")] == [[State.SENT], [State.SENT]]
    assert len(heart.providers.left) == 2


@pytest.mark.parametrize("again", [BUSY, CUT])
async def test_what_was_delivered_while_it_was_repeated_is_not_repeated_again(heart: Heart, again: Any) -> None:
    heart.providers.waits = True
    await heart.tell("e1", "refund.issued")
    await heart.answer(CUT, arrives=True)
    await heart.pass_time(REPEAT_AFTER + 3)
    await heart.receipt(heart.providers.arrived[0], ReceiptState.DELIVERED)
    await heart.answer(again)
    heart.providers.waits = False
    await heart.pass_time(60)
    assert (await heart.states(), len(heart.providers.left)) == ([State.DELIVERED], 2)


async def test_an_old_status_that_could_not_be_delivered_is_not_told_after_a_newer_one(heart: Heart) -> None:
    await heart.tell("e1", "order.in_production")
    await heart.tell("e2", "order.ready")
    old = heart.providers.arrived[0]
    await heart.receipt(old, UNDELIVERED)
    assert heart.providers.texts() == ["order.in_production", "order.ready"]
    assert (await heart.states())[0] is State.SUPERSEDED


async def test_what_is_settled_by_the_time_that_it_turns_out_undelivered_is_not_told_another_way(heart: Heart) -> None:
    """They have paid: to be asked for it once more, they would pay twice."""
    await heart.tell("e1", "payment.failed")
    await heart.tell("e2", "payment.confirmed")
    await heart.receipt(heart.providers.arrived[0], UNDELIVERED)
    assert heart.providers.texts() == ["payment.failed", "payment.confirmed"]
    assert (await heart.states())[0] is State.SUPERSEDED


@pytest.mark.parametrize(
    ("told", "since"),
    [
        ("order.ready", "order.in_production"),
        ("order.ready", "order.deleted"),
        ("payment.failed", "order.cancelled"),
        ("payment.failed", "order.placed"),
    ],
)
async def test_what_is_not_so_any_more_goes_no_other_way(tmp_path: Path, told: str, since: str) -> None:
    """It left, and comes back undelivered; of what came since this store tells its team alone."""
    routes = [
        {"on": told, "to": "customer", "via": ["twilio", "sendgrid"]},
        {"on": since, "to": "team", "via": ["webhook"]},
    ]
    async with Heart(tmp_path, shop(route=routes, planning={"default_routes": False})) as heart:
        await heart.tell("e0", "order.confirmed")
        await heart.tell("e1", told)
        await heart.pass_time(1)
        await heart.tell("e2", since)
        (left,) = [one for one in heart.providers.arrived if one.channel == "twilio"]
        await heart.receipt(left, UNDELIVERED)
        await heart.pass_time(60)
        assert told not in heart.providers.texts("sendgrid")


async def test_a_cancellation_is_told_another_way_though_the_order_is_deleted_since(tmp_path: Path) -> None:
    route = {"on": "order.cancelled", "to": "customer", "via": ["twilio", "sendgrid"]}
    async with Heart(tmp_path, shop(route=[route])) as heart:
        await heart.tell("e1", "order.cancelled")
        await heart.tell("e2", "order.deleted")
        await heart.receipt(heart.providers.arrived[0], UNDELIVERED)
        await heart.still()
        assert heart.providers.texts("sendgrid") == ["order.cancelled"]


async def test_what_a_newer_status_was_to_replace_goes_another_way_where_that_one_failed(tmp_path: Path) -> None:
    routes = [
        {"on": "order.confirmed", "to": "customer", "via": ["twilio", "sendgrid"]},
        {"on": "order.delayed", "to": "customer", "via": ["vonage"]},
    ]
    async with Heart(tmp_path, shop(route=routes)) as heart:
        heart.providers.waits = True
        await heart.tell("e1", "order.confirmed")
        await heart.tell("e2", "order.delayed")
        await heart.answer(TOOK)
        await heart.answer(NOT_THEM)
        heart.providers.waits = False
        await heart.receipt(heart.providers.left[0], UNDELIVERED)
        await heart.pass_time(60)
        assert heart.providers.texts("sendgrid") == ["order.confirmed"]


async def test_another_source_s_order_does_not_hide_that_a_payment_failed(heart: Heart) -> None:
    for channel in ("sendgrid", "vonage"):
        await heart.engine.board.pause(channel, reason="", actor="Mia")
    await heart.tell("e1", "payment.failed", source="webshop")
    await heart.tell("e2", "order.placed", source="erp")
    for channel in ("sendgrid", "vonage"):
        await heart.engine.board.resume(channel, actor="Mia")
    await heart.still()
    assert "payment.failed" in heart.providers.texts()


async def test_what_staff_stopped_as_it_left_is_not_told_another_way(heart: Heart) -> None:
    heart.providers.waits = True
    await heart.tell("e1")
    await heart.box.spool.cancel((await heart.message()).id, actor="Mia", reason="she rang")
    await heart.answer(TOOK, arrives=True)
    assert await heart.states() == [State.SENT]
    await heart.receipt(heart.providers.arrived[0], UNDELIVERED)
    await heart.pass_time(60)
    assert (await heart.states(), len(heart.providers.left)) == ([State.CANCELLED], 1)


async def test_a_late_failure_of_an_earlier_try_moves_nothing(heart: Heart) -> None:
    heart.providers.will("vonage", CUT, arrives=True)
    await heart.tell("e1", "refund.issued")
    await heart.pass_time(REPEAT_AFTER + 10)
    first, _ = heart.providers.arrived
    await heart.receipt(first, UNDELIVERED)
    assert await heart.states() == [State.SENT]
    assert len(heart.providers.left) == 2


async def test_the_loop_alone_judges_which_channels_can_be_used(heart: Heart, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt is applied by the writer's thread, for which a lane's day must not be counted."""
    seen: set[str] = set()
    is_usable = Ways.is_usable

    def watched(ways: Ways, name: str) -> bool:
        seen.add(threading.current_thread().name)
        return is_usable(ways, name)

    monkeypatch.setattr(Ways, "is_usable", watched)
    await heart.tell("e1")
    await heart.receipt(heart.providers.arrived[0], UNDELIVERED)
    assert heart.providers.texts("modem") == ["order.ready"]
    assert seen == {"MainThread"}


async def test_what_the_modem_left_in_doubt_is_looked_up_while_many_others_wait_for_the_line(tmp_path: Path) -> None:
    """Twenty of the cloud's came first each time, and were not asked for: its own text was not sent again for the whole outage."""
    by_both = [
        {"on": "order.*", "to": "customer", "via": ["twilio"]},
        {"on": "refund.*", "to": "customer", "via": ["modem"]},
    ]
    channels = {**CHANNELS, "twilio": {"concurrency": 25, "rate": "100/s"}}
    async with Heart(tmp_path, shop(route=[*by_both, ROUTES[2]], channels=channels)) as heart:
        heart.providers.will("twilio", *[CUT] * 25)
        for number in range(25):
            await heart.tell(f"e{number}", ref=f"B-{number + 1}")
        heart.providers.line_is_cut = True
        await heart.pass_time(10)
        assert heart.engine.uplink.is_down
        heart.providers.will("modem", CUT)
        await heart.tell("r1", "refund.issued", "B-99")
        await heart.pass_time(120)
        assert heart.providers.texts("modem") == ["refund.issued"]
