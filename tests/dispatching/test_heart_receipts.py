"""The later word on what was sent, asked for on a schedule: of each provider by itself."""

from collections.abc import Sequence

import pytest

from daemon.channels.base import PollPlan, ReceiptUpdate, Sent
from outbox.model import State
from tests.support.heart import Heart
from tests.support.scripted import ScriptedChannel, Sendgrid


async def test_a_provider_that_can_not_be_asked_keeps_no_other_s_word_waiting(
    heart: Heart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hung at each of thirty mails in turn: that a text had not arrived was heard five minutes later, and went its next way then."""
    hangs, asked = True, []

    async def receipts(self: Sendgrid, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate] | None:
        asked.append(sent)
        if not hangs:
            return await ScriptedChannel.receipts(self, sent)
        await heart.clock.sleep(10)
        return None

    monkeypatch.setattr(Sendgrid, "poll", PollPlan(delays=(10, 600)))
    monkeypatch.setattr(Sendgrid, "receipts", receipts)
    for n in range(30):
        await heart.tell(f"e{n}", "payment.confirmed", f"B-{n}")
    await heart.tell("e99", "order.ready", "B-99")
    await heart.pass_time(11)
    assert await heart.states("B-99") == [State.DELIVERED]
    await heart.pass_time(40)
    assert len(asked) == 1, "it is left alone for a while"
    hangs = False
    await heart.pass_time(60)
    assert {state for n in range(30) for state in await heart.states(f"B-{n}")} == {State.DELIVERED}


async def test_one_of_which_a_provider_can_tell_nothing_keeps_no_other_s_word_waiting(
    heart: Heart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server failed at that one each time, and the rest was put off with it each time."""

    async def receipts(self: Sendgrid, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate] | None:
        if any(one.order_ref == "B-0" for one in sent):
            return None
        return await ScriptedChannel.receipts(self, sent)

    monkeypatch.setattr(Sendgrid, "poll", PollPlan(delays=(10, 3600, 7200)))
    monkeypatch.setattr(Sendgrid, "receipts", receipts)
    for n in range(3):
        await heart.tell(f"e{n}", "payment.confirmed", f"B-{n}")
    await heart.pass_time(180)
    assert [await heart.states(f"B-{n}") for n in range(3)] == [[State.SENT], [State.DELIVERED], [State.DELIVERED]]
