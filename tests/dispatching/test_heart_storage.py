"""The database can't be written for a while (the disk is full, another program holds it): what is known is put on record after that, and
what was decided before it is looked at anew."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from daemon.channels.base import Channel, Inbound, ReceiptUpdate
from daemon.dispatch.lane import Lane
from outbox.errors import StorageBusy
from outbox.model import Due, Message, State
from outbox.outcome import Outcome, ReceiptState
from tests.support.heart import Heart, shop
from tests.support.outbox_box import PHONE
from tests.support.scripted import BUSY, CUT, NO_CREDIT, TOOK


async def no_writing(heart: Heart, seconds: float) -> None:
    heart.still.writes_left = 0
    await heart.pass_time(seconds)
    heart.still.writes_left = None
    await heart.pass_time(2)


@pytest.mark.parametrize("outcome", [TOOK, BUSY, NO_CREDIT, CUT], ids=lambda outcome: type(outcome).__name__)
async def test_an_outcome_is_put_on_record_when_it_can_be(heart: Heart, outcome: Outcome) -> None:
    heart.providers.waits = True
    await heart.tell("e1", "payment.failed")
    heart.providers.under_way[0].answer(outcome)
    heart.providers.waits = False
    await no_writing(heart, 5)
    first, *_ = await heart.attempts(await heart.message())
    assert first.outcome is not None
    assert first.code != "interrupted", "it is known, and nobody starts anew for it"


async def test_receipts_and_lookups_go_on(heart: Heart) -> None:
    heart.providers.will("twilio", CUT, TOOK, arrives=True)
    await heart.tell("e1", ref="B-1")
    await heart.tell("e2", ref="B-2")
    await no_writing(heart, 20)
    await heart.pass_time(60)
    assert [await heart.states(ref) for ref in ("B-1", "B-2")] == [[State.DELIVERED]] * 2
    assert len(heart.providers.left) == 2


async def test_the_line_returns_while_nothing_can_be_written(heart: Heart) -> None:
    heart.providers.line_is_cut = True
    await heart.tell("e1", "payment.failed")
    heart.providers.line_is_cut = False
    await no_writing(heart, 20)
    await heart.pass_time(10)
    assert await heart.states() == [State.SENT]


async def test_a_reload_while_nothing_can_be_written_takes_up_what_was_cut(heart: Heart) -> None:
    heart.providers.waits = True
    await heart.tell("e1")
    heart.still.writes_left = 0
    await heart.reload(heart.settings)
    heart.providers.waits = False
    await no_writing(heart, 5)
    await heart.pass_time(10)
    assert await heart.states() == [State.DELIVERED]


async def test_the_hour_is_looked_at_when_it_can_leave(tmp_path: Path) -> None:
    """It could not be put on record before the quiet hours: then it waits for the morning."""
    quiet = {"from": "10:16", "to": "15:00", "media": ["sms"]}
    async with Heart(tmp_path, shop(quiet_hours=quiet)) as heart:
        heart.still.writes_left = 1
        await heart.tell("e1")
        await no_writing(heart, 70)
        message = await heart.message()
        assert (message.reason.code, heart.providers.left) == ("quiet_hours", [])
        assert heart.engine.lanes["twilio"].day.count(heart.clock.now()) == 0


async def test_a_receipt_and_the_opt_out_that_it_tells_of_are_kept_together(heart: Heart) -> None:
    """The process dies after the first of them is on the disk: nobody asks for a receipt again that is there."""
    await heart.tell("e1")
    heart.still.writes_left = 1
    with suppress(StorageBusy):
        await heart.receipt(heart.providers.arrived[0], ReceiptState.UNDELIVERED, opted_out=True)
    await heart.kill()
    await heart.start()
    attempt, *_ = await heart.attempts(await heart.message())
    assert attempt.receipt is ReceiptState.UNDELIVERED
    assert await heart.box.consent.blocked("sms", PHONE) is not None


async def test_a_lone_event_that_leaves_at_once_costs_the_card_two_commits(heart: Heart) -> None:
    """The event with the try of what it leads to; what became of that."""
    commits: list[None] = []
    heart.box.when_committed(lambda: commits.append(None))
    await heart.tell("e1")
    assert await heart.states() == [State.SENT]
    assert len(commits) == 2


async def test_what_is_offered_and_told_of_in_one_turn_of_the_loop_is_tried_once(
    heart: Heart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop was busy for longer than the writer waits."""
    dispatcher, tried = heart.engine.dispatcher, []
    deliver = heart.engine._delivery.deliver

    async def counted(lane: Lane, channel: Channel, due: Due, called_off: int) -> Message | None:
        tried.append(due.message.id)
        return await deliver(lane, channel, due, called_off)

    def late(dues: Sequence[Due]) -> int:
        taken = dispatcher.offer(dues)
        dispatcher.fresh(dues)
        return taken

    monkeypatch.setattr(heart.engine._delivery, "deliver", counted)
    heart.box.spool.on_offer = late
    await heart.tell("e1")
    assert len(tried) == 1


async def test_what_was_called_off_since_a_pump_looked_is_looked_at_before_anything_is_promised(heart: Heart) -> None:
    """What it was handed would be thrown away, and the event's transaction would wait for it."""
    await heart.tell("e0", ref="B-0")
    await heart.box.spool.hold("B-0", actor="Mia", reason="")
    promised: list[int] = []

    def offer(dues: Sequence[Due]) -> int:
        promised.append(heart.engine.dispatcher.offer(dues))
        return promised[-1]

    heart.box.spool.on_offer = offer
    await heart.pass_time(1)
    await heart.tell("e1")
    assert promised == [0]
    assert await heart.states() == [State.SENT]


async def test_a_channel_that_is_resumed_sends_though_the_record_can_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(channel: str) -> Sequence[int]:
        raise StorageBusy("the disk is slow")

    only_text = {"on": "order.*", "to": "customer", "via": ["twilio"]}
    async with Heart(tmp_path, shop(route=[only_text])) as heart:
        await heart.engine.board.pause("twilio", reason="", actor="Mia")
        await heart.tell("e1")
        monkeypatch.setattr(heart.box.spool, "left_aside", busy)
        with pytest.raises(StorageBusy):
            await heart.engine.board.resume("twilio", actor="Mia")
        await heart.still()
        assert await heart.states() == [State.SENT]


async def test_asking_for_a_receipt_and_what_is_said_cost_the_card_one_commit(heart: Heart) -> None:
    await heart.tell("e1")
    commits: list[None] = []
    heart.box.when_committed(lambda: commits.append(None))
    await heart.pass_time(11)
    assert await heart.states() == [State.DELIVERED]
    assert len(commits) == 1


async def test_what_a_provider_posts_at_once_costs_the_card_one_commit(heart: Heart) -> None:
    """Of a mail provider that had a backlog it was hundreds, and the answer came so late that all was posted again."""
    channel = heart.engine.lanes["sendgrid"].channel
    assert channel is not None
    for n in range(50):
        await heart.tell(f"e{n}", "payment.confirmed", f"B-{n}")
    posted = [ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=one.provider_id) for one in heart.providers.left]
    commits: list[None] = []
    heart.box.when_committed(lambda: commits.append(None))
    await heart.engine.receipts.apply_inbound(channel, Inbound(receipts=posted))
    assert len(commits) <= 2
    assert {state for n in range(50) for state in await heart.states(f"B-{n}")} == {State.DELIVERED}


async def test_of_what_a_provider_posts_at_once_a_failure_to_keep_it_is_told(heart: Heart) -> None:
    channel = heart.engine.lanes["sendgrid"].channel
    assert channel is not None
    await heart.tell("e1", "payment.confirmed")
    heart.still.writes_left = 0
    posted = [ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=one.provider_id) for one in heart.providers.left]
    with pytest.raises(StorageBusy):
        await heart.engine.receipts.apply_inbound(channel, Inbound(receipts=posted))
