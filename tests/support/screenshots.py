"""`python -m tests.support.screenshots OUTDIR`: the main screens as SVG, of the shop that the tests know, and headquarters' page as PNG. For
`make screenshots`, which writes the guide's keys anew, too."""

import asyncio
import random
import sys
from pathlib import Path

from textual.pilot import Pilot

from tests.support import hq_screenshots
from tests.support.engines import why_not
from tests.support.fake_clock import FakeClock
from tests.support.fake_service import FakeService
from tests.support.guide_keys import GUIDE, written
from tests.support.sample_shop import SampleShop
from tui.app import CounterApp
from tui.line.tempo import AT_ONCE
from tui.service.address import Address
from tui.service.client import Client

PICTURES: dict[str, tuple[str, tuple[int, int], tuple[str, ...]]] = {
    "board": ("dark", (100, 28), ()),
    "board-light": ("light", (100, 28), ()),
    "next-step": ("dark", (100, 28), ("n",)),
    "order": ("dark", (100, 28), ("right", "down", "enter")),
    "outbox": ("dark", (120, 28), ("2", "down", "down")),
    "line": ("dark", (100, 28), ("3",)),
    "calls": ("dark", (100, 28), ("5",)),
    "help": ("dark", (100, 40), ("question_mark",)),
}
"""File -> theme, size in cells, keys that lead there."""
RESTS = 20


async def take(folder: Path) -> list[Path]:
    """Write the pictures and name them."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    for name, (theme, size, keys) in PICTURES.items():
        clock, rng = FakeClock(), random.SystemRandom()
        async with (
            FakeService.serving(SampleShop.ordinary(), clock) as service,
            Client.open(Address.parse(service.where), clock=clock, rng=rng) as client,
        ):
            picture = await _picture(CounterApp(client, clock, rng, theme=theme, tempo=AT_ONCE), size, keys, clock)
        file = folder / f"{name}.svg"
        file.write_text(picture, encoding="utf-8")
        taken.append(file)
    return taken


async def _picture(app: CounterApp, size: tuple[int, int], keys: tuple[str, ...], clock: FakeClock) -> str:
    async with app.run_test(size=size) as pilot:
        await _rest(pilot)
        for key in keys:
            await pilot.press(key)
        await clock.advance(0.5)
        await _rest(pilot)
        return app.export_screenshot(title="tether tui")


async def _rest(pilot: Pilot[int]) -> None:
    """Let the screen and the service do what they have to."""
    for _ in range(RESTS):
        await pilot.pause(0.01)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    outdir = Path(sys.argv[1])
    GUIDE.write_text(written(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
    for file in asyncio.run(take(outdir)):
        sys.stdout.write(f"{file}\n")
    if missing := why_not():
        sys.stderr.write(f"no pictures of headquarters' page: {missing}\n")
    else:
        for file in asyncio.run(hq_screenshots.take(outdir)):
            sys.stdout.write(f"{file}\n")
