"""How the counter's screen feels with a busy shop in it: 5,000 orders and 20,000 messages.

    python -m tests.bench.screen [--orders N] [--messages N]

Prints one JSON object a line. The service runs in a process of its own, so that memory is the screen's alone. A key is answered when
the terminal is next written to after it was pressed; what would be written is made as for a terminal.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from tests.support.fake_clock import FakeClock
from tests.support.fake_service import FakeService
from tests.support.sample_shop import SampleShop

ROUNDS = 40
KEYS = {
    "board: cursor down": ("down",),
    "board: page down": ("pagedown",),
    "board: other column": ("right", "left"),
    "board: type to find": ("slash", "9", "9", "backspace", "backspace", "escape"),
    "board: list and back": ("l",),
    "board: next step box": ("n", "escape"),
    "board: open an order": ("enter", "escape"),
    "pages: outbox and board": ("2", "1"),
    "outbox: cursor down": ("down",),
    "outbox: filters": ("f", "w", "t", "a"),
    "outbox: end and home": ("end", "home"),
    "line and replies": ("3", "4"),
    "now: open and cursor down": ("0", "down", "1"),
    "board: new order": ("a", "escape"),
    "board: message box": ("m", "escape"),
}
LIMITS_MS = 50.0
WORST_MS = 100.0


def say(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


class Answers:
    """When the terminal was written to."""

    def __init__(self, app: Any) -> None:
        from textual._compositor import CompositorUpdate  # here, so that the program's own start is measured with it

        self.times: list[float] = []
        self.written = asyncio.Event()
        self.with_orders = 0.0
        """When the first orders stood there."""
        display = app._display

        def noted(screen: Any, update: Any) -> None:
            display(screen, update)
            if update is None or app._batch_count:
                return  # nothing is written
            if isinstance(update, CompositorUpdate):
                update.render_segments(app.console)
            self.times.append(time.perf_counter())
            if app.session.shop.orders and app.page and app.page._drawn is not None:
                self.with_orders = self.with_orders or self.times[-1]
            self.written.set()

        app._display = noted

    async def after(self, pilot: Any, key: str) -> tuple[float, float]:
        """ms from the key to the next writing: by the clock on the wall, and of this process's own work."""
        self.written.clear()
        start, work = time.perf_counter(), time.process_time()
        pressing = asyncio.get_running_loop().create_task(pilot.press(key))
        async with asyncio.timeout(5):
            await self.written.wait()
        answered, worked = self.times[-1], time.process_time()
        await pressing
        return (answered - start) * 1000, (worked - work) * 1000


async def measure_keys(app: Any, pilot: Any, answers: Answers) -> None:
    for name, keys in KEYS.items():
        if name.startswith("outbox"):
            await app.action_go("outbox")
        elif name.startswith("board"):
            await app.action_go("board")
        await pilot.pause(0.2)
        both = [await answers.after(pilot, key) for _ in range(max(1, ROUNDS // len(keys))) for key in keys]
        taken, worked = (sorted(figures) for figures in zip(*both, strict=True))
        say(
            bench="key",
            what=name,
            n=len(taken),
            median_ms=round(taken[len(taken) // 2], 1),
            p95_ms=round(taken[int(len(taken) * 0.95)], 1),
            worst_ms=round(taken[-1], 1),
            work_p95_ms=round(worked[int(len(worked) * 0.95)], 1),
            work_worst_ms=round(worked[-1], 1),
            limit_p95_ms=LIMITS_MS,
            limit_worst_ms=WORST_MS,
        )


async def measure(socket: Path, orders: int, messages: int) -> None:
    start = time.perf_counter()
    from tui.app import CounterApp
    from tui.line.tempo import AT_ONCE
    from tui.run import collect, stop_counting
    from tui.service.address import Address
    from tui.service.client import Client
    from tui.shop.revisions import Part
    from tui.terminal.clock import SystemClock

    imported = time.perf_counter()
    clock, rng = SystemClock(), random.Random(1)
    async with Client.open(Address.parse(socket), clock=clock, rng=rng) as client:
        app = CounterApp(client, clock, rng, tempo=AT_ONCE, settled=stop_counting, tidy=collect)
        shop, answers = app.session.shop, Answers(app)
        async with app.run_test(size=(120, 40)) as pilot:
            while not answers.with_orders:
                await pilot.pause(0.001)
            say(
                bench="open",
                import_s=round(imported - start, 2),
                orders_on_screen_s=round(answers.with_orders - start, 2),
                limit_s=1.0,
            )
            while Part.MESSAGES not in shop.loaded:
                await pilot.pause(0.01)
            say(
                bench="load",
                orders=len(shop.orders),
                messages=len(shop.messages),
                all_read_s=round(time.perf_counter() - start, 2),
            )
            assert (len(shop.orders), len(shop.messages)) == (orders, messages)
            say(bench="memory", what="all read", rss_mb=round(psutil.Process().memory_info().rss / 1e6, 1))
            await measure_keys(app, pilot, answers)
            rss = psutil.Process().memory_info().rss / 1e6
            say(bench="memory", rss_mb=round(rss, 1), limit_mb=120)


async def serve(socket: Path, orders: int, messages: int) -> None:
    async with FakeService.serving(SampleShop.large(orders, messages), FakeClock(), socket):
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@asynccontextmanager
async def service(orders: int, messages: int) -> AsyncIterator[Path]:
    with TemporaryDirectory() as folder:
        socket = Path(folder) / "tether.sock"
        sizes = ["--orders", str(orders), "--messages", str(messages)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.screen", "--serve", str(socket), *sizes],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield socket
        finally:
            process.stdin.close()
            process.wait(10)


async def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=5_000)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--serve", type=Path)
    options = parser.parse_args(arguments)
    if options.serve:
        await serve(options.serve, options.orders, options.messages)
        return
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    async with service(options.orders, options.messages) as socket:
        await measure(socket, options.orders, options.messages)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
