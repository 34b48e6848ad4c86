"""A machine so busy that the screen's process has no turn for a while."""

import time
from itertools import chain, repeat

import pytest

from tests.support.counter import opened
from tui.shop.revisions import Part

MISSED = 0.05
"""Seconds that go by between two looks at the clock: longer than Textual waits before it resizes a screen, and ours before it draws."""


def miss_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next timer that is started finds the time that it was to wait for over."""
    missed = chain((MISSED * looks for looks in range(10)), repeat(MISSED * 10))
    monkeypatch.setattr("textual.timer._time.get_time", lambda: time.monotonic() + next(missed))


async def test_what_changes_meanwhile_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the screen would stand still for good: what is lost once is waited for ever after."""
    async with opened() as counter:
        await counter.see("B-1036")
        await counter.until(lambda: not counter.app._changed)
        miss_turns(monkeypatch)
        counter.app._tell(frozenset({Part.ORDERS}))
        await counter.until(lambda: not counter.app._changed)


async def test_a_terminal_that_is_resized_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(size=(120, 40)) as counter:
        await counter.see("B-1036")
        miss_turns(monkeypatch)
        await counter.pilot.resize_terminal(80, 24)
        await counter.until(lambda: counter.app.screen.outer_size == (80, 24))
