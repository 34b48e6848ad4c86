"""What works for headquarters and for a store's line to it ends when it is told to, whatever it waits for at that moment."""

import asyncio
import random
from pathlib import Path

import pytest

from daemon.hq.archiver import Archiver
from daemon.hq.config import Hq, HqSettings, Nats, Postgres
from daemon.hq.rollouts import Rollouts
from outbox import Outbox
from outbox.clock import SystemClock
from tests.fleet.test_alone import make_link, member
from tests.support.outbox_box import KEY

SETTINGS = HqSettings(hq=Hq("Balloon Loft"), nats=Nats(("tls://127.0.0.1:1",)), postgres=Postgres("host=/nowhere"))


@pytest.mark.parametrize("cut", [False, True], ids=["stopped", "cancelled"])
async def test_what_is_told_to_end_in_the_moment_an_answer_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: bool
) -> None:
    """By its `stop`, or because what it is a part of fails."""
    clock = SystemClock()
    async with (
        Outbox.open(tmp_path / "tether.db", clock=clock, rng=random.SystemRandom(), keys=KEY, reserve=0) as box,
        asyncio.timeout(30),
        asyncio.TaskGroup() as group,
    ):
        for works in (
            Archiver(SETTINGS, clock, random.Random(1)),
            Rollouts(SETTINGS, clock, random.Random(1)),
            make_link(member(tmp_path, 1), box, clock),
        ):
            asked, answer, stop = asyncio.Event(), asyncio.get_running_loop().create_future(), asyncio.Event()

            async def session(asked: asyncio.Event = asked, answer: "asyncio.Future[None]" = answer) -> None:
                """As libraries wait; then for what never comes."""
                asked.set()
                await asyncio.wait_for(answer, 60)
                await asyncio.Event().wait()

            monkeypatch.setattr(works, "_session", session)
            running = group.create_task(works.run(stop))
            await asked.wait()
            answer.set_result(None)
            if cut:
                running.cancel()
            else:
                stop.set()
