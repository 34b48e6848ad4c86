"""What looking an attempt up has shown, and what became of its message meanwhile."""

from pathlib import Path

import pytest

from outbox.model import State, Transition
from outbox.outcome import Accepted, Deferred, Outcome, Unknown
from tests.support.outbox_box import NOW, SENT, accept_one, begin, open_box

IN_DOUBT = Transition(state=State.UNKNOWN, due_at=NOW)


@pytest.mark.parametrize(
    ("shown", "to", "state"),
    [
        (Deferred("it had not arrived"), Transition(state=State.QUEUED), State.UNKNOWN),
        (Unknown("the provider can't tell"), Transition(state=State.QUEUED), State.UNKNOWN),
        (Accepted("SM1"), SENT, State.SENT),
    ],
    ids=["absent", "unclear", "found"],
)
async def test_that_an_earlier_try_did_not_arrive_says_nothing_of_a_later_one(
    tmp_path: Path, shown: Outcome, to: Transition, state: State
) -> None:
    """Staff sent it again while its provider was asked, and that try was cut too: it went out a third time at once."""
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        first = await begin(box, message)
        await box.spool.settle(first, Unknown("cut"), IN_DOUBT)
        await box.spool.retry(message.id, actor="Mia")
        await box.spool.settle(await begin(box, message), Unknown("cut"), IN_DOUBT)
        assert (await box.spool.resolve(first, shown, to)).state is state
        outcomes = [attempt.outcome for attempt in await box.views.attempts([message.id])]
        assert outcomes == ["accepted" if state is State.SENT else "unknown", "unknown"]
