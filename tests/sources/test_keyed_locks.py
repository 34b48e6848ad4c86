"""One at a time for each order, different orders side by side, nothing kept of those that are done."""

import asyncio

import pytest

from daemon.intake.keyed_locks import KeyedLocks
from tests.support.fake_clock import settle


async def test_the_same_order_waits_and_another_does_not() -> None:
    locks, log = KeyedLocks(), list[str]()
    gate = asyncio.Event()

    async def work(name: str, *ids: str) -> None:
        async with locks.of(("shop", id) for id in ids):
            log.append(f"{name} in")
            await gate.wait()
            log.append(f"{name} out")

    async with asyncio.TaskGroup() as group:
        group.create_task(work("first", "1", "2"))
        await settle()
        group.create_task(work("second", "2", "1"))
        group.create_task(work("other", "3"))
        await settle()
        assert log == ["first in", "other in"]
        gate.set()
    assert sorted(log) == ["first in", "first out", "other in", "other out", "second in", "second out"]
    assert (locks._locks, locks._wanted) == ({}, {})


async def test_what_fails_or_is_cancelled_lets_go() -> None:
    locks = KeyedLocks()
    with pytest.raises(ValueError, match="no"):
        async with locks.of([("shop", "1")]):
            raise ValueError("no")
    held = asyncio.Event()

    async def hold() -> None:
        async with locks.of([("shop", "1")]):
            held.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await held.wait()
    waiting = asyncio.create_task(hold())
    await settle()
    waiting.cancel()
    task.cancel()
    await asyncio.gather(task, waiting, return_exceptions=True)
    assert locks._locks == {}
