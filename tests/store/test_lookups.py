"""What looking an attempt up has shown, and what became of its message meanwhile."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from outbox.model import State, Transition
from outbox.outcome import Accepted, Deferred, Outcome, Unknown
from tests.support.outbox_box import NOW, SENT, accept_one, begin, open_box, send

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


async def test_what_is_looked_up_is_settled_though_a_later_try_is_lost(tmp_path: Path) -> None:
    """An earlier repair left it so: it was asked about again at once, without end."""
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await send(box, message, Unknown("cut"), Transition(state=State.QUEUED))
        await send(box, message, Unknown("cut"), IN_DOUBT)
    with closing(sqlite3.connect(tmp_path / "tether.db", isolation_level=None)) as db:
        db.execute("DELETE FROM attempt WHERE n = 2")
        db.execute("UPDATE message SET last_attempt = (SELECT seq FROM attempt)")
    async with open_box(tmp_path) as box:
        ((_, attempt),) = await box.spool.unknowns(now=NOW, limit=9)
        await box.spool.resolve(attempt, Unknown("the provider can't tell"), Transition(state=State.UNKNOWN))
        assert await box.spool.unknowns(now=NOW, limit=9) == []
