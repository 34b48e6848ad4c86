"""What is on record of the day and of what an operator decided holds from the first moment in which anybody can ask: a channel that was
paused, or whose day is used up, sends no test because somebody was quick after a restart or a reload."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from daemon.cli.client import Client
from daemon.config import Settings
from daemon.demo.stage import demo_settings
from daemon.runtime.app import Service, open_offline, open_service
from daemon.sandbox import Sandbox
from outbox.clock import SystemClock
from tests.support.outbox_box import accept_one, planned, send
from tests.support.shop import noon

NUMBER = "+447700900123"


@asynccontextmanager
async def shop(folder: Path) -> AsyncIterator[Settings]:
    """With one channel, whose day is used up by one text."""
    clock, rng = SystemClock(), random.Random(7)
    async with Sandbox(clock=clock, rng=rng, pace=0.02, folder=folder) as sandbox:
        demo = demo_settings(sandbox, folder, 0)
        twilio = {**demo.channels["twilio"], "daily_limit": 1}
        store = msgspec.structs.replace(demo.store, timezone=noon())
        yield msgspec.structs.replace(demo, channels={"twilio": twilio}, store=store)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Service]:
    """Open, and not running: nothing is dispatched, and nobody restores anything beside what is asked."""
    async with open_service(settings, clock=SystemClock(), rng=random.Random(7), reread=lambda: settings) as service:
        yield service


async def test_a_reload_forgets_neither_the_day_nor_a_pause(tmp_path: Path) -> None:
    async with shop(tmp_path) as settings, opened(settings) as service:
        board = service.engine.board
        assert (await board.test("twilio", NUMBER)).ok
        await board.pause("twilio", reason="bills", actor="Kim")
        await board.force_uplink("down", actor="Kim")

        await service.reload(actor="Kim")

        fresh = service.services.engine
        assert fresh is not service.engine
        [row] = await fresh.board.board()
        assert (row.sent_today, row.state, row.reason) == (1, "paused", "paused by Kim: bills")
        assert (await fresh.board.uplink()).forced_at is not None
        assert "paused" in (await fresh.board.test("twilio", NUMBER)).summary
        await fresh.board.resume("twilio", actor="Kim")
        assert "daily_limit" in (await fresh.board.test("twilio", NUMBER)).summary


@pytest.mark.parametrize("note", ["uplink.forced", "uplink.forced_at", "channel.twilio.trials"])
async def test_a_note_that_can_t_be_read_ends_no_start(tmp_path: Path, note: str) -> None:
    """A card that flips a bit: the service said that this should not have happened, at each start."""
    async with shop(tmp_path) as settings:
        async with opened(settings) as service:
            assert (await service.engine.board.test("twilio", NUMBER)).ok
            await service.engine.board.force_uplink("down", actor="Kim")
            await service.box.notes.set(note, "d\ufffdwn")
        async with opened(settings) as service:
            [row] = await service.engine.board.board()
            is_forced = (await service.engine.board.uplink()).forced_at is not None
        assert (row.sent_today, is_forced) == ((0, True) if "trials" in note else (1, False))


async def test_what_is_known_already_is_counted_once(tmp_path: Path) -> None:
    """Somebody asks before the engine runs; then it reads the record for itself."""
    async with shop(tmp_path) as settings, opened(settings) as service:
        assert (await service.engine.board.test("twilio", NUMBER)).ok
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(service.engine.run(stop))
            await asyncio.sleep(0)
            [row] = await service.engine.board.board()
            stop.set()
        assert row.sent_today == 1


async def test_a_stopped_service_says_what_it_was_told(tmp_path: Path) -> None:
    """What `tether channels` shows, and `tether channels test` does, where no service runs."""
    async with shop(tmp_path) as settings:
        async with opened(settings) as service:
            assert (await service.engine.board.test("twilio", NUMBER)).ok
            await service.engine.board.pause("twilio", reason="", actor="Kim")
        async with open_offline(settings) as socket:
            [row] = (await Client(socket).get("/v1/channels"))["items"]
        assert (row["sent_today"], row["state"]) == (1, "paused")


async def test_what_a_channel_cost_that_is_gone_is_spent(tmp_path: Path) -> None:
    """Its bill ran away, and the owner put another in its place: the whole day's money was there to be spent again."""
    async with shop(tmp_path) as settings, opened(settings) as service:
        box = service.box
        order = await accept_one(box, planned(via=("twilio",)))
        await send(box, order)
        service.engine.lanes.pop("twilio")
        await service.engine.clock_stepped()
        assert service.engine.sms.status(service.clock.now()).parts_today == 1
