"""No attempt is forgotten, and each ends in one outcome; what happened meanwhile has its say."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from outbox import Refusal
from outbox.errors import IllegalMove, NotFound, StorageBusy
from outbox.model import Policy, Rendered, State, Transition
from outbox.outcome import Accepted, Deferred, Outcome, Rejected, Scope, Unknown
from outbox.reasons import Reason
from outbox.writer import Operation
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import (
    NOW,
    PHONE,
    SENT,
    accept_one,
    begin,
    due_ids,
    message_of,
    open_box,
    planned,
    plans,
    posted,
    send,
    state_of,
)

LATER = Transition(state=State.QUEUED, reason=Reason("busy"), due_at=NOW + 5000)


async def test_an_attempt_is_on_record_before_it_leaves(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        begun = await box.spool.begin(
            message.seq, channel="twilio", via_index=0, medium="sms", address=PHONE, sent=Rendered("Hi", subject="S")
        )
        (kept,) = await box.views.attempts([message.id])
        assert kept == begun
        assert (kept.n, kept.outcome, kept.sent) == (1, None, Rendered("Hi", subject="S"))
        assert await state_of(box, message.id) is State.SENDING


@pytest.mark.parametrize(
    ("outcome", "name", "scope", "code", "detail"),
    [
        (Accepted("P1", "queued"), "accepted", None, "", "queued"),
        (Deferred("busy", code="503"), "deferred", None, "503", "busy"),
        (Rejected(Scope.RECIPIENT, "21211", "no such number"), "rejected", "recipient", "21211", "no such number"),
        (Unknown("cut off", code="reset"), "unknown", None, "reset", "cut off"),
    ],
)
async def test_each_outcome_is_kept_in_the_providers_words(
    tmp_path: Path, outcome: Outcome, name: str, scope: str | None, code: str, detail: str
) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await send(box, message, outcome, Transition(state=State.FAILED, reason=Reason("x")))
        (kept,) = await box.views.attempts([message.id])
        assert (kept.outcome, kept.scope, kept.code, kept.detail) == (name, scope, code, detail)
        assert kept.finished_at is not None
        assert await state_of(box, message.id) is State.FAILED


async def test_attempts_are_numbered_per_message_and_counted_when_they_count(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        cut = Transition(state=State.QUEUED, reason=Reason("the line is down"), counts=False)
        await send(box, message, Deferred("no line", unreachable=True), cut)
        await send(box, message, Deferred("busy"), Transition(state=State.QUEUED, reason=Reason("busy")))
        ended = await send(box, message)
        assert ended.attempt_count == 2
        assert [(one.n, one.counts) for one in await box.views.attempts([message.id])] == [
            (1, False),
            (2, True),
            (3, True),
        ]


async def test_a_deferred_message_waits_and_a_passed_over_one_changes_channel(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        message = await accept_one(box)
        await send(box, message, Deferred("busy"), LATER)
        assert await due_ids(box) == []
        assert await due_ids(box, now=NOW + 5000) == [message.id]
        clock.step(10)
        moved = await send(
            box,
            message,
            Rejected(Scope.RECIPIENT, "x", "no"),
            Transition(state=State.QUEUED, reason=Reason("no"), via_index=2),
        )
        assert (moved.channel, moved.channel_since) == ("sendgrid", clock.now())
        assert await due_ids(box, "sendgrid", now=clock.now()) == [message.id]


async def test_begin_refuses_what_is_elsewhere_by_now(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await box.spool.cancel(message.id, actor="Mia", reason="")
        refused = await box.spool.begin(message.seq, channel="twilio", via_index=0, medium="sms", address=PHONE)
        assert refused == Refusal("it is cancelled by now")
        refused = await box.spool.begin(99, channel="twilio", via_index=0, medium="sms", address=PHONE)
        assert refused == Refusal("its event was not taken after all")


async def test_begin_refuses_a_second_of_the_same_line(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box, planned("a", trigger="payment.failed"), id="e1")
        second = await accept_one(box, planned("b", trigger="payment.confirmed"), id="e2")
        refused = await box.spool.begin(second.seq, channel="twilio", via_index=0, medium="sms", address=PHONE)
        assert isinstance(refused, Refusal)
        assert not refused.opted_out


async def test_the_modem_may_take_a_message_out_of_its_turn(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        ended = await send(box, message, channel="modem")
        assert (ended.channel, ended.via_index, ended.state) == ("modem", 1, State.SENT)


async def test_an_interrupted_attempt_was_none(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await box.spool.interrupt(await begin(box, message))
        assert await box.views.attempts([message.id]) == []
        again = await begin(box, message)
        assert again.n == 1
        await box.spool.settle(again, Accepted("P"), SENT)
        await box.spool.interrupt(again)
        assert len(await box.views.attempts([message.id])) == 1


async def test_settling_twice_changes_nothing(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        attempt = await begin(box, message)
        await box.spool.settle(attempt, Accepted("P"), SENT)
        before = (await box.audit.verify()).entries
        again = await box.spool.settle(attempt, Deferred("?"), Transition(state=State.QUEUED, reason=Reason("?")))
        assert again.state is State.SENT
        assert (await box.audit.verify()).entries == before


# ---------------------------------------------------------------- unknown


async def test_an_unknown_attempt_is_looked_up_when_due(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await send(
            box, message, Unknown("cut"), Transition(state=State.UNKNOWN, reason=Reason("cut"), due_at=NOW + 5000)
        )
        assert await box.spool.unknowns(now=NOW, limit=10) == []
        assert await box.spool.next_unknown() == NOW + 5000
        ((due, attempt),) = await box.spool.unknowns(now=NOW + 5000, limit=10)
        assert (due.message.id, attempt.outcome) == (message.id, "unknown")
        ended = await box.spool.resolve(attempt, Accepted("P9", "looked up"), SENT, poll_at=NOW)
        assert (ended.state, ended.attempt_count) == (State.SENT, 1)
        (kept,) = await box.views.attempts([message.id])
        assert (kept.outcome, kept.provider_id) == ("accepted", "P9")
        assert await box.spool.next_unknown() is None


async def test_an_unknown_attempt_that_staff_decide_on_is_not_looked_up(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await send(box, message, Unknown("cut"), Transition(state=State.UNKNOWN, reason=Reason("cut; staff decide")))
        assert await box.spool.unknowns(now=NOW + 10**9, limit=10) == []
        assert await box.spool.next_unknown() is None
        again = await box.spool.retry(message.id, actor="Mia")
        assert (again.state, again.possible_duplicate) == (State.QUEUED, True)


async def test_a_repeat_is_marked_as_a_possible_duplicate(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        to = Transition(state=State.QUEUED, reason=Reason("cut"), possible_duplicate=True)
        assert (await send(box, message, Unknown("cut"), to)).possible_duplicate
        await begin(box, message)
        marked = [
            row
            for row in (await box.audit.list(message_id=message.id, limit=50)).items
            if "possible_duplicate" in row.detail
        ]
        assert {row.kind for row in marked} == {"message.queued", "message.sending"}


async def test_what_was_under_way_at_a_crash_is_unknown_afterwards(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        ended = await accept_one(box, planned("ended"), id="e1", ref="B-1")
        await send(box, ended)
        for n in range(3):
            await begin(box, await accept_one(box, planned(f"cut{n}"), id=f"c{n}", ref=f"C-{n}"))
    async with open_box(tmp_path) as box:
        assert await box.spool.rescue() == 3
        found = await box.spool.unknowns(now=NOW, limit=10)
        assert sorted(due.message.id for due, _ in found) == ["cut0", "cut1", "cut2"]
        assert {attempt.code for _, attempt in found} == {"interrupted"}
        assert await state_of(box, "ended") is State.SENT
        assert await box.spool.rescue() == 0


# ---------------------------------------------------------------- meanwhile


async def test_one_cancelled_while_under_way_ends_cancelled_if_it_comes_back(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        attempt = await begin(box, message)
        assert (await box.spool.cancel(message.id, actor="Mia", reason="wrong")).state is State.SENDING
        assert (await box.spool.settle(attempt, Deferred("busy"), LATER)).state is State.CANCELLED


async def test_one_cancelled_while_under_way_is_sent_if_the_provider_took_it(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        attempt = await begin(box, message)
        await box.spool.cancel(message.id, actor="Mia", reason="wrong")
        assert (await box.spool.settle(attempt, Accepted("P"), SENT)).state is State.SENT


async def test_the_messages_of_a_step_are_taken_back_all_or_none(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.spool.accept(
            posted(), plans(planned("a"), planned("b", recipient="team"), planned("c", recipient="owner"))
        )
        attempt = await begin(box, await message_of(box, "b"))
        with pytest.raises(IllegalMove):
            await box.spool.take_back(["a", "b", "c"], actor="Mia")
        assert [await state_of(box, id) for id in "abc"] == [State.QUEUED, State.SENDING, State.QUEUED]
        await box.spool.settle(attempt, Rejected(Scope.MESSAGE, "1", "no"), Transition(state=State.FAILED))
        assert await box.spool.take_back(["a", "b", "c"], actor="Mia") == 2
        assert [await state_of(box, id) for id in "abc"] == [State.CANCELLED, State.FAILED, State.CANCELLED]


async def test_one_whose_order_is_held_meanwhile_is_held_when_it_comes_back(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        attempt = await begin(box, message)
        await box.spool.hold("B-1", actor="Mia", reason="")
        assert (await box.spool.settle(attempt, Deferred("busy"), LATER)).state is State.HELD
        await box.spool.release("B-1", actor="Mia", reason="")
        assert await state_of(box, message.id) is State.QUEUED


async def test_an_unknown_one_that_newer_news_superseded_is_not_sent_again(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box, planned("older"), id="e1")
        await send(box, message, Unknown("cut"), Transition(state=State.UNKNOWN, reason=Reason("cut"), due_at=NOW))
        await accept_one(box, planned("newer"), id="e2")
        ((_, attempt),) = await box.spool.unknowns(now=NOW, limit=1)
        ended = await box.spool.resolve(attempt, Deferred("it had not arrived"), Transition(state=State.QUEUED))
        assert ended.state is State.SUPERSEDED


async def test_move_leaves_a_message_that_is_elsewhere(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await begin(box, message)
        assert await box.spool.move(message.seq, Transition(state=State.EXPIRED, reason=Reason("too late"))) is None
        assert await state_of(box, message.id) is State.SENDING


async def test_move_expires_and_postpones(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        quiet = Transition(state=State.QUEUED, reason=Reason("quiet hours"), due_at=NOW + 1000, relative=False)
        assert (await box.spool.move(message.seq, quiet)) is not None
        assert (await message_of(box, message.id)).reason == "quiet hours"
        await box.spool.move(message.seq, Transition(state=State.EXPIRED, reason=Reason("too late")))
        assert await state_of(box, message.id) is State.EXPIRED


# ---------------------------------------------------------------- opt-outs


@pytest.mark.parametrize("medium", ["sms", "all"])
async def test_begin_refuses_an_opt_out_at_the_last_moment(tmp_path: Path, medium: str) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await box.consent.stop(medium, PHONE, reason="STOP", actor="modem")
        refused = await box.spool.begin(message.seq, channel="twilio", via_index=0, medium="sms", address=PHONE)
        assert refused == Refusal(Reason("the recipient opted out"), opted_out=True)
        assert (refused.reason.code, refused.reason.args["how"]) == ("opted_out", "STOP")
        assert await state_of(box, message.id) is State.QUEUED
        other = await box.spool.begin(
            message.seq, channel="sendgrid", via_index=2, medium="email", address="ada@example.com"
        )
        assert not isinstance(other, Refusal)


# ---------------------------------------------------------------- the clock


async def test_waits_move_with_a_stepped_clock_and_moments_of_the_day_do_not(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        for id, relative in (("wait", True), ("moment", False)):
            message = await accept_one(box, planned(id), id=id, ref=id)
            await box.spool.move(message.seq, Transition(state=State.QUEUED, due_at=NOW + 5000, relative=relative))
        await accept_one(box, planned("planned", due_at=NOW + 5000, relative=False), id="p", ref="p")
        await accept_one(box, planned("delayed", due_at=NOW + 5000), id="d", ref="d")
        await accept_one(box, planned("fresh"), id="f", ref="f")
        await box.spool.shift(-86_400_000)
        yesterday = NOW - 86_400_000
        assert await due_ids(box, now=yesterday) == ["fresh"]
        assert await due_ids(box, now=yesterday + 5000) == ["fresh", "wait", "delayed"]
        assert await box.spool.next_due("twilio") == yesterday


async def test_a_step_that_meets_a_busy_database_moves_the_waits_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of the owner's holds the file just then: after the next start nobody knows of the step any more."""
    clock, busy = FakeClock(), 3
    async with open_box(tmp_path, clock) as box:
        await accept_one(box, planned("delayed", due_at=NOW + 5000), id="d", ref="d")
        write = box._store.write

        async def held(operation: Operation[Any]) -> Any:
            nonlocal busy
            busy -= 1
            if busy >= 0:
                raise StorageBusy("another program holds it")
            return await write(operation)

        monkeypatch.setattr(box._store, "write", held)
        moving = asyncio.create_task(box.spool.shift(-86_400_000))
        async with asyncio.timeout(10):
            while not moving.done():
                await clock.advance(1.0)
        await moving
        assert await due_ids(box, now=NOW - 86_400_000 + 5000) == ["delayed"]


async def test_what_came_between_a_step_forward_and_its_being_noticed_waits_no_longer(tmp_path: Path) -> None:
    """At the shop's opening: a Pi wakes with yesterday's time, and a time server puts it right."""
    clock, night, wait = FakeClock(), 13 * 3600, 15 * 60_000
    async with open_box(tmp_path, clock) as box:
        await accept_one(box, planned("before", due_at=NOW + wait), id="b", ref="b")
        tried = await accept_one(box, planned("tried"), id="t", ref="t")
        clock.step(night)
        now = clock.now()
        await accept_one(box, planned("came", due_at=now + wait), id="c", ref="c", at=now)
        await box.spool.move(tried.seq, Transition(state=State.QUEUED, due_at=now + wait))
        await box.spool.shift(night * 1000)
        assert await due_ids(box, now=now + wait) == ["before", "tried", "came"]


# ---------------------------------------------------------------- staff


async def test_hold_stops_automatic_messages_and_release_lets_them_go(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box, planned("before"), id="e1")
        await box.spool.hold("B-1", actor="Mia", reason="wrong balloons")
        await accept_one(box, planned("after", trigger="refund.issued"), id="e2")
        await accept_one(box, planned("by hand", policy=Policy(manual=True), trigger="note"), id="e3")
        assert [await state_of(box, id) for id in ("before", "after", "by hand")] == [
            State.HELD,
            State.HELD,
            State.QUEUED,
        ]
        assert await due_ids(box) == ["by hand"]
        assert (await box.views.orders_by_ref(["B-1"]))[0].held
        await box.spool.release("B-1", actor="Mia", reason="")
        assert await due_ids(box) == ["before"]
        story = await box.views.story("B-1")
        assert story is not None
        assert [act.kind for act in story.acts if act.kind.startswith("order.")] == ["order.held", "order.released"]
        with pytest.raises(NotFound):
            await box.spool.hold("B-9", actor="Mia", reason="")


async def test_retry_begins_again_or_goes_by_a_named_channel(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await box.spool.move(message.seq, Transition(state=State.FAILED, reason=Reason("x"), via_index=2))
        assert (await box.spool.retry(message.id, actor="Mia")).channel == "twilio"
        assert (await box.spool.retry(message.id, actor="Mia", channel="sendgrid")).via_index == 2
        added = await box.spool.retry(message.id, actor="Mia", channel="vonage")
        assert (added.channel, added.via[-1]) == ("vonage", "vonage")
        assert await due_ids(box, "vonage") == [message.id]
        with pytest.raises(NotFound):
            await box.spool.retry("none", actor="Mia")
