"""After a restore: what waited for staff's word goes on with it, and nothing else does."""

from pathlib import Path

import pytest

from outbox import Outbox
from outbox.batch import Batch
from outbox.confirmation import SPOILT, WHY, WHY_REPAIRED, Free, RestoredFrom
from outbox.errors import StorageBusy
from outbox.model import State, Transition
from outbox.reasons import Reason
from tests.support.outbox_box import NOW, accept_one, open_box, planned, state_of

FROM = RestoredFrom("tether-1.backup", NOW - 1000, NOW)
PUMPED = Reason("one of too many new numbers that begin alike: staff decide", "sms_pumping")


async def held(box: Outbox, id: str, why: Reason) -> str:
    message = await accept_one(box, planned(id), id=id, ref=id)
    await box.spool.move(message.seq, Transition(state=State.HELD, reason=why, counts=False))
    assert await state_of(box, id) is State.HELD
    return id


async def test_what_looks_like_fraud_is_still_held_after_it(tmp_path: Path) -> None:
    """Whoever has texts sent to a block of numbers waits for the next restore: its confirmation says nothing of them."""
    async with open_box(tmp_path) as box:
        await box.confirmation.ask(FROM)
        waited, pumped = await held(box, "waited", WHY), await held(box, "pumped", PUMPED)
        mended = await held(box, "mended", WHY_REPAIRED)
        assert await box.confirmation.confirm(actor="Mia") == 2
        assert [await state_of(box, id) for id in (waited, mended)] == [State.QUEUED] * 2
        assert await state_of(box, pumped) is State.HELD
        assert await box.confirmation.confirm(actor="Mia") is None


async def test_a_power_cut_while_they_are_freed_leaves_it_to_be_confirmed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outbox.confirmation.SLICE", 1)
    async with open_box(tmp_path) as box:
        await box.confirmation.ask(FROM)
        ids = [await held(box, f"m{n}", WHY) for n in range(3)]
        apply = Free.apply

        def cut(self: Free, batch: Batch) -> int:
            if batch.db.execute("SELECT 1 FROM message WHERE state = 'queued'").fetchone():
                raise OSError("the power is gone")
            return apply(self, batch)

        monkeypatch.setattr(Free, "apply", cut)
        with pytest.raises(StorageBusy, match="power"):
            await box.confirmation.confirm(actor="Mia")
        monkeypatch.setattr(Free, "apply", apply)
        assert await box.confirmation.awaited() == FROM
        assert await box.confirmation.confirm(actor="Mia") == 2
        assert [await state_of(box, id) for id in ids] == [State.QUEUED] * 3


async def test_what_waits_goes_on_also_where_it_is_not_known_any_more_that_it_does(tmp_path: Path) -> None:
    """The card lost the note of it: staff read that nothing waited, and the texts were held for good."""
    async with open_box(tmp_path) as box:
        waited = await held(box, "waited", WHY)
        assert await box.confirmation.confirm(actor="Mia") == 1
        assert await state_of(box, waited) is State.QUEUED


async def test_a_note_of_it_that_a_card_has_spoilt_has_texts_wait(tmp_path: Path) -> None:
    """It ended each start."""
    async with open_box(tmp_path) as box:
        await box.notes.set("restored", "{")
        assert await box.confirmation.awaited() == SPOILT
        assert await box.confirmation.confirm(actor="Mia") == 0
        assert await box.confirmation.awaited() is None
