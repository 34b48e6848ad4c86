"""Work left for the modem: done in turn, turned away, or cut off, and whoever left it is told which."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from daemon.modem import recovery
from daemon.modem.command_queue import CommandQueue, CutOff, NotStarted
from daemon.modem.dialogue import Dialogue
from daemon.modem.errors import NoAnswer
from daemon.modem.recovery import Ladder, Step, cut_power
from tests.support.fake_clock import FakeClock, settle

LINK = cast(Dialogue, None)


def _command_queue() -> CommandQueue:
    command_queue = CommandQueue(FakeClock(), asyncio.Event())
    command_queue.open()
    return command_queue


def _work(result: Any) -> Callable[[Dialogue], Awaitable[Any]]:
    async def work(_: Dialogue) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    return work


async def test_the_result_goes_to_whoever_asked() -> None:
    command_queue = _command_queue()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(command_queue.do(_work(7), timeout=5))
        await settle()
        assert command_queue.has_work
        await command_queue.work_once(LINK)
        assert await asked == 7
    assert not command_queue.has_work


@pytest.mark.parametrize("failure", [NoAnswer("AT+CUSD"), ValueError("a bug")])
async def test_so_does_what_it_raises_and_no_further(failure: Exception) -> None:
    command_queue = _command_queue()

    async def ask() -> None:
        with pytest.raises(type(failure)):
            await command_queue.do(_work(failure), timeout=5)

    async with asyncio.TaskGroup() as group:
        group.create_task(ask())
        await settle()
        await command_queue.work_once(LINK)


async def test_a_closed_desk_says_why_and_turns_away_what_waits() -> None:
    command_queue = _command_queue()

    async def ask() -> None:
        with pytest.raises(NotStarted, match="pulled out"):
            await command_queue.do(_work(1), timeout=5)

    async with asyncio.TaskGroup() as group:
        group.create_task(ask())
        await settle()
        command_queue.close("pulled out")
    with pytest.raises(NotStarted, match="pulled out"):
        await command_queue.do(_work(1), timeout=5)


async def test_work_that_is_cancelled_is_cut_off() -> None:
    command_queue = _command_queue()
    begun = asyncio.Event()

    async def work(_: Dialogue) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def ask() -> None:
        with pytest.raises(CutOff):
            await command_queue.do(work, timeout=5)

    async with asyncio.TaskGroup() as group:
        group.create_task(ask())
        await settle()
        working = group.create_task(command_queue.work_once(LINK))
        await begun.wait()
        working.cancel()


async def test_who_no_longer_waits_withdraws_what_was_not_begun() -> None:
    command_queue = _command_queue()
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(command_queue.do(_work(1), timeout=5))
        await settle()
        asking.cancel()
    assert not command_queue.has_work


def test_the_ladder_rises_and_begins_anew() -> None:
    ladder = Ladder(has_power_command=True)
    assert [ladder.climb() for _ in range(6)] == [
        Step.REOPEN,
        Step.RADIO,
        Step.RESTART,
        Step.POWER,
        Step.REST,
        Step.REOPEN,
    ]
    ladder.reset()
    assert ladder.climb() is Step.REOPEN
    assert Step.POWER not in [Ladder(has_power_command=False).climb() for _ in range(1)]


@pytest.mark.parametrize(
    ("command", "well"),
    [
        ([sys.executable, "-c", "pass"], True),
        ([sys.executable, "-c", "raise SystemExit(3)"], False),
        (["/no/such/program"], False),
    ],
)
async def test_the_power_command(command: list[str], well: bool) -> None:
    assert await cut_power(command) is well


async def test_a_power_command_that_never_ends_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_POWER_SECONDS", 0.05)
    assert not await cut_power([sys.executable, "-c", "import time; time.sleep(60)"])
