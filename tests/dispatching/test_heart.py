"""One message's way through the heart of a store: what its customer gets when providers fail."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from daemon.channels.base import Channel, Reply
from daemon.dispatch.breaker import FIRST_WAIT, THRESHOLD
from daemon.dispatch.prepare import Preparer
from outbox.model import Due, Rendered, State
from outbox.outcome import Deferred, ReceiptState, Rejected, Scope
from tests.support.heart import CHANNELS, ROUTES, Heart, shop
from tests.support.scripted import BUSY, MISTAKE, NO_CREDIT, NOT_THEM, SHORT, SLOWER, TOOK

UNDELIVERED = ReceiptState.UNDELIVERED


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


async def test_one_that_may_have_gone_out_all_the_same_waits_longer_than_the_others(heart: Heart) -> None:
    """All mail waited two minutes at each "too many", where ten seconds were asked for."""
    heart.providers.will("vonage", Deferred("too many requests", code="429", after=10, again=120, throttled=True))
    for n in range(3):
        await heart.tell(f"e{n}", "refund.issued", f"B-{n}")
    await heart.pass_time(15)
    assert [request.out.order_ref for request in heart.providers.arrived] == ["B-1", "B-2"]
    await heart.pass_time(104)
    assert len(heart.providers.arrived) == 2
    await heart.pass_time(2)
    assert heart.providers.arrived[-1].out.order_ref == "B-0"


async def test_who_says_too_many_and_at_once_is_left_alone_all_the_same(heart: Heart) -> None:
    """Retry-After: 0, or a reset that is over by a second: taken at its word it would use up all tries within a second."""
    heart.providers.will("vonage", *[Deferred("too many requests", code="429", after=0.0, throttled=True)] * 7)
    await heart.tell("e1", "refund.issued")
    await heart.pass_time(6)
    assert len(heart.providers.left) == 3, "after 1 s, then 2, then 4"
    await heart.pass_time(125)
    assert await heart.states() == [State.SENT]


async def test_one_who_has_had_enough_for_the_moment_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    """Thirty orders of a Saturday morning, each with a word to the team: every customer waited at each "too many to this number"."""
    enough = Deferred("too many to this number", code="131056", after=10, recipient=True)
    team = {"on": "order.placed", "to": "team", "via": ["webhook"]}
    customer = {"on": "order.ready", "to": "customer", "via": ["webhook"]}
    async with Heart(tmp_path, shop(route=[team, customer])) as heart:
        heart.providers.will("webhook", *[enough] * 20)
        for n in range(10):
            await heart.tell(f"e{n}", "order.placed", f"B-{n}")
        heart.providers.script["webhook"].clear()
        await heart.tell("e99", "order.ready", "B-99")
        assert heart.providers.texts() == ["order.ready"]
        assert heart.engine.lanes["webhook"].state == "ready"
        await heart.pass_time(9)
        assert heart.providers.texts() == ["order.ready"]
        await heart.pass_time(10)
        assert heart.providers.texts() == ["order.ready"] + ["order.placed"] * 10
        placed = [one for one in heart.providers.left if one.out.trigger == "order.placed"][10:]
        assert len({one.out.now for one in placed}) > 1, "not all at one moment again"


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


async def test_who_waits_behind_a_long_rest_has_patience_too(heart: Heart) -> None:
    """The one that was told to come back in an hour went another way after ten minutes; the others waited the hour."""
    heart.providers.will("twilio", Deferred("too many requests", code="429", after=3600, throttled=True))
    for n in range(3):
        await heart.tell(f"e{n}", ref=f"B-{n}")
    await heart.pass_time(590)
    assert heart.providers.texts("modem") == []
    await heart.pass_time(70)
    assert heart.providers.texts("modem") == ["order.ready"] * 3


async def test_one_that_asks_for_half_a_day_of_rest_is_shown_told_and_passed_by(heart: Heart) -> None:
    """It was "ready" for twelve hours, and nobody heard why nothing went; what another channel refused waited there as well."""
    heart.providers.will("modem", Deferred("the day's quota is used up", code="429", after=43200, throttled=True))
    heart.providers.will("vonage", NOT_THEM)
    heart.providers.will("twilio", NOT_THEM)
    await heart.tell("e1", "refund.issued")
    (modem,) = [row for row in await heart.engine.board.board() if row.name == "modem"]
    assert modem.state == "open"
    assert modem.reason == (
        "throttled: it asked for 12 h of rest, and is then tried with one at a time (the day's quota is used up)"
    )
    told = [row.detail for row in (await heart.box.audit.list(kind="channel.changed", limit=9)).items]
    assert told == [{"channel": "modem", "state": "open", "why": "is throttled: the day's quota is used up"}]
    await heart.tell("e2", ref="B-2")
    assert heart.providers.texts("sendgrid") == ["order.ready"], "past the one that rests"
    await heart.pass_time(43210)
    assert heart.providers.texts("modem") == ["refund.issued"]
    assert heart.engine.lanes["modem"].state == "ready"


async def test_one_that_has_rested_is_ready_again_though_nothing_waits_there(heart: Heart) -> None:
    heart.providers.will("twilio", Deferred("too many requests", code="429", after=900, throttled=True))
    await heart.tell("e1")
    await heart.pass_time(890)
    assert (heart.providers.texts("modem"), heart.engine.lanes["twilio"].state) == (["order.ready"], "open")
    await heart.pass_time(11)
    assert heart.engine.lanes["twilio"].state == "ready"


async def test_what_was_fetched_for_a_channel_that_fails_is_free_to_go_another_way(heart: Heart) -> None:
    await heart.engine.board.pause("twilio", reason="", actor="Mia")
    await heart.engine.board.pause("modem", reason="", actor="Mia")
    await heart.engine.board.pause("sendgrid", reason="", actor="Mia")
    for n in range(10):
        await heart.tell(f"e{n}", ref=f"B-{n}")
    heart.providers.will("twilio", *[Deferred("busy", after=2000)] * 50)
    await heart.engine.board.resume("twilio", actor="Mia")
    await heart.engine.board.resume("sendgrid", actor="Mia")
    await heart.pass_time(670)
    assert len(heart.providers.texts("sendgrid")) == 10


async def test_what_is_planned_for_later_waits_for_its_time_wherever_it_goes_meanwhile(tmp_path: Path) -> None:
    late = {"on": "order.delayed", "to": "customer", "via": ["twilio", "vonage", "sendgrid"], "delay": "2m"}
    async with Heart(tmp_path, shop(route=[late])) as heart:
        await heart.tell("e1", "order.delayed")
        for channel in ("twilio", "vonage"):
            await heart.engine.board.pause(channel, reason="", actor="Mia")
            await heart.pass_time(50)
        assert heart.providers.left == []
        await heart.pass_time(21)
        assert [request.channel for request in heart.providers.arrived] == ["sendgrid"]


@pytest.mark.parametrize(("expires", "channel"), [("4h", "sendgrid"), ("12h", "twilio")])
async def test_what_would_not_outlive_the_quiet_hours_goes_where_none_are(
    tmp_path: Path, expires: str, channel: str
) -> None:
    """The provider was busy until they began: nobody would have been told at all."""
    route = {"on": "order.*", "to": "customer", "via": ["twilio", "vonage", "sendgrid"], "expires": expires}
    quiet = {"from": "10:16", "to": "16:00", "media": ["sms"]}
    async with Heart(tmp_path, shop(route=[route], quiet_hours=quiet)) as heart:
        heart.providers.will("twilio", Deferred("busy", after=90))
        await heart.tell("e1")
        await heart.pass_time(100)
        assert (heart.providers.texts("sendgrid") == ["order.ready"]) == (channel == "sendgrid")
        message = await heart.message()
        assert (message.channel, heart.providers.texts("vonage")) == (channel, [])


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


@pytest.mark.parametrize("late", [False, True])
async def test_what_can_only_go_by_a_paused_channel_waits_for_it(heart: Heart, late: bool) -> None:
    """Its number is wrong, by the answer or by the receipt: the mail waits until the channel of mails is resumed."""
    await heart.engine.board.pause("sendgrid", reason="", actor="Mia")
    await heart.engine.board.pause("modem", reason="", actor="Mia")
    heart.providers.will("modem", NOT_THEM)
    heart.providers.will("twilio", TOOK if late else NOT_THEM)
    await heart.tell("e1")
    if late:
        await heart.receipt(heart.providers.arrived[0], UNDELIVERED)
    await heart.engine.board.resume("modem", actor="Mia")
    await heart.pass_time(70)
    assert await heart.states() == [State.QUEUED]
    await heart.engine.board.resume("sendgrid", actor="Mia")
    await heart.still()
    assert heart.providers.texts("sendgrid") == ["order.ready"]


async def test_what_fails_after_midnight_gives_the_new_day_no_more_room(tmp_path: Path) -> None:
    one_a_day = shop(channels={**CHANNELS, "vonage": {"concurrency": 2, "daily_limit": 1}}, route=[ROUTES[4]])
    async with Heart(tmp_path, one_a_day) as heart:
        heart.providers.obstacles.add("modem")
        await heart.pass_time(13 * 3600 + 44 * 60 + 55)
        heart.providers.waits = True
        await heart.tell("e1", "refund.issued", "B-1")
        await heart.pass_time(8)
        await heart.tell("e2", "refund.issued", "B-2")
        await heart.answer(TOOK, nth=1)
        await heart.answer(Deferred("busy", after=9))
        heart.providers.waits = False
        await heart.pass_time(60)
        assert [request.out.order_ref for request in heart.providers.arrived] == ["B-2"]


async def test_a_channels_own_mistake_may_have_come_after_it_wrote(heart: Heart) -> None:
    heart.providers.will("twilio", MISTAKE, arrives=True)
    await heart.tell("e1")
    first, second = heart.providers.arrived
    assert (first.channel, second.channel) == ("twilio", "modem")
    assert second.out.possible_duplicate
    assert (await heart.message()).possible_duplicate


async def test_a_mistake_of_ours_in_one_text_ends_nothing_but_that_text(
    heart: Heart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands at the head of the queue after every start: the service would never get past it."""
    render = Preparer.render

    def mistaken(self: Preparer, due: Due, channel: Channel, **options: Any) -> Rendered:
        if due.message.order_ref == "B-1" and channel.name == "twilio":
            raise ZeroDivisionError("of our own")
        return render(self, due, channel, **options)

    monkeypatch.setattr(Preparer, "render", mistaken)
    await heart.tell("e1", ref="B-1")
    await heart.tell("e2", ref="B-2")
    assert [(request.channel, request.out.order_ref) for request in heart.providers.arrived] == [
        ("modem", "B-1"),
        ("twilio", "B-2"),
    ]


@pytest.mark.parametrize("by", ["ledger", "order"])
async def test_who_wants_no_mail_gets_none_by_a_shop_that_mails_what_it_is_given(tmp_path: Path, by: str) -> None:
    channels = {"woocommerce": {"concurrency": 1}, "vonage": {"concurrency": 1}}
    routes = [{"on": "order.*", "to": "customer", "via": ["woocommerce", "vonage"]}]
    customer: dict[str, Any] = {"name": "Ada", "phone": "+447700900123", "email": "ada@example.com"}
    async with Heart(tmp_path, shop(channels=channels, route=routes)) as heart:
        if by == "ledger":
            await heart.box.consent.stop("email", customer["email"], reason="unsubscribed", actor="their mail program")
        else:
            customer["consent"] = {"email": False}
        await heart.tell("e1", customer=customer)
        assert [request.channel for request in heart.providers.arrived] == ["vonage"]


async def test_who_unsubscribed_there_is_mailed_by_nobody(tmp_path: Path) -> None:
    """A customer system that mails refuses since they unsubscribed with it: that is said of mail, not of customer systems."""
    channels = {"woocommerce": {"concurrency": 1}, "vonage": {"concurrency": 1}}
    routes = [{"on": "order.*", "to": "customer", "via": ["woocommerce", "vonage"]}]
    async with Heart(tmp_path, shop(channels=channels, route=routes)) as heart:
        heart.providers.will("woocommerce", Rejected(Scope.RECIPIENT, "gone", "unsubscribed", opted_out=True))
        await heart.tell("e1")
        assert [request.channel for request in heart.providers.arrived] == ["vonage"]
        assert await heart.box.consent.blocked("email", "ada@example.com")
        assert not await heart.box.consent.blocked("crm", "ada@example.com")


@pytest.mark.parametrize("by", ["reply", "receipt"])
async def test_who_asks_there_for_silence_later_is_mailed_by_nobody(tmp_path: Path, by: str) -> None:
    """Pressed in the mail of a system that is no mail channel by its medium, or told by it afterwards: the next channel mailed them."""
    channels = {"woocommerce": {"concurrency": 1}, "sendgrid": {"concurrency": 1}}
    routes = [{"on": "order.*", "to": "customer", "via": ["woocommerce", "sendgrid"]}]
    async with Heart(tmp_path, shop(channels=channels, route=routes)) as heart:
        await heart.tell("e1")
        (request,) = heart.providers.arrived
        if by == "receipt":
            await heart.receipt(request, UNDELIVERED, opted_out=True)
        else:
            channel = heart.engine.lanes["woocommerce"].channel
            assert channel is not None
            await heart.engine.receipts.reply(channel, Reply(address="ada@example.com", id="n1", consent="stop"))
        assert [request.channel for request in heart.providers.arrived] == ["woocommerce"]
        assert await heart.box.consent.blocked("email", "ada@example.com") is not None
        assert await heart.box.consent.blocked("crm", "ada@example.com") is None


async def test_what_comes_in_while_the_pump_looks_when_the_next_is_due_leaves_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had read that nothing waits, and went to sleep for good."""
    later = {"on": "order.*", "to": "customer", "via": ["twilio"], "delay": "8s"}
    async with Heart(tmp_path, shop(route=[later])) as heart:
        next_due, late = heart.box.spool.next_due, ["B-2"]

        async def and_then_another(channel: str, **more: Any) -> int | None:
            found = await next_due(channel, **more)
            if channel == "twilio" and late:
                await heart.accept("late", "order.ready", late.pop())
            return found

        await heart.tell("e1")
        await heart.box.spool.cancel((await heart.message()).id, actor="Mia", reason="")
        monkeypatch.setattr(heart.box.spool, "next_due", and_then_another)
        await heart.pass_time(8)
        assert late == [], "it woke for what was cancelled"
        await heart.pass_time(9)
        assert heart.providers.texts() == ["order.ready"]


async def test_what_leaves_while_the_next_receipt_is_looked_for_is_followed_to_its_delivery(
    heart: Heart, monkeypatch: pytest.MonkeyPatch
) -> None:
    next_due, late = heart.box.receipts.next_due, ["B-2"]

    async def and_then_another() -> int | None:
        found = await next_due()
        if late:
            await heart.accept("late", "order.ready", late.pop())
            while await heart.states("B-2") != [State.SENT]:
                await asyncio.sleep(0)
        return found

    await heart.tell("e1")
    await heart.receipt(heart.providers.arrived[0], ReceiptState.DELIVERED)
    monkeypatch.setattr(heart.box.receipts, "next_due", and_then_another)
    await heart.pass_time(10)
    assert late == [], "it woke for what is delivered"
    await heart.pass_time(11)
    assert await heart.states("B-2") == [State.DELIVERED]


async def test_what_waits_for_room_does_not_go_to_who_just_asked_for_a_rest(tmp_path: Path) -> None:
    """Each would be one more "too many requests", and at some providers a longer ban."""
    by_mail = {"on": "order.*", "to": "customer", "via": ["sendgrid"]}
    channels = {**CHANNELS, "sendgrid": {"concurrency": 1, "rate": "100/s"}}
    async with Heart(tmp_path, shop(route=[by_mail], channels=channels)) as heart:
        heart.providers.waits = True
        for number in range(3):
            await heart.tell(f"e{number}", ref=f"B-{number + 1}")
        (first,) = heart.providers.left
        heart.providers.waits = False
        first.answer(SLOWER)
        await heart.pass_time(6)
        assert len(heart.providers.left) == 1
        await heart.pass_time(10)
        assert len(heart.providers.arrived) == 3
        assert [(await heart.message(f"B-{n}")).attempt_count for n in (2, 3)] == [1, 1]
