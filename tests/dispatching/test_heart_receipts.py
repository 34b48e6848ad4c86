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


async def test_one_message_that_can_not_be_asked_about_keeps_no_other_s_word_waiting(
    heart: Heart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its provider failed at two of thirty mails, each time: nothing was heard of those behind them, for as long as they were asked about."""
    hopeless = {f"B-{n}" for n in (0, 1)}

    async def receipts(self: Sendgrid, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate] | None:
        return None if sent[0].order_ref in hopeless else await ScriptedChannel.receipts(self, sent)

    monkeypatch.setattr(Sendgrid, "poll", PollPlan(delays=(10, 600, 6000)))
    monkeypatch.setattr(Sendgrid, "receipts", receipts)
    for n in range(30):
        await heart.tell(f"e{n}", "payment.confirmed", f"B-{n}")
    await heart.pass_time(200)
    told = {f"B-{n}": (await heart.states(f"B-{n}"))[0] for n in range(30)}
    assert {ref for ref, state in told.items() if state is not State.DELIVERED} == hopeless
