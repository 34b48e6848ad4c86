"""Who comes alone: what takes the event in also puts the first tries of its messages on record, one commit for both."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from outbox import Outbox, Refusal, write_queue
from outbox.batch import Batch
from outbox.errors import StorageBusy
from outbox.model import Attempt, Due, Order, Plan, Posted, State, Transition
from outbox.outcome import Accepted
from outbox.reasons import Reason
from outbox.writer import Operation
from tests.support.outbox_box import NOW, PHONE, SENT, ids, message_of, one_each, open_box, planned, posted, state_of


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else this machine does: who was promised comes."""
    monkeypatch.setattr(write_queue, "FOLLOW", 60.0)


class Breaks(Operation[None]):
    """Joins an event's transaction and has it undone."""

    def __init__(self, seq: int, error: Exception) -> None:
        self.seq = seq
        self.error = error

    @property
    def follows(self) -> int:
        return self.seq

    def apply(self, batch: Batch) -> None:
        batch.record("half.done")
        raise self.error


def unreadable() -> sqlite3.Error:
    """As a dying card answers, of a page that only a try looks at."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error


class Told:
    """A box that counts its commits, and what it handed over before and after them."""

    def __init__(self, box: Outbox) -> None:
        self.commits = 0
        self.offered: list[Due] = []
        self.fresh: list[Due] = []
        self.work: list[asyncio.Task[Any]] = []
        box.when_committed(self._count)
        box.spool.on_fresh = self.fresh.extend

    def _count(self) -> None:
        self.commits += 1

    def take_up(self, work: Callable[[Due], Coroutine[Any, Any, Any]]) -> Callable[[Sequence[Due]], int]:
        """For `on_offer`: each is worked on by a task."""

        def offer(dues: Sequence[Due]) -> int:
            self.offered += dues
            self.work += [asyncio.get_running_loop().create_task(work(due)) for due in dues]
            return len(dues)

        return offer


def begins(box: Outbox) -> Callable[[Due], Coroutine[Any, Any, Attempt | Refusal]]:
    async def begin(due: Due) -> Attempt | Refusal:
        return await box.spool.begin(due.message.seq, channel="twilio", via_index=0, medium="sms", address=PHONE)

    return begin


async def test_a_lone_event_and_its_first_try_are_one_commit(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        told = Told(box)
        box.spool.on_offer = told.take_up(begins(box))
        await box.spool.accept(posted(), one_each)
        (attempt,) = await asyncio.gather(*told.work)
        assert (told.commits, ids(told.offered), told.fresh) == (1, ["m_e1"], [])
        assert await state_of(box, "m_e1") is State.SENDING
        assert (await box.spool.settle(attempt, Accepted("P1"), SENT)).state is State.SENT
        kinds = [entry.kind for entry in (await box.audit.list(limit=9)).items][::-1]
        assert kinds == ["event.accepted", "message.queued", "message.sending", "attempt.accepted", "message.sent"]
        assert (await box.audit.verify()).ok


async def test_what_is_offered_is_what_would_be_read(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        told = Told(box)
        box.spool.on_offer = lambda dues: told.offered.extend(dues) or 0
        await box.spool.accept(posted(order={"total": "9.99"}), one_each)
        assert told.offered == told.fresh == await box.spool.due("twilio", now=NOW, limit=9)


async def test_a_move_shares_the_commit_too(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        told = Told(box)
        later = Transition(state=State.HELD, reason=Reason("not now"))
        box.spool.on_offer = told.take_up(lambda due: box.spool.move(due.message.seq, later))
        await box.spool.accept(posted(), one_each)
        assert (told.commits, told.fresh) == (1, [])
        assert await state_of(box, "m_e1") is State.HELD


async def test_nobody_waits_where_nobody_tries(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        told = Told(box)
        box.spool.on_offer = lambda dues: 0
        await asyncio.wait_for(box.spool.accept(posted(), one_each), 30)
        assert ids(told.fresh) == ["m_e1"]


async def test_a_try_that_does_not_come_is_not_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_queue, "FOLLOW", 0.01)
    async with open_box(tmp_path) as box:
        told = Told(box)
        gate = asyncio.Event()

        async def slow(due: Due) -> Attempt | Refusal:
            await gate.wait()
            return await begins(box)(due)

        box.spool.on_offer = told.take_up(slow)
        await box.spool.accept(posted(), one_each)
        assert ids(told.fresh) == ["m_e1"], "told of as if it had not been offered"
        gate.set()
        (attempt,) = await asyncio.gather(*told.work)
        assert isinstance(attempt, Attempt)
        assert told.commits == 2


async def test_who_comes_with_many_or_right_after_another_is_answered_first(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        told = Told(box)
        box.spool.on_offer = told.take_up(begins(box))
        await box.spool.accept_many([posted(f"e{n}", ref=f"B-{n}") for n in range(9)], one_each)
        await box.spool.accept(posted("f1", ref="C-1"), one_each)
        assert told.offered == []
        assert len(told.fresh) == 10


async def test_an_opt_out_is_heeded_before_the_commit(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.consent.stop("sms", PHONE, reason="STOP", actor="")
        told = Told(box)
        box.spool.on_offer = told.take_up(begins(box))
        await box.spool.accept(posted(), one_each)
        (refused,) = await asyncio.gather(*told.work)
        assert isinstance(refused, Refusal)
        assert refused.opted_out
        assert ids(told.fresh) == ["m_e1"]


def undone(box: Outbox, told: Told, error: Exception) -> Callable[[Sequence[Due]], int]:
    """For `on_offer`: the first is begun, and then something joins that has it all undone."""

    def offer(dues: Sequence[Due]) -> int:
        seq = dues[0].message.seq
        told.take_up(begins(box))(dues)
        told.work.append(asyncio.get_running_loop().create_task(_write(box, Breaks(seq, error))))
        return 2

    return offer


async def _write(box: Outbox, operation: Operation[None]) -> None:
    await box._store.write(operation)


@pytest.mark.parametrize("error", [ZeroDivisionError(), unreadable()], ids=["mistake", "dying card"])
async def test_what_undoes_the_transaction_leaves_nothing_begun(tmp_path: Path, error: Exception) -> None:
    """The event is taken all the same; the try that was begun with it is none, and the message goes as any other."""
    async with open_box(tmp_path) as box:
        told = Told(box)
        box.spool.on_offer = undone(box, told, error)
        await box.spool.accept(posted(), one_each)
        begun, broken = await asyncio.gather(*told.work, return_exceptions=True)
        assert isinstance(begun, Refusal)
        assert isinstance(broken, ZeroDivisionError | StorageBusy)
        message = await message_of(box, "m_e1")
        assert (message.state, message.attempt_count) == (State.QUEUED, 0)
        assert [due.message.seq for due in told.fresh] == [message.seq]
        assert (await box.audit.verify()).ok


async def test_a_number_that_was_shown_is_never_anothers(tmp_path: Path) -> None:
    """Else who still prepares what was undone would send its text to its customer in another one's name."""
    async with open_box(tmp_path) as box:
        told = Told(box)
        plans = [Plan((planned("gone"),))]

        def once(event: Posted, before: Order | None, after: Order) -> Plan:
            if not plans:
                raise MemoryError
            return plans.pop()

        box.spool.on_offer = undone(box, told, ZeroDivisionError())
        with pytest.raises(StorageBusy):
            await box.spool.accept(posted("e1"), once)
        await asyncio.gather(*told.work, return_exceptions=True)
        box.spool.on_offer = lambda dues: 0
        await box.spool.accept(posted("e2", ref="B-2"), one_each)
        (shown,) = told.offered
        assert (await message_of(box, "m_e2")).seq > shown.message.seq
        late = await box.spool.begin(shown.message.seq, channel="twilio", via_index=0, medium="sms", address=PHONE)
        assert isinstance(late, Refusal)
        assert await box.spool.move(shown.message.seq, Transition(state=State.FAILED)) is None
        assert await state_of(box, "m_e2") is State.QUEUED
