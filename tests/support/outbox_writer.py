"""A process that writes to an outbox as fast as it can, and says what it was told: for those who kill it."""

import asyncio
import random
from multiprocessing.connection import Connection
from pathlib import Path

from outbox import Outbox, Refusal
from outbox.clock import Clock, SystemClock
from outbox.digest import FixedKey
from outbox.model import State, Transition
from outbox.outcome import Accepted
from tests.support.outbox_box import PHONE, one_each, posted

POSTERS = 4


def write(path: Path, start: int, told: Connection) -> None:
    """Until it is killed. `start` tells its ids from those of the writers before."""
    asyncio.run(_write(path, start, told))


async def _write(path: Path, start: int, told: Connection) -> None:
    clock = SystemClock()
    async with Outbox.open(path, clock=clock, rng=random.Random(1), keys=FixedKey(b"k" * 32), reserve=0) as box:
        await box.spool.rescue()
        told.send(("open", str(start)))
        async with asyncio.TaskGroup() as group:
            for poster in range(POSTERS):
                group.create_task(_post(box, clock, f"{start}-{poster}", told))
            group.create_task(_send(box, clock, told))


async def _post(box: Outbox, clock: Clock, name: str, told: Connection) -> None:
    n = 0
    while True:
        n += 1
        id = f"{name}-{n}"
        await box.spool.accept(posted(id, ref=id, at=clock.now()), one_each)
        told.send(("taken", id))


async def _send(box: Outbox, clock: Clock, told: Connection) -> None:
    while True:
        for due in await box.spool.due("twilio", now=clock.now(), limit=8):
            attempt = await box.spool.begin(due.message.seq, channel="twilio", via_index=0, medium="sms", address=PHONE)
            assert not isinstance(attempt, Refusal)
            told.send(("left", due.message.id))
            await box.spool.settle(attempt, Accepted(attempt.message_id), Transition(state=State.SENT))
            told.send(("settled", due.message.id))
