"""A clock that can't be trusted."""

import asyncio

from daemon.runtime.clockwatch import RELEASED, ClockWatch
from tests.support.fake_clock import FakeClock


def watch(
    clock: FakeClock, steps: list[float], *, newest: int = 0, require: bool = False, synced: bool = False
) -> ClockWatch:
    async def on_step(seconds: float) -> None:
        steps.append(seconds)

    return ClockWatch(clock, newest_record=newest, require_sync=require, on_step=on_step, synchronised=lambda: synced)


def test_the_clock_that_tests_move_is_no_older_than_the_program() -> None:
    """Else hundreds fail that speak of expiry and quiet hours: who moves RELEASED past it moves it too."""
    assert FakeClock().now() > RELEASED


async def test_a_step_is_noticed_once_and_a_drift_is_none() -> None:
    clock, steps = FakeClock(), []
    it = watch(clock, steps)
    clock.step(0.5)
    assert await it.look() == 0.0
    clock.step(3600)
    assert round(await it.look()) == 3600 or steps
    assert await it.look() == 0.0
    assert len(steps) == 1


async def test_it_looks_every_ten_seconds() -> None:
    clock, steps, stop = FakeClock(), [], asyncio.Event()
    it = watch(clock, steps)
    async with asyncio.TaskGroup() as group:
        group.create_task(it.run(stop))
        await clock.advance(1)
        clock.step(-7200)
        await clock.advance(10)
        assert [round(step) for step in steps] == [-7200]
        stop.set()
        await clock.advance(10)


def test_a_clock_before_the_release_is_not_set() -> None:
    assert not watch(FakeClock(now=RELEASED - 1), []).trusted()
    assert watch(FakeClock(now=RELEASED), []).trusted()


def test_a_clock_that_went_back_past_the_newest_record_is_not_trusted() -> None:
    clock = FakeClock()
    assert not watch(clock, [], newest=clock.now() + 60_000).trusted()
    assert watch(clock, [], newest=clock.now() + 60_000, synced=True).trusted(), (
        "the kernel vouches: the record was wrong"
    )


def test_what_is_put_on_record_counts() -> None:
    clock = FakeClock()
    it = watch(clock, [])
    it.saw(clock.now())
    clock.step(-3600)
    assert not it.trusted()


def test_synchronisation_may_be_required() -> None:
    assert not watch(FakeClock(), [], require=True).trusted()
    assert watch(FakeClock(), [], require=True, synced=True).trusted()


DAY_MS = 86_400_000


def test_a_clock_far_ahead_of_the_record_at_the_start_decides_nothing_that_cannot_be_undone() -> None:
    """It came up two days ahead: what waits must not be thrown away as too old."""
    clock = FakeClock()
    it = watch(clock, [], newest=clock.now() - 2 * DAY_MS)
    assert it.trusted(), "quiet hours and signatures follow it: they can be made good"
    assert not it.sure()
    assert watch(clock, [], newest=clock.now() - 60_000).sure()
    assert watch(clock, []).sure(), "a new record has nothing to lose"


def test_the_kernel_confirms_a_jump() -> None:
    clock = FakeClock()
    assert watch(clock, [], newest=clock.now() - 2 * DAY_MS, synced=True).sure()


def test_a_provider_whose_clock_agrees_confirms_a_jump_and_one_that_does_not_does_not() -> None:
    clock = FakeClock()
    it = watch(clock, [], newest=clock.now() - 2 * DAY_MS)
    it.heard(clock.now() - 2 * DAY_MS)
    assert not it.sure()
    it.heard(clock.now() - 3000)
    assert it.sure()


async def test_a_jump_forward_while_it_runs_is_believed_when_it_is_confirmed_or_undone() -> None:
    clock = FakeClock()
    it = watch(clock, [])
    clock.step(2 * 86_400)
    await it.look()
    assert not it.sure()
    clock.step(-2 * 86_400)
    await it.look()
    assert it.sure()
