"""The counter's screen in a headless terminal, on a fake service: pressed, looked at, waited for."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from textual.command import CommandList
from textual.pilot import Pilot

from tests.support.fake_clock import FakeClock
from tests.support.fake_service import FakeService
from tests.support.sample_shop import SampleShop
from tui.app import CounterApp
from tui.line.tempo import AT_ONCE
from tui.service.address import Address
from tui.service.client import Client
from tui.shop.revisions import Part
from tui.terminal.clock import SystemClock

TURNS = 600
"""So often a condition is looked at at least before a wait fails (each turn lets the screen and the service run until they wait)."""
SECONDS = 20
"""So long it is waited for at least: threads and other processes may have no turn meanwhile."""


class Screen:
    """`press` keys, `see` what stands there, wait `until` something holds."""

    def __init__(self, app: CounterApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def text(self) -> str:
        """All that the terminal shows."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    def shows(self, parts: Iterable[str]) -> bool:
        text = self.text
        return all(part in text for part in parts)

    def line(self, containing: str) -> str:
        """The first line of the terminal that has this in it."""
        return next((line for line in self.text.splitlines() if containing in line), "")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Into the field that has the focus."""
        await self.pilot.press(*text)
        await self.pilot.pause()

    async def see(self, *parts: str, seconds: float = SECONDS) -> None:
        """Wait, by the clock on the wall, until all of this stands on the screen."""
        try:
            async with asyncio.timeout(seconds):
                while not self.shows(parts):
                    await self.pilot.pause(0.05)
        except TimeoutError:
            raise AssertionError(f"{parts} never came; the screen shows:\n{self.text}") from None


class Counter(Screen):
    """A screen on a fake service, where time passes only when it is told to."""

    def __init__(self, app: CounterApp, pilot: Pilot[Any], service: FakeService, clock: FakeClock) -> None:
        super().__init__(app, pilot)
        self.service = service
        self.clock = clock

    async def until(self, condition: Callable[[], Any], *, passing: float = 0) -> None:
        """Wait until it holds; with `passing`, so many seconds of the clock go by at each look."""
        loop = asyncio.get_running_loop()
        turns, end = 0, loop.time() + SECONDS
        while not condition():
            turns += 1
            if turns > TURNS and loop.time() > end:
                raise AssertionError(f"it never came to that; the screen shows:\n{self.text}")
            if passing:
                await self.clock.advance(passing)
            await self.pilot.pause(0.001 if turns < TURNS else 0.02)

    async def see(self, *parts: str, seconds: float = 0, passing: float = 0) -> None:
        """Wait until all of this stands on the screen."""
        await self.until(lambda: self.shows(parts), passing=passing)

    async def pass_time(self, seconds: float) -> None:
        """Let that much of the clock go by, and the screen notice it as it does each second."""
        await self.clock.advance(seconds)
        self.app.tick()
        await self.pilot.pause()

    async def command(self, words: str) -> None:
        """Do it by the command palette, once that is what it would do."""
        await self.press("ctrl+p")
        await self.type(words)
        await self.until(lambda: words in self._offered())
        await self.press("enter")

    def _offered(self) -> str:
        found = self.app.screen.query_one(CommandList)
        return "" if found.highlighted is None else str(found.get_option_at_index(found.highlighted).prompt)

    def posted(self, ending: str) -> list[dict[str, Any]]:
        """The bodies of what was asked of the service at paths that end so."""
        return [body for _, path, body, _ in self.service.posts if path.endswith(ending)]


@asynccontextmanager
async def opened(
    shop: SampleShop | None = None,
    *,
    size: tuple[int, int] = (80, 24),
    socket: Path | None = None,
    prepare: Callable[[FakeService], object] = lambda service: None,
    **options: Any,
) -> AsyncIterator[Counter]:
    """A counter that has read everything. `options` are the app's."""
    clock, rng = FakeClock(), random.Random(7)
    _as_textual_runs()
    async with FakeService.serving(shop or SampleShop.ordinary(), clock, socket) as service:
        prepare(service)
        address = Address.parse(service.where)
        async with _patient(), Client.open(address, clock=clock, rng=rng, actor="Kim") as client:
            app = CounterApp(client, clock, rng, **({"tempo": AT_ONCE} | options))
            async with app.run_test(size=size) as pilot:
                counter = Counter(app, pilot, service, clock)
                await counter.until(
                    lambda: Part.MESSAGES in app.session.shop.loaded or app.session.shop.link.state != "starting"
                )
                await counter.until(
                    lambda: Part.MESSAGES in app.session.shop.loaded or app.session.shop.link.state != "up"
                )
                await pilot.pause(0.05)
                yield counter


@asynccontextmanager
async def opened_on(socket: Path, *, size: tuple[int, int] = (100, 30)) -> AsyncIterator[Screen]:
    """A screen on a real service, by the real clock."""
    clock, rng = SystemClock(), random.Random()
    _as_textual_runs()
    async with Client.open(Address.parse(socket), clock=clock, rng=rng, actor="Kim") as client:
        app = CounterApp(client, clock, rng, tempo=AT_ONCE)
        async with app.run_test(size=size) as pilot:
            yield Screen(app, pilot)


@asynccontextmanager
async def _patient() -> AsyncIterator[None]:
    """However long a busy machine keeps a call waiting, it is none that failed: another try would wait for a clock that stands."""
    with patch.multiple("tui.service.client", CONNECT=SECONDS, TOTAL=SECONDS):
        yield


def _as_textual_runs() -> None:
    """`App.run_async` starts its tasks eagerly where Python can (3.12); `run_test` does not, though it changes what happens first."""
    if sys.version_info >= (3, 12):
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
