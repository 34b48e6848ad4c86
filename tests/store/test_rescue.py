"""An engine is cut while the writer is busy (a card that stalls): what it had asked for is done all the same, before anything is rescued."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from outbox.batch import Batch
from outbox.model import State
from outbox.outcome import Accepted
from outbox.writer import Operation
from tests.support.outbox_box import SENT, accept_one, begin, open_box, state_of


class Stalls(Operation[None]):
    """A card that does not answer for a while."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def apply(self, batch: Batch) -> None:
        self.over.wait(10)


async def cut(doing: Any) -> None:
    task = asyncio.create_task(doing)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("pending", ["begin", "settle"])
async def test_a_rescue_comes_after_what_was_asked_for_before(tmp_path: Path, pending: str) -> None:
    """Else the first stays "sending" with nobody to send it, and the second ends the service."""
    async with open_box(tmp_path) as box:
        message, stall = await accept_one(box), Stalls()
        begun = await begin(box, message) if pending == "settle" else None
        held = box._store.write(stall)
        await cut(begin(box, message) if begun is None else box.spool.settle(begun, Accepted("P1"), SENT))
        rescue = asyncio.create_task(box.spool.rescue())
        await asyncio.sleep(0.1)
        stall.over.set()
        assert await rescue == (1 if begun is None else 0)
        await held
        assert await state_of(box, message.id) is (State.UNKNOWN if begun is None else State.SENT)
