"""A number that is given out again is another order's: what is kept of the one says nothing of the other."""

from pathlib import Path

import pytest

from outbox import Outbox
from outbox.model import PlannedMessage, State, Transition
from outbox.outcome import Rejected, Scope, Unknown
from tests.support.outbox_box import accept_one, due_ids, open_box, planned, plans, posted, send, state_of

ADA = {"name": "Ada", "phone": "+447700900123"}
KOFI = {"name": "Kofi", "phone": "+447700900456"}
FAILED = Transition(state=State.FAILED)


def cancelled(id: str) -> PlannedMessage:
    return planned(id, trigger="order.cancelled")


async def until_cancelled(box: Outbox, message: PlannedMessage) -> None:
    await box.spool.accept(posted(f"{message.id}-1", "order.placed", "42", customer=ADA), plans())
    await box.spool.accept(posted(f"{message.id}-2", "order.cancelled", "42"), plans(message))


async def given_out_again(box: Outbox, message: PlannedMessage | None = None) -> None:
    event = posted("k-1", "order.placed", "42", customer=KOFI)
    await box.spool.accept(event, plans(*([] if message is None else [message])))


async def test_what_waits_keeps_its_own_order_over_a_restart(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await until_cancelled(box, cancelled("a"))
        await given_out_again(box, planned("k", trigger="order.placed"))
    async with open_box(tmp_path) as box:
        dues = {due.message.id: due.order for due in await box.spool.due("twilio", now=2**50, limit=9)}
        assert {id: (order.customer.name, order.status) for id, order in dues.items()} == {
            "a": ("Ada", "order.cancelled"),
            "k": ("Kofi", "order.placed"),
        }


async def test_what_is_in_doubt_can_be_sent_again(tmp_path: Path) -> None:
    """It was refused for newer news, which was another customer's."""
    async with open_box(tmp_path) as box:
        await until_cancelled(box, cancelled("a"))
        (due,) = await box.spool.due("twilio", now=2**50, limit=9)
        await send(box, due.message, Unknown("cut"), Transition(state=State.UNKNOWN))
        told = planned("k", trigger="order.placed")
        await given_out_again(box, told)
        await box.spool.retry("a", actor="Mia")
        assert await state_of(box, "a") is State.QUEUED
        assert sorted(await due_ids(box, now=2**50)) == ["a", "k"]


@pytest.mark.parametrize("holds_too", [False, True], ids=["free", "held"])
async def test_what_was_held_before_goes_on_when_the_number_is_released(tmp_path: Path, holds_too: bool) -> None:
    """Nothing let it go, and as long as it waited neither customer's data was removed."""
    async with open_box(tmp_path) as box:
        await until_cancelled(box, cancelled("a"))
        await box.spool.hold("42", actor="Mia", reason="a complaint")
        await given_out_again(box, planned("k", trigger="order.placed"))
        assert await due_ids(box) == ["k"]
        if holds_too:
            await box.spool.hold("42", actor="Mia", reason="")
        await box.spool.release("42", actor="Mia", reason="")
        dues = {due.message.id: due.order.customer.name for due in await box.spool.due("twilio", now=2**50, limit=9)}
        assert dues == {"a": "Ada", "k": "Kofi"}


async def test_the_card_is_the_present_orders(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(
            box, planned("a", trigger="order.placed"), id="a-1", type="order.placed", ref="42", customer=ADA
        )
        assert "42" in await box.views.told(["42"])
        await box.spool.accept(posted("a-2", "order.completed", "42"), plans())
        await given_out_again(box)
        assert await box.views.told(["42"]) == {}


async def test_who_was_not_told_is_counted_though_the_next_one_was(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await until_cancelled(box, cancelled("a"))
        (due,) = await box.spool.due("twilio", now=2**50, limit=9)
        await send(box, due.message, Rejected(Scope.RECIPIENT, "21211", "no such number"), FAILED)
        await given_out_again(box)
        await box.spool.accept(posted("k-2", "order.cancelled", "42"), plans(cancelled("k")))
        assert await box.views.count_failed(0, own_words="message.manual") == 1
