"""Receipts come twice, late, out of turn and too early: each says no less than those before, and none is lost."""

import asyncio
from pathlib import Path

import pytest

from outbox import Outbox
from outbox.model import State, Transition
from outbox.outcome import Accepted, Deferred, Outcome, ReceiptState, Unknown
from outbox.reasons import Reason
from outbox.receipts import GoOn
from outbox.silence import Silence
from tests.support.outbox_box import (
    NOW,
    SENT,
    Update,
    accept_one,
    begin,
    due_ids,
    message_of,
    open_box,
    planned,
    send,
    state_of,
)

DELIVERED, UNDELIVERED, READ = ReceiptState.DELIVERED, ReceiptState.UNDELIVERED, ReceiptState.READ


NEXT = GoOn(Reason("could not be delivered"), ("modem", "sendgrid"))


async def test_a_receipt_finds_its_attempt_by_the_providers_id(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await send(box, message, Accepted("P1"))
        ended = await box.receipts.apply("twilio", Update(state=DELIVERED, provider_id="P1", code="0", at=NOW + 9))
        assert ended is not None
        assert ended.state is State.DELIVERED
        (attempt,) = await box.views.attempts([message.id])
        assert (attempt.receipt, attempt.receipt_at, attempt.receipt_detail) == (DELIVERED, NOW + 9, "0")


async def test_a_receipt_finds_its_attempt_by_our_reference(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await send(box, message, Deferred("busy"), Transition(state=State.QUEUED))
        await send(box, message, Deferred("busy"), Transition(state=State.QUEUED))
        await send(box, message, Accepted(""))
        assert await box.receipts.apply("twilio", Update(state=DELIVERED, reference="m1.9")) is None
        assert await box.receipts.apply("twilio", Update(state=ReceiptState.SENT, reference="m1.1")) is not None
        assert await state_of(box, "m1") is State.SENT
        await box.receipts.apply("twilio", Update(state=DELIVERED, reference="m1.3", provider_id="P7"))
        assert await state_of(box, "m1") is State.DELIVERED
        attempts = await box.views.attempts(["m1"])
        assert [(one.receipt, one.provider_id) for one in attempts] == [
            (ReceiptState.SENT, ""),
            (None, ""),
            (DELIVERED, "P7"),
        ]


async def test_ids_of_another_channel_are_not_ours(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await send(box, await accept_one(box), Accepted("P1"))
        assert await box.receipts.apply("vonage", Update(state=DELIVERED, provider_id="P1")) is None
        assert await state_of(box, "m1") is State.SENT


async def test_old_attempts_are_found_among_many(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        for n in range(200):
            await send(box, await accept_one(box, planned(f"m{n}"), id=f"e{n}", ref=f"B-{n}"))
        for n in (0, 63, 64, 199):
            await box.receipts.apply("twilio", Update(state=DELIVERED, provider_id=f"P-m{n}"))
            assert await state_of(box, f"m{n}") is State.DELIVERED


async def test_an_undelivered_message_goes_on_to_a_channel_that_the_caller_names(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await send(box, await accept_one(box), Accepted("P1"))
        moved = await box.receipts.apply("twilio", Update(state=UNDELIVERED, provider_id="P1"), NEXT)
        assert moved is not None
        assert (moved.state, moved.channel) == (State.QUEUED, "modem")
        assert await due_ids(box, "modem") == ["m1"]


async def test_without_a_word_of_the_caller_it_fails(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await send(box, await accept_one(box), Accepted("P1"))
        await box.receipts.apply("twilio", Update(state=UNDELIVERED, provider_id="P1"))
        assert await state_of(box, "m1") is State.FAILED


async def test_a_late_failure_of_an_earlier_attempt_moves_nothing(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await send(box, message, Accepted("P1"))
        moved = await box.receipts.apply("twilio", Update(state=UNDELIVERED, provider_id="P1"), NEXT)
        assert moved is not None
        await send(box, moved, Accepted("P2"), channel="modem")
        await box.receipts.apply("twilio", Update(state=UNDELIVERED, provider_id="P1", at=NOW + 1), NEXT)
        assert await state_of(box, "m1") is State.SENT


@pytest.mark.parametrize("between", [0, 64])
async def test_one_by_an_id_that_all_tries_have_is_of_the_newest(tmp_path: Path, between: int) -> None:
    """Of a mail that staff tried again, which failed again, the first try was told once more: it stayed "sent" for good."""
    async with open_box(tmp_path) as box:
        message = await accept_one(box, planned(via=("twilio",)))
        failed = Update(state=UNDELIVERED, provider_id="P1")
        await send(box, message, Accepted("P1"))
        await box.receipts.apply("twilio", failed)
        await box.spool.retry("m1", actor="Mia")
        for n in range(between):
            await send(box, await accept_one(box, planned(f"n{n}"), id=f"n{n}", ref=f"N-{n}"))
        await send(box, message, Accepted("P1"))
        await box.receipts.apply("twilio", failed)
        assert await state_of(box, "m1") is State.FAILED
        assert [one.receipt for one in await box.views.attempts(["m1"])] == [UNDELIVERED, UNDELIVERED]


async def test_receipts_only_say_more(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await send(box, await accept_one(box), Accepted("P1"))
        for state in (ReceiptState.SENT, DELIVERED, DELIVERED, UNDELIVERED, ReceiptState.SENT, READ):
            await box.receipts.apply("twilio", Update(state=state, provider_id="P1"), NEXT)
        (attempt,) = await box.views.attempts(["m1"])
        assert attempt.receipt is READ
        assert await state_of(box, "m1") is State.DELIVERED
        kinds = [row.kind for row in (await box.audit.list(kind="receipt", limit=50)).items]
        assert kinds == ["receipt.read", "receipt.ignored", "receipt.ignored", "receipt.delivered", "receipt.sent"]


async def test_a_delivery_that_comes_late_ends_a_repeat(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        attempt = await begin(box, message)
        await box.spool.settle(attempt, Unknown("cut"), Transition(state=State.QUEUED, possible_duplicate=True))
        await box.receipts.apply("twilio", Update(state=DELIVERED, reference="m1.1"))
        assert await state_of(box, "m1") is State.DELIVERED
        assert await due_ids(box) == []


@pytest.mark.parametrize("state", [State.FAILED, State.EXPIRED, State.SUPERSEDED, State.CANCELLED, State.HELD])
async def test_a_late_delivery_is_the_truth_whatever_became_of_the_message(tmp_path: Path, state: State) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await send(box, message, Unknown("cut"), Transition(state=state, reason=Reason("x")))
        await box.receipts.apply("twilio", Update(state=DELIVERED, reference="m1.1"))
        assert await state_of(box, "m1") is State.DELIVERED


async def test_a_receipt_that_comes_before_its_settlement_is_kept(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        attempt = await begin(box, message)
        assert await box.receipts.apply("twilio", Update(state=ReceiptState.SENT, provider_id="P1")) is None
        assert await box.receipts.apply("twilio", Update(state=DELIVERED, provider_id="P1")) is None
        assert await box.receipts.apply("twilio", Update(state=UNDELIVERED, provider_id="P1")) is None
        assert (await box.spool.settle(attempt, Accepted("P1"), SENT, poll_at=NOW)).state is State.DELIVERED
        assert await box.receipts.due(now=NOW, limit=9) == []


async def test_by_reference_it_reaches_an_attempt_under_way(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        attempt = await begin(box, await accept_one(box))
        await box.receipts.apply("twilio", Update(state=DELIVERED, reference="m1.1"))
        assert await state_of(box, "m1") is State.SENDING
        assert (await box.spool.settle(attempt, Accepted("P1"), SENT)).state is State.DELIVERED


async def test_one_that_nobody_awaits_is_on_record_once_for_each_thing_it_says(tmp_path: Path) -> None:
    """The account's other mail, of which each reader tells again and again: the record is kept for good."""
    async with open_box(tmp_path) as box:
        await begin(box, await accept_one(box))
        await tell_of_another_s(box)
        kinds = [row.kind for row in (await box.audit.list(limit=99)).items]
    assert kinds.count("receipt.early") == 3, "that it went, the delivery, and the wish"


@pytest.mark.parametrize("outcome", [None, Accepted("P9"), Unknown("cut")], ids=["other channel", "ended", "resent"])
async def test_one_that_can_be_of_nothing_here_leaves_nothing(tmp_path: Path, outcome: Outcome | None) -> None:
    """A newsletter by the same account: five thousand entries in the record for good, and as many writes of the card."""
    async with open_box(tmp_path) as box:
        message = await accept_one(box, planned(via=("twilio" if outcome else "vonage",)))
        if outcome is None:
            await begin(box, message, channel="vonage")
        else:
            await send(box, message, outcome, SENT if isinstance(outcome, Accepted) else Transition(state=State.QUEUED))
        before = (await box.audit.list(limit=99)).items
        await tell_of_another_s(box)
        assert (await box.audit.list(limit=99)).items == before


async def test_one_is_kept_for_what_is_looked_up(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        attempt = await begin(box, message)
        await box.spool.settle(attempt, Unknown("cut"), Transition(state=State.UNKNOWN, due_at=NOW))
        await box.receipts.apply("twilio", Update(state=DELIVERED, provider_id="P1"))
        await box.spool.settle(attempt, Accepted("P1"), SENT)
        assert await state_of(box, message.id) is State.DELIVERED


async def tell_of_another_s(box: Outbox) -> None:
    silence = Silence("email", "unsubscribed", "SendGrid")
    for state, said in (
        *((ReceiptState.SENT, None), (ReceiptState.SENT, None), (DELIVERED, None), (DELIVERED, None)),
        *((ReceiptState.SENT, silence), (DELIVERED, silence)),
    ):
        await box.receipts.apply("twilio", Update(state=state, provider_id="P1"), silence=said)


async def test_one_of_another_boxs_reference_is_kept_by_none(tmp_path: Path) -> None:
    """Stores that share an account are told of each other's mail."""
    async with open_box(tmp_path) as box:
        await box.receipts.apply("twilio", Update(state=DELIVERED, provider_id="P1", reference="m9.1"))
        assert (await box.audit.list(limit=9)).items == []


@pytest.mark.parametrize(("via", "state"), [(("twilio", "modem"), State.QUEUED), (("twilio",), State.FAILED)])
async def test_an_early_failure_moves_on_when_it_is_settled(tmp_path: Path, via: tuple[str, ...], state: State) -> None:
    async with open_box(tmp_path) as box:
        attempt = await begin(box, await accept_one(box, planned(via=via)))
        await box.receipts.apply("twilio", Update(state=UNDELIVERED, provider_id="P1"))
        ended = await box.spool.settle(attempt, Accepted("P1"), SENT)
        assert (ended.state, ended.channel) == (state, via[-1])


async def test_receipts_are_asked_for_when_they_are_due(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        for n in (1, 2):
            attempt = await begin(box, await accept_one(box, planned(f"m{n}"), id=f"e{n}", ref=f"B-{n}"))
            await box.spool.settle(attempt, Accepted(f"P{n}"), SENT, poll_at=NOW + n)
        assert await box.receipts.next_due() == NOW + 1
        (first,) = await box.receipts.due(now=NOW + 1, limit=9)
        assert (first.attempt.provider_id, first.order_ref, first.trigger) == ("P1", "B-1", "order.ready")
        await box.receipts.schedule({first.attempt.seq: NOW + 50})
        assert [one.attempt.provider_id for one in await box.receipts.due(now=NOW + 99, limit=9)] == ["P2", "P1"]
        await box.receipts.apply("twilio", Update(state=DELIVERED, provider_id="P2"))
        await box.receipts.schedule({first.attempt.seq: None})
        assert await box.receipts.next_due() is None


async def test_a_receipt_that_came_while_it_was_asked_for_is_not_asked_for_again(tmp_path: Path) -> None:
    """The provider posts it while its answer to our question, which knows of none, is under way."""
    async with open_box(tmp_path) as box:
        attempt = await begin(box, await accept_one(box))
        await box.spool.settle(attempt, Accepted("P1"), SENT, poll_at=NOW)
        await box.receipts.apply("twilio", Update(state=DELIVERED, provider_id="P1"))
        await box.receipts.schedule({attempt.seq: NOW + 50})
        assert await box.receipts.next_due() is None


async def test_an_attempt_that_was_removed_while_its_receipt_was_asked_for_stands_in_nobodys_way(
    tmp_path: Path,
) -> None:
    async with open_box(tmp_path) as box:
        attempt = await begin(box, await accept_one(box))
        await box.spool.settle(attempt, Accepted("P1"), SENT, poll_at=NOW)
        await box.receipts.schedule({attempt.seq + 1: NOW + 9, attempt.seq: NOW + 50})
        assert await box.receipts.next_due() == NOW + 50


@pytest.mark.parametrize("receipt_first", [True, False])
async def test_a_receipt_that_shares_a_transaction_with_its_settlement_counts(
    tmp_path: Path, receipt_first: bool
) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        attempt = await begin(box, message)
        settling = box.spool.settle(attempt, Accepted("P1"), SENT)
        telling = box.receipts.apply("twilio", Update(state=DELIVERED, provider_id="P1"))
        await asyncio.gather(*((telling, settling) if receipt_first else (settling, telling)))
        assert await state_of(box, message.id) is State.DELIVERED


async def test_early_receipts_out_of_turn_in_the_moment_of_the_answer_say_the_most(tmp_path: Path) -> None:
    """All three are put on record together: the delivery is what counts, whichever of them came last."""
    async with open_box(tmp_path) as box:
        attempt = await begin(box, await accept_one(box))
        await asyncio.gather(
            box.receipts.apply("twilio", Update(state=DELIVERED, provider_id="P1")),
            box.receipts.apply("twilio", Update(state=ReceiptState.SENT, provider_id="P1")),
            box.spool.settle(attempt, Accepted("P1"), SENT),
        )
        assert await state_of(box, "m1") is State.DELIVERED


async def test_one_by_our_reference_hides_none_by_the_providers_id(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        attempt = await begin(box, await accept_one(box))
        await box.receipts.apply("twilio", Update(state=ReceiptState.SENT, reference="m1.1"))
        await box.receipts.apply("twilio", Update(state=DELIVERED, provider_id="P1"))
        assert (await box.spool.settle(attempt, Accepted("P1"), SENT)).state is State.DELIVERED


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("after", [ReceiptState.SENT, DELIVERED])
async def test_an_early_word_on_consent_counts_whatever_is_told_beside_it(
    tmp_path: Path, after: ReceiptState, together: bool
) -> None:
    async with open_box(tmp_path) as box:
        attempt = await begin(box, await accept_one(box))
        silence = Silence("sms", "21610", "Twilio")
        turns = [
            box.receipts.apply("twilio", Update(state=UNDELIVERED, provider_id="P1"), silence=silence),
            box.receipts.apply("twilio", Update(state=after, provider_id="P1")),
            box.spool.settle(attempt, Accepted("P1"), SENT),
        ]
        if together:
            await asyncio.gather(*turns)
        else:
            for turn in turns:
                await turn
        why = await box.consent.blocked("sms", attempt.address)
        assert why is not None
        assert why == Reason("21610", "opted_out", medium="sms", since=NOW, how="21610")


@pytest.mark.parametrize("early", [False, True])
async def test_what_did_not_arrive_while_staff_hold_its_order_waits_for_them(tmp_path: Path, early: bool) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        attempt = await begin(box, message)
        if not early:
            await box.spool.settle(attempt, Accepted("P1"), SENT)
        await box.spool.hold("B-1", actor="Ada", reason="she rang")
        await box.receipts.apply("twilio", Update(state=UNDELIVERED, provider_id="P1"), NEXT)
        if early:
            await box.spool.settle(attempt, Accepted("P1"), SENT)
        assert await state_of(box, "m1") is State.HELD
        await box.spool.release("B-1", actor="Ada", reason="")
        assert await due_ids(box, "modem") == ["m1"]


@pytest.mark.parametrize("early", [False, True])
async def test_a_repeat_that_fails_is_no_reason_to_tell_them_again_what_has_arrived(
    tmp_path: Path, early: bool
) -> None:
    """Carriers drop the second of two equal texts, and say so."""
    async with open_box(tmp_path) as box:
        await send(box, await accept_one(box), Unknown("timeout"), Transition(state=State.QUEUED))
        repeat = await begin(box, await message_of(box, "m1"))
        await box.receipts.apply("twilio", Update(state=DELIVERED, reference="m1.1"))
        if not early:
            await box.spool.settle(repeat, Accepted("P2"), SENT)
        await box.receipts.apply("twilio", Update(state=UNDELIVERED, provider_id="P2"), NEXT)
        if early:
            await box.spool.settle(repeat, Accepted("P2"), SENT)
        assert await state_of(box, "m1") is State.DELIVERED


async def test_what_did_not_arrive_in_the_moment_in_which_staff_hold_its_order_waits_too(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await send(box, await accept_one(box), Accepted("P1"))
        await asyncio.gather(
            box.spool.hold("B-1", actor="Ada", reason="she rang"),
            box.receipts.apply("twilio", Update(state=UNDELIVERED, provider_id="P1"), NEXT),
        )
        assert await state_of(box, "m1") is State.HELD
