"""Events are taken once, with all they lead to, and put older news aside."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from outbox.errors import EventConflict, IllegalMove, StorageBusy, StorageFull
from outbox.model import Acceptance, Order, Outlook, Plan, PlannedMessage, Planner, Policy, Posted, State, Transition
from outbox.outcome import Deferred, Unknown
from outbox.reasons import Reason
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import (
    NOW,
    PHONE,
    accept_one,
    begin,
    due_ids,
    message_of,
    one_each,
    open_box,
    planned,
    plans,
    posted,
    state_of,
)


async def test_an_event_is_on_record_with_its_order_and_messages(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        taken = await box.spool.accept(
            posted(customer={"name": "Ada"}, order={"total": "48.50"}),
            plans(planned("a"), planned("b", recipient="team")),
        )
        assert (taken.event_id, taken.seq, taken.duplicate) == ("e1", 1, False)
        assert taken.messages == (
            Outlook("a", "customer", State.QUEUED, ("twilio", "modem", "sendgrid"), ""),
            Outlook("b", "customer", State.QUEUED, ("twilio", "modem", "sendgrid"), ""),
        )
    async with open_box(tmp_path) as box:
        story = await box.views.story("B-1")
        assert story is not None
        assert (story.order.total, story.order.customer.name, story.order.status) == ("48.50", "Ada", "order.ready")
        assert [message.id for message in story.messages] == ["a", "b"]
        assert [event.id for event in story.events] == ["e1"]


async def test_what_memory_did_not_suffice_to_plan_is_told_again(tmp_path: Path) -> None:
    """It was taken all the same: nobody was told of it, and told again it was a duplicate."""

    def short(event: Posted, before: Order | None, after: Order) -> Plan:
        raise MemoryError

    async with open_box(tmp_path) as box:
        with pytest.raises(StorageBusy, match="no memory"):
            await box.spool.accept(posted(), short)
        taken = await box.spool.accept(posted(), one_each)
        assert not taken.duplicate
        assert [outlook.state for outlook in taken.messages] == [State.QUEUED]


async def test_the_same_event_again_is_a_duplicate(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        first = await box.spool.accept(posted(), one_each)
        again = await box.spool.accept(posted(), one_each)
        assert again == Acceptance("e1", first.seq, duplicate=True)
        assert (await box.views.figures()).events == 1
        assert (await box.audit.verify()).entries == 2


async def test_content_is_compared_as_json_not_as_bytes(tmp_path: Path) -> None:
    original = posted(data={"a": 1, "b": [2.0]})
    spaced = msgspec.structs.replace(
        original, raw=b' {"type": "order.ready", "data": {"b": [2], "a": 1}, "order": {"ref": "B-1"}, "id": "e1"}'
    )
    async with open_box(tmp_path) as box:
        await box.spool.accept(original, one_each)
        assert (await box.spool.accept(spaced, one_each)).duplicate


async def test_the_same_id_with_other_content_changes_nothing(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.spool.accept(posted(), one_each)
        with pytest.raises(EventConflict, match="e1"):
            await box.spool.accept(posted(order={"total": "1.00"}), one_each)
        assert (await box.audit.verify()).entries == 2


@pytest.mark.parametrize(
    ("first", "then", "is_same"),
    [
        (b'{"paid": 1}', b'{"paid": true}', False),
        (b'{"rows": [{"gift": false}]}', b'{"rows": [{"gift": 0}]}', False),
        (b'{"paid": 1}', b'{"paid": 1.0}', True),
        (b'{"paid": 1, "due": -0.0}', b'{"due":0,"paid":1e0}', True),
        (b'{"paid": 1.5}', b'{"paid": 1}', False),
        (b'{"paid": 98765432109876543210987}', b'{"paid" : 98765432109876543210987}', True),
        (b'{"paid": 1e300}', b'{"paid" : 1e300}', True),
        (b'{"rows": [1]}', b'{"rows": [1, 2]}', False),
        (b'{"paid": null}', b"{}", False),
    ],
)
async def test_a_yes_is_no_number(tmp_path: Path, first: bytes, then: bytes, is_same: bool) -> None:
    """A till's new release said true where it had said 1, under an id that it gave twice: it was answered that this was taken before,
    and the second happening was lost."""
    around = b'{"id": "e1", "type": "order.ready", "order": {"ref": "B-1"}, "data": %b}'
    async with open_box(tmp_path) as box:
        await box.spool.accept(msgspec.structs.replace(posted(), raw=around % first), one_each)
        again = msgspec.structs.replace(posted(), raw=around % then)
        if is_same:
            assert (await box.spool.accept(again, one_each)).duplicate
        else:
            with pytest.raises(EventConflict, match="e1"):
                await box.spool.accept(again, one_each)


async def test_an_id_is_known_per_source(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.spool.accept(posted(), plans())
        assert not (await box.spool.accept(posted(source="webshop"), plans())).duplicate
        assert [event.source for event in await box.views.events("e1")] == ["pos", "webshop"]
        assert [event.source for event in await box.views.events("e1", source="webshop")] == ["webshop"]


async def test_events_of_one_order_in_one_group_see_each_other(tmp_path: Path) -> None:
    seen: list[tuple[str | None, str]] = []

    def plan(event: Posted, before: Order | None, after: Order) -> Plan:
        seen.append((before.status if before else None, after.status))
        return one_each(event, before, after)

    async with open_box(tmp_path) as box:
        answers = await box.spool.accept_many(
            [posted("e1", "order.placed"), posted("e2", "order.confirmed"), posted("e2", "order.confirmed")], plan
        )
        taken = [answer for answer in answers if isinstance(answer, Acceptance)]
        assert [(one.event_id, one.seq, one.duplicate) for one in taken] == [
            ("e1", 1, False),
            ("e2", 2, False),
            ("e2", 2, True),
        ]
        assert seen == [(None, "order.placed"), ("order.placed", "order.confirmed")]
        assert await state_of(box, "m_e1") is State.SUPERSEDED
        assert await due_ids(box) == ["m_e2"]


async def test_in_an_array_each_event_has_its_own_answer(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.spool.accept(posted("e1"), one_each)
        first, conflict, last = await box.spool.accept_many(
            [posted("e0"), posted("e1", order={"total": "2.00"}), posted("e2")], one_each
        )
        assert isinstance(first, Acceptance)
        assert isinstance(conflict, EventConflict)
        assert isinstance(last, Acceptance)


async def test_accepts_that_arrive_together_share_a_commit(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        changes = box.changes.subscribe()
        await asyncio.gather(*(box.spool.accept(posted(f"e{n}", ref=f"B-{n}"), one_each) for n in range(50)))
        assert [(await anext(changes)).seq for _ in range(100)] == list(range(1, 101))


async def test_a_failing_planner_costs_no_event(tmp_path: Path) -> None:
    def broken(event: Posted, before: Order | None, after: Order) -> Plan:
        if event.event.id == "bad":
            raise KeyError(PHONE)
        return one_each(event, before, after)

    async with open_box(tmp_path) as box:
        answers = await box.spool.accept_many([posted("good"), posted("bad", ref="B-2")], broken)
        assert all(isinstance(answer, Acceptance) for answer in answers)
        (failed,) = (await box.views.messages(order_ref="B-2", limit=10)).items
        assert (failed.state, failed.audience, failed.via) == (State.FAILED, "team", ())
        assert "KeyError" in failed.reason
        assert PHONE not in failed.reason


async def test_a_message_that_exists_is_not_planned_again(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.spool.accept(posted("e1"), plans(planned("same")))
        answers = await box.spool.accept_many([posted("e2"), posted("e3")], plans(planned("same"), planned("other")))
        assert all(isinstance(answer, Acceptance) for answer in answers)
        assert [m.id for m in (await box.views.messages(limit=10)).items] == ["other", "same"]
        assert (await box.audit.verify()).ok


async def test_a_message_without_a_channel_is_a_visible_failure(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box, planned(via=()))
        assert (message.state, message.reason) == (State.FAILED, "its route names no channel")


# ---------------------------------------------------------------- supersede and drop


async def test_newer_news_supersedes_older_of_its_family(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.spool.accept(posted("e1", "order.placed"), one_each)
        await box.spool.accept(posted("e2", "order.ready"), one_each)
        older = await message_of(box, "m_e1")
        assert (older.state, older.reason) == (State.SUPERSEDED, "order.ready came meanwhile")
        assert await due_ids(box) == ["m_e2"]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"trigger": "payment.failed"}, {"trigger": "payment.confirmed"}),
        ({"trigger": "return.received"}, {"trigger": "return.requested"}),
        ({"trigger": "order.placed"}, {"trigger": "refund.issued"}),
        ({"trigger": "order.placed", "policy": Policy(supersede=False)}, {"trigger": "order.ready"}),
        ({"trigger": "order.placed"}, {"trigger": "order.ready", "policy": Policy(supersede=False)}),
        ({"trigger": "order.placed", "policy": Policy(manual=True)}, {"trigger": "order.ready"}),
        ({"trigger": "order.placed"}, {"trigger": "order.ready", "policy": Policy(manual=True)}),
        ({"trigger": "order.placed", "recipient": "team"}, {"trigger": "order.ready"}),
    ],
)
async def test_what_is_not_superseded(tmp_path: Path, older: dict[str, object], newer: dict[str, object]) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box, planned("older", **older), id="e1")
        await accept_one(box, planned("newer", **newer), id="e2")
        assert await state_of(box, "older") is State.QUEUED


async def test_messages_of_one_event_do_not_supersede_each_other(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.spool.accept(posted(), plans(planned("a"), planned("b")))
        assert await due_ids(box) == ["a"]
        assert await state_of(box, "b") is State.QUEUED


async def test_one_that_ends_as_planned_supersedes_nothing(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box, planned("older"), id="e1")
        await accept_one(box, planned("late", state=State.SUPERSEDED, reason=Reason("too late")), id="e2")
        assert await state_of(box, "older") is State.QUEUED


async def test_one_under_way_is_superseded_when_it_comes_back_unsent(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        older = await accept_one(box, planned("older"), id="e1")
        attempt = await begin(box, older)
        await accept_one(box, planned("newer"), id="e2")
        assert await state_of(box, "older") is State.SENDING
        ended = await box.spool.settle(attempt, Deferred("busy"), Transition(state=State.QUEUED, reason=Reason("busy")))
        assert ended.state is State.SUPERSEDED
        assert await due_ids(box) == ["newer"]


async def test_what_is_in_doubt_is_not_sent_again_behind_the_news_that_took_its_place(tmp_path: Path) -> None:
    """The counter asked about "confirmed" when "ready" was told already: sent again, the customer heard the old after the new."""
    async with open_box(tmp_path) as box:
        older = await accept_one(box, planned("older"), id="e1")
        await box.spool.settle(await begin(box, older), Unknown("cut off"), Transition(state=State.UNKNOWN))
        newer = await accept_one(box, planned("newer"), id="e2")
        with pytest.raises(IllegalMove, match="newer news"):
            await box.spool.retry("older", actor="Mia")
        await box.spool.take_back([newer.id], actor="Mia")
        assert (await box.spool.retry("older", actor="Mia")).state is State.QUEUED


async def test_payment_confirmed_drops_a_waiting_payment_failed(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box, planned("failed", trigger="payment.failed", due_at=NOW + 900_000), id="e1")
        await box.spool.accept(posted("e2", "payment.confirmed"), plans(drops=("payment.failed",)))
        dropped = await message_of(box, "failed")
        assert (dropped.state, dropped.reason) == (State.SUPERSEDED, "payment.confirmed came meanwhile")


@pytest.mark.parametrize(("supersede", "state"), [(True, State.SUPERSEDED), (False, State.QUEUED)])
async def test_the_end_of_an_order_drops_what_newer_news_may_replace(
    tmp_path: Path, supersede: bool, state: State
) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box, planned("ready", trigger="order.ready", policy=Policy(supersede=supersede)), id="e1")
        await box.spool.accept(posted("e2", "order.cancelled"), plans(drops=("order.ready",)))
        assert await state_of(box, "ready") is state


# ---------------------------------------------------------------- promised for another time


HOUR = 3_600_000


def moves(old: int, new: int) -> Planner:
    return lambda event, before, after: Plan((), moved={old: new})


def reminder(id: str = "reminder", moment: int = NOW + 5 * HOUR, **changes: Any) -> PlannedMessage:
    return planned(id, due_at=moment, relative=False, expires_at=moment + HOUR, **changes)


async def test_a_reminder_goes_with_the_promised_time(tmp_path: Path) -> None:
    """Whose order is for next week is not called to the shop today; nor by a reminder that waits for the end of the night."""
    old, new = NOW + 5 * HOUR, NOW + 50 * HOUR
    async with open_box(tmp_path) as box:
        waiting = await accept_one(box, reminder(), id="e1")
        await box.spool.move(waiting.seq, Transition(state=State.QUEUED, reason=Reason("quiet"), due_at=old + 9 * HOUR))
        await accept_one(box, planned("other", recipient="team", due_at=old + 1, relative=False), id="e2")
        await box.spool.accept(posted("e3", "order.changed"), moves(old, new))
        moved = await message_of(box, "reminder")
        assert (moved.due_at, moved.expires_at, moved.state) == (new, new + HOUR, State.QUEUED)
        assert moved.reason.code == "promised_anew"
        assert (await message_of(box, "other")).due_at == old + 1
        await box.spool.accept(posted("e4", "order.changed"), moves(new, old))
    async with open_box(tmp_path) as box:
        assert await due_ids(box, now=old - 1) == []
        assert await due_ids(box, now=old) == ["reminder"]
        assert (await message_of(box, "reminder")).expires_at == old + HOUR


async def test_a_reminder_whose_moment_is_over_by_the_new_time_goes_now(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box, reminder(), id="e1")
        await box.spool.accept(posted("e2", "order.changed"), moves(NOW + 5 * HOUR, NOW - 2 * HOUR))
        assert await due_ids(box) == ["reminder"]
        assert (await message_of(box, "reminder")).expires_at == NOW + HOUR


async def test_what_is_held_goes_with_the_promised_time_too(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box, reminder(), id="e1")
        await box.spool.hold("B-1", actor="Ada", reason="")
        await box.spool.accept(posted("e2", "order.changed"), moves(NOW + 5 * HOUR, NOW + 50 * HOUR))
        assert await state_of(box, "reminder") is State.HELD
        await box.spool.release("B-1", actor="Ada", reason="")
        assert await due_ids(box, now=NOW + 49 * HOUR) == []
        assert await due_ids(box, now=NOW + 50 * HOUR) == ["reminder"]


async def test_one_under_way_comes_back_for_another_time_only_where_it_does_not_leave(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        leaving = await accept_one(box, reminder(), id="e1")
        clock.step(5 * 3600)
        attempt = await begin(box, leaving)
        assert await box.spool.wanted(attempt) is not None
        await box.spool.accept(posted("e2", "order.changed"), moves(NOW + 5 * HOUR, NOW + 50 * HOUR))
        assert await state_of(box, "reminder") is State.SENDING
        assert await box.spool.wanted(attempt) is None
        await box.spool.interrupt(attempt)
        assert (await due_ids(box, now=NOW + 49 * HOUR), await due_ids(box, now=NOW + 50 * HOUR)) == ([], ["reminder"])


# ---------------------------------------------------------------- the disk


async def test_events_are_refused_while_space_is_short_and_sending_goes_on(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
    async with open_box(tmp_path, reserve=2**62) as box:
        with pytest.raises(StorageFull, match="make room"):
            await box.spool.accept(posted("e2"), one_each)
        attempt = await begin(box, message)
        assert attempt.n == 1
