"""What may go, and in which order: by priority, in line, at its time."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from outbox.model import Due, Policy, Priority, State, Transition
from outbox.outcome import Accepted, Deferred, ReceiptState, Rejected, Scope, Unknown
from outbox.reasons import Reason
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import (
    NOW,
    SENT,
    Update,
    accept_one,
    begin,
    due_ids,
    ids,
    open_box,
    planned,
    plans,
    posted,
    send,
)


async def test_the_more_urgent_goes_first_then_the_longer_due(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        for id, priority, due_at in (
            ("low", Priority.LOW, NOW - 9),
            ("late", Priority.NORMAL, NOW),
            ("early", Priority.NORMAL, NOW - 5),
            ("early2", Priority.NORMAL, NOW - 5),
            ("high", Priority.HIGH, NOW),
            ("not yet", Priority.HIGH, NOW + 1),
        ):
            await accept_one(box, planned(id, priority=priority, due_at=due_at), id=id, ref=id)
        assert await due_ids(box) == ["high", "early", "early2", "late", "low"]
        assert ids(await box.spool.due("twilio", now=NOW, limit=2)) == ["high", "early"]
        assert await due_ids(box, exclude={1, 3}) == ["high", "early2", "late"]
        assert await due_ids(box, "sendgrid") == []


async def test_a_due_message_comes_with_its_event_and_order(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box, data={"shelf": "4"}, order={"total": "9.99"})
        (due,) = await box.spool.due("twilio", now=NOW, limit=1)
        assert (due.event.data, due.order.total) == ({"shelf": "4"}, "9.99")


async def test_one_recipient_hears_of_one_order_in_order(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        first = await accept_one(box, planned("first", trigger="payment.failed"), id="e1")
        await accept_one(box, planned("second", trigger="refund.issued", priority=Priority.HIGH), id="e2")
        await accept_one(box, planned("team", recipient="team", trigger="refund.issued"), id="e3")
        await accept_one(box, planned("other order"), id="e4", ref="B-2")
        assert await due_ids(box) == ["first", "team", "other order"]
        attempt = await begin(box, first)
        assert "second" not in await due_ids(box)
        await box.spool.settle(attempt, Deferred("busy"), Transition(state=State.QUEUED, due_at=NOW + 9))
        assert "second" not in await due_ids(box)
        clock.step(1)
        await send(box, first, Rejected(Scope.MESSAGE, "x", "no"), Transition(state=State.FAILED, reason=Reason("no")))
        assert (await due_ids(box))[0] == "second"


async def test_an_unknown_message_keeps_no_one_waiting_until_it_is_queued_again(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        first = await accept_one(box, planned("first", trigger="payment.failed"), id="e1")
        await accept_one(box, planned("second", trigger="refund.issued"), id="e2")
        await send(box, first, Unknown("cut"), Transition(state=State.UNKNOWN, due_at=NOW))
        assert await due_ids(box) == ["second"]
        ((_, attempt),) = await box.spool.unknowns(now=NOW, limit=1)
        await box.spool.resolve(attempt, Deferred("it had not arrived"), Transition(state=State.QUEUED))
        assert await due_ids(box) == ["first"]


async def test_nobody_waits_for_the_repeat_of_what_may_have_arrived(tmp_path: Path) -> None:
    """One at a time, all the same: whoever leaves first, the other waits until that is at its end."""
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        first = await accept_one(box, planned("first", trigger="payment.failed"), id="e1")
        second = await accept_one(box, planned("second", trigger="refund.issued"), id="e2")
        await accept_one(box, planned("third", trigger="return.received"), id="e3")
        again = Transition(state=State.QUEUED, due_at=NOW + 9, possible_duplicate=True)
        await send(box, first, Unknown("cut"), again)
        assert (await due_ids(box), await due_ids(box, now=NOW + 9)) == (["second"], ["second", "first"])
        clock.step(1)
        attempt = await begin(box, first)
        assert await due_ids(box, now=NOW + 9) == []
        await box.spool.settle(attempt, Deferred("busy"), Transition(state=State.QUEUED, due_at=NOW))
        await send(box, second)
        assert await due_ids(box) == ["first", "third"]


async def test_what_is_planned_for_later_lets_the_present_pass(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        reminder = planned("reminder", due_at=NOW + 3600_000, policy=Policy(supersede=False))
        await accept_one(box, reminder, id="e1")
        await accept_one(box, planned("ready"), id="e2")
        assert await due_ids(box) == ["ready"]
        assert await box.spool.next_due("twilio") == NOW


@pytest.mark.parametrize(("timed", "first"), [(False, "come tomorrow"), (True, "cancelled")])
async def test_what_staff_said_is_not_overtaken_by_later_news(tmp_path: Path, timed: bool, first: str) -> None:
    """At half past nine in the evening they say "come tomorrow", which they may take back for some seconds and which then waits for the
    morning. At eleven the shop cancels: told in that order, or a customer comes for nothing. A reminder alone keeps its moment."""
    clock, morning = FakeClock(), NOW + 36_000_000
    async with open_box(tmp_path, clock) as box:
        words = planned("come tomorrow", due_at=NOW + 8000, policy=Policy(supersede=False, timed=timed))
        said = await accept_one(box, words, id="e1")
        await clock.advance(9)
        await box.spool.move(said.seq, Transition(state=State.QUEUED, due_at=morning, relative=False, counts=False))
        await clock.advance(5400)
        cancelled = planned("cancelled", trigger="order.cancelled", due_at=clock.now())
        await accept_one(box, cancelled, id="e2", at=clock.now())
        assert (await due_ids(box, now=morning))[0] == first


async def test_what_still_waits_after_the_clock_was_put_forward_holds_up_nothing(tmp_path: Path) -> None:
    """It was to wait an hour by a clock that was an hour and a half behind: the wait goes on, and what is due at once does not wait with it."""
    clock, forward = FakeClock(), 5_400_000
    async with open_box(tmp_path, clock) as box:
        await accept_one(box, planned("in an hour", due_at=NOW + 3_600_000, policy=Policy(supersede=False)), id="e1")
        clock.step(forward / 1000)
        await box.spool.shift(forward)
        news = planned("at once", trigger="refund.issued", due_at=clock.now())
        await accept_one(box, news, id="e2", at=clock.now())
        assert await due_ids(box, now=clock.now()) == ["at once"]


async def test_who_is_first_after_the_clock_was_put_forward_is_by_the_new_time(tmp_path: Path) -> None:
    """By a clock that was three hours behind one was to wait an hour, and a reminder for half past twelve: that is over, and goes at once."""
    clock, forward = FakeClock(), 3 * 3_600_000
    at_half_past = NOW + 9_000_000
    async with open_box(tmp_path, clock) as box:
        alone = Policy(supersede=False)
        await accept_one(box, planned("in an hour", due_at=NOW + 3_600_000, policy=alone), id="e1")
        await accept_one(box, planned("half past", due_at=at_half_past, relative=False, policy=alone), id="e2")
        clock.step(forward / 1000)
        await box.spool.shift(forward)
        assert await due_ids(box, now=clock.now()) == ["half past"]
        (due,) = await box.spool.due("twilio", now=clock.now(), limit=1)
        await send(box, due.message)
        assert await due_ids(box, now=clock.now() + 3_600_000) == ["in an hour"]


async def test_what_is_urgent_does_not_wait_for_what_waits_for_the_morning(tmp_path: Path) -> None:
    """A refund that came in the quiet hours must not keep from the customer that the balloons are on their way tonight."""
    morning, quiet = NOW + 36_000_000, Reason("quiet hours", "quiet_hours")
    async with open_box(tmp_path) as box:
        refund = await accept_one(box, planned("refund", trigger="refund.issued"), id="e1")
        await box.spool.move(
            refund.seq, Transition(state=State.QUEUED, due_at=morning, relative=False, reason=quiet, counts=False)
        )
        await accept_one(box, planned("usual", trigger="payment.failed"), id="e2")
        assert await due_ids(box) == [], "in order, as ever"
        await accept_one(box, planned("urgent", policy=Policy(urgent=True)), id="e3")
        assert await due_ids(box) == ["urgent"]
        (due,) = await box.spool.due("twilio", now=NOW, limit=1)
        await send(box, due.message)
        assert await due_ids(box) == []
        assert await due_ids(box, now=morning) == ["refund"]


async def test_what_is_urgent_passes_what_was_there_when_the_quiet_hours_were_seen(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        refund = await accept_one(box, planned("refund", trigger="refund.issued"), id="e1")
        await accept_one(box, planned("urgent", policy=Policy(urgent=True)), id="e2")
        assert await due_ids(box) == ["refund"]
        await box.spool.move(refund.seq, Transition(state=State.QUEUED, due_at=NOW + 9, relative=False))
        assert await due_ids(box) == ["urgent"]


async def test_what_is_urgent_later_holds_up_nobody_till_then(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        refund = await accept_one(box, planned("refund", trigger="refund.issued"), id="e1")
        await box.spool.move(refund.seq, Transition(state=State.QUEUED, due_at=NOW + 9, relative=False))
        await accept_one(box, planned("urgent", due_at=NOW + 50, policy=Policy(urgent=True)), id="e2")
        assert await due_ids(box, now=NOW + 9) == ["refund"]


async def test_next_due_is_the_first_of_all(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        assert await box.spool.next_due("twilio") is None
        await accept_one(box, planned("a", due_at=NOW + 50, priority=Priority.HIGH), id="e1", ref="1")
        first = await accept_one(box, planned("b", due_at=NOW + 20, priority=Priority.LOW), id="e2", ref="2")
        assert await box.spool.next_due("twilio") == NOW + 20
        assert await box.spool.next_due("twilio", exclude=[first.seq]) == NOW + 50
        assert await box.spool.next_due("sendgrid") is None


async def test_while_the_line_is_down_the_modem_takes_what_has_waited_long_enough(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        for id, policy in (
            ("patient", Policy(offline_after=300)),
            ("hasty", Policy(offline_after=10)),
            ("urgent", Policy(offline_after=300, urgent=True)),
        ):
            await accept_one(box, planned(id, policy=policy), id=id, ref=id)
        await accept_one(box, planned("mail", via=("sendgrid",), policy=Policy()), id="mail", ref="mail")
        await accept_one(box, planned("its own", via=("modem",)), id="own", ref="own")

        async def after(seconds: float) -> list[str]:
            return ids(await box.spool.due_offline("modem", now=NOW, down_for=seconds, limit=9))

        assert await after(0) == ["urgent"]
        assert await after(10) == ["hasty", "urgent"]
        assert await after(300) == ["patient", "hasty", "urgent"]
        assert ids(await box.spool.due_offline("modem", now=NOW, down_for=300, limit=9, exclude={1})) == [
            "hasty",
            "urgent",
        ]


async def test_what_the_modem_could_not_deliver_it_is_not_given_again_unless_staff_say_so(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        back = Transition(state=State.QUEUED, via_index=0)
        refused, gone = [await accept_one(box, planned(id), id=id, ref=id) for id in ("refused", "gone")]
        await send(box, refused, Rejected(Scope.RECIPIENT, "1", "no such number"), back, channel="modem")
        attempt = await begin(box, gone, "modem")
        await box.receipts.apply("modem", Update(state=ReceiptState.UNDELIVERED, reference="gone.1"))
        await box.spool.settle(attempt, Accepted("P"), SENT)
        assert await box.spool.left_aside("modem") == [gone.seq]
        assert await box.spool.left_aside("twilio") == []
        await box.spool.retry("gone", actor="Mia")
        await box.spool.move(gone.seq, Transition(state=State.QUEUED, reason=Reason("quiet hours", "quiet_hours")))
        assert await box.spool.left_aside("modem") == []


async def test_what_the_modem_left_in_doubt_and_passed_on_is_its_again_only_where_staff_say_so(tmp_path: Path) -> None:
    """What surely did not arrive, or another left in doubt, it takes."""
    async with open_box(tmp_path) as box:
        modem_first, on = ("modem", "twilio", "sendgrid"), Transition(state=State.QUEUED, via_index=1, due_at=NOW)
        tried = {"its own": "modem", "another's": "twilio", "revealed an outage": "modem", "sure": ""}
        for id, channel in tried.items():
            via = ("twilio", *modem_first[::2]) if channel == "twilio" else modem_first
            message = await accept_one(box, planned(id, via=via, policy=Policy(offline_after=0)), id=id, ref=id)
            if channel:
                message = await send(box, message, Unknown("cut"), on, channel=channel)
            else:
                await box.spool.move(message.seq, on)
            if channel == "twilio":
                await box.spool.move(message.seq, msgspec.structs.replace(on, via_index=2))
            if id == "revealed an outage":
                await send(box, message, Deferred("no line"), Transition(state=State.QUEUED, due_at=NOW))

        async def takes() -> list[str]:
            return ids(await box.spool.due_offline("modem", now=NOW, down_for=0, limit=9))

        assert await takes() == ["another's", "sure"]
        await box.spool.retry("its own", actor="Mia")
        assert await takes() == ["its own", "another's", "sure"]


async def test_a_mail_that_could_wait_holds_up_no_news_that_cannot(tmp_path: Path) -> None:
    """A payment's mail may wait an hour for the line, "ready" a minute: the modem takes both then, in order. Nobody else's mail goes sooner
    for it, nor what stands before news whose hour has not come, nor before what no modem may take."""
    async with open_box(tmp_path) as box:
        mail, ready = Policy(offline_after=3600), Policy(offline_after=60)
        for ref in ("one", "later", "never"):
            await accept_one(
                box, planned(f"paid {ref}", trigger="payment.confirmed", policy=mail), id=f"p-{ref}", ref=ref
            )
        await accept_one(box, planned("team", recipient="team", policy=ready), id="r-team", ref="later")
        await accept_one(box, planned("ready one", policy=ready), id="r-one", ref="one")
        await accept_one(box, planned("ready later", policy=ready, due_at=NOW + 9), id="r-later", ref="later")
        await accept_one(box, planned("ready never", policy=Policy()), id="r-never", ref="never")

        async def after(seconds: float) -> list[str]:
            return ids(await box.spool.due_offline("modem", now=NOW, down_for=seconds, limit=9))

        assert await after(59) == []
        assert await after(60) == ["paid one", "team"]
        assert await after(3600) == ["paid one", "paid later", "paid never", "team"]


async def test_a_sweep_sees_all_that_waits_at_a_channel_page_by_page(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        messages = [
            planned("blocked"),
            planned("later", recipient="team", due_at=NOW + 10**9),
            planned("mail", recipient="owner", via=("sendgrid",)),
        ]
        await box.spool.accept(posted("e1"), plans(planned("first"), *messages))
        page = await box.spool.waiting("twilio", after=0, limit=2)
        assert ids(page) == ["first", "blocked"]
        rest = await box.spool.waiting("twilio", after=page[-1].message.seq, limit=2)
        assert ids(rest) == ["later"]
        assert await box.spool.waiting("twilio", after=rest[-1].message.seq, limit=2) == []


async def test_those_who_wait_are_told_which_channels_have_something(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        told: list[dict[str, int]] = []
        box.spool.on_ready = lambda ready: told.append(dict(ready))
        first = await accept_one(box, planned("first", trigger="payment.failed"), id="e1")
        await accept_one(box, planned("blocked", trigger="refund.issued", via=("sendgrid",)), id="e2")
        assert told == [{"twilio": NOW}]
        attempt = await begin(box, first)
        assert len(told) == 1
        await box.spool.settle(attempt, Rejected(Scope.MESSAGE, "x", "no"), Transition(state=State.FAILED))
        assert told[1:] == [{"sendgrid": NOW}]


async def test_what_came_in_and_may_go_at_once_is_handed_over_as_it_would_be_read(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        handed: list[Due] = []
        woken: list[Mapping[str, int]] = []
        box.spool.on_fresh, box.spool.on_ready = handed.extend, woken.append
        await accept_one(box, data={"shelf": "4"}, order={"total": "9.99"})
        assert handed == await box.spool.due("twilio", now=NOW, limit=9)
        assert woken == [], "nobody need read it"


async def test_what_waits_or_stands_in_line_is_not_handed_over(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        handed: list[Due] = []
        woken: list[Mapping[str, int]] = []
        box.spool.on_fresh, box.spool.on_ready = handed.extend, woken.append
        await accept_one(box, planned("later", due_at=NOW + 60_000), id="e1")
        await accept_one(box, planned("first", trigger="payment.failed"), id="e2", ref="B-2")
        await accept_one(box, planned("in line", trigger="refund.issued"), id="e3", ref="B-2")
        assert ids(handed) == ["first"]
        assert woken == [{"twilio": NOW + 60_000}]


async def test_where_nobody_takes_what_is_handed_over_its_channel_is_told_of(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        woken: list[Mapping[str, int]] = []
        box.spool.on_ready = woken.append
        await accept_one(box)
        assert woken == [{"twilio": NOW}]
