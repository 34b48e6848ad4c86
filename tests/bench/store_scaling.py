"""Accepting, and claiming with the outcome, with many messages on record over the same with few: at most 1.2 times the cost.

    python -m tests.bench.store_scaling [WAITING [FINISHED]]

Both databases are open in one process and take turns, so that what else the machine does falls on both alike.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from outbox import Outbox
from tests.bench.harness import median, result
from tests.bench.store_filled import deliver, fill, opened, plan, posted

ROUNDS = 60
GROUP = 32


async def accept(box: Outbox, first: int) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(first, first + GROUP):
            group.create_task(box.spool.accept(posted(number), plan))


async def timed(work: "asyncio.Future[object] | object") -> float:
    began = time.perf_counter()
    await work  # type: ignore[misc]
    return time.perf_counter() - began


async def compare(name: str, few: Path, many: Path, size: int) -> None:
    spent: dict[str, tuple[list[float], list[float]]] = {"accept": ([], []), "claim_and_outcome": ([], [])}
    async with opened(few) as small, opened(many) as large:
        for turn in range(ROUNDS):
            for side, box in enumerate((small, large)):
                spent["accept"][side].append(await timed(accept(box, 1 + turn * GROUP)))
                spent["claim_and_outcome"][side].append(await timed(deliver(box, GROUP)))
    for what, (small_times, large_times) in spent.items():
        result(
            f"store.{what}.{name}",
            median(large_times) / median(small_times),
            unit="x",
            limit="<= 1.2",
            rows=size,
            small_us=round(median(small_times) / GROUP * 1e6, 1),
            large_us=round(median(large_times) / GROUP * 1e6, 1),
        )


async def opening(path: Path) -> float:
    """ms until the database can be worked with."""
    began = time.perf_counter()
    async with opened(path):
        return (time.perf_counter() - began) * 1000


async def main(waiting: int, finished: int) -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        few, many, over, fresh = (Path(folder) / name for name in ("few", "many", "over", "fresh"))
        for path in (few, many, over, fresh):
            path.mkdir()
        await fill(few, 1000, sent=False)
        await fill(many, waiting, sent=False)
        few_ms = median([await opening(few) for _ in range(5)])
        many_ms = median([await opening(many) for _ in range(5)])
        result(f"opening with {waiting} messages, more than with 1000", many_ms - few_ms, unit="ms", limit="<= 20")
        await compare("waiting", few, many, waiting)
        await fill(over, finished, sent=True)
        await compare("finished", fresh, over, finished)


if __name__ == "__main__":
    sizes = [int(argument) for argument in sys.argv[1:]]
    asyncio.run(main(*(sizes + [100_000, 50_000][len(sizes) :])))
