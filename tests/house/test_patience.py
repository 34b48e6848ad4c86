"""What tests wait for within some seconds is waited for longer on a machine that has other things to do."""

import asyncio
from itertools import cycle
from pathlib import Path

import pytest

from tests.support import busy


@pytest.mark.parametrize(("quota", "part"), [("50000 100000", 0.5), ("max 100000", None)])
def test_a_containers_quota_counts_as_its_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, part: float | None
) -> None:
    monkeypatch.setattr(busy, "GROUPS", tmp_path)
    whole = busy.processors()
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert busy.processors() == (part or whole)


async def test_a_machine_that_stalls_now_and_then_is_slow_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    states, looks, now = cycle([8.0, *[1.0] * 4]), 0, loop.time()
    monkeypatch.setattr(busy, "slower", lambda: next(states))

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(loop, "time", lambda: now)

    async def never() -> bool:
        nonlocal looks
        looks += 1
        return False

    with pytest.raises(TimeoutError):
        await busy.until(never, seconds=0.02, every=0.001)
    assert looks > 100
