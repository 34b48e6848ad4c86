"""Attempts that an outage cut stay on record and count for nothing, whatever looking them up shows later."""

from pathlib import Path

from outbox.model import State, Transition
from outbox.outcome import Accepted, Deferred, Unknown
from tests.support.outbox_box import NOW, SENT, accept_one, begin, message_of, open_box, planned

QUEUED = Transition(state=State.QUEUED, due_at=NOW)
UNSURE = Transition(state=State.UNKNOWN, due_at=NOW)


async def test_what_revealed_an_outage_is_taken_out_of_the_count_once(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        attempt = await begin(box, message)
        await box.spool.settle(attempt, Deferred("no connection", code="unreachable", unreachable=True), QUEUED)
        assert (await message_of(box, message.id)).attempt_count == 1
        for _ in range(2):
            await box.spool.uncount([attempt])
            assert (await message_of(box, message.id)).attempt_count == 0
        [kept] = await box.views.attempts([message.id])
        assert (kept.outcome, kept.counts) == ("deferred", False)


async def test_what_waits_for_trouble_that_was_the_lines_may_go_once_that_is_back(tmp_path: Path) -> None:
    """Not what has been moved to the morning since."""
    async with open_box(tmp_path) as box:
        later = Transition(state=State.QUEUED, due_at=NOW + 300_000)
        morning = Transition(state=State.QUEUED, due_at=NOW + 900_000, relative=False)
        for id, moved in (("waits", None), ("quiet", morning)):
            attempt = await begin(box, message := await accept_one(box, planned(id), id=id, ref=id))
            await box.spool.settle(attempt, Unknown("cut", code="no_answer"), later)
            if moved:
                await box.spool.move(message.seq, moved)
            await box.spool.uncount([attempt])
        assert [(await message_of(box, id)).due_at for id in ("waits", "quiet")] == [NOW, NOW + 900_000]


async def test_an_unsure_one_that_had_not_arrived_still_counts_for_nothing(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        attempt = await begin(box, message)
        await box.spool.settle(attempt, Unknown("cut", code="no_answer"), UNSURE)
        await box.spool.uncount([attempt])
        await box.spool.resolve(attempt, Deferred("it had not arrived", code="absent"), QUEUED)
        assert (await message_of(box, message.id)).attempt_count == 0


async def test_an_unsure_one_that_had_arrived_counts(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box, planned("m1"))
        attempt = await begin(box, message)
        await box.spool.settle(attempt, Unknown("cut", code="no_answer"), UNSURE)
        await box.spool.uncount([attempt])
        await box.spool.resolve(attempt, Accepted("SM1"), SENT)
        found = await message_of(box, message.id)
        assert (found.state, found.attempt_count) == (State.SENT, 1)
        await box.spool.uncount([attempt])
        assert (await message_of(box, message.id)).attempt_count == 1, "what succeeded stays"
