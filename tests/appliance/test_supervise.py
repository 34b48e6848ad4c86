"""Whoever goes on after a group of tasks failed is as it was before: Debian 12's Python ends it in silence at its next wait with a bound."""

import asyncio

import pytest

from daemon.supervise import recoverable_group


async def fails() -> None:
    raise OSError("the line was cut")


async def test_who_goes_on_after_a_group_failed_still_waits_with_a_bound() -> None:
    for _ in range(2):
        with pytest.raises(ExceptionGroup):
            async with recoverable_group() as group:
                group.create_task(fails())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()


async def test_who_is_cancelled_in_a_group_ends() -> None:
    async def works() -> None:
        async with recoverable_group() as group:
            group.create_task(asyncio.Event().wait())

    work = asyncio.create_task(works())
    await asyncio.sleep(0)
    work.cancel()
    await asyncio.wait([work], timeout=5)
    assert work.cancelled()
