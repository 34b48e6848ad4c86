"""What one event with one message costs over its whole life: bytes written to the disk and processor time, alone and under load.

    python -m tests.bench.store_bytes [EVENTS]

At most 35 kB one at a time and 6 kB under load. Counted by the kernel for this process (/proc/self/io), checkpoints included.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from outbox import Outbox
from tests.bench.harness import result
from tests.bench.store_filled import life, opened, posted

LOADED = 64


def written() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


async def lives(box: Outbox, first: int, count: int, together: int) -> tuple[float, float]:
    """(bytes, microseconds of processor) for each of that many events."""
    events = [posted(number) for number in range(first, first + count)]
    before, began = written(), time.process_time()
    for start in range(0, count, together):
        await life(box, events[start : start + together])
    return (written() - before) / count, (time.process_time() - began) / count * 1e6


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        for name, together, limit in (("alone", 1, 35_000), ("loaded", LOADED, 6_000)):
            path = Path(folder) / name
            path.mkdir()
            async with opened(path) as box:
                await lives(box, 1, together, together)
                many = count if together == 1 else count * 10
                size, cpu = await lives(box, 1 + together, many, together)
            result(f"store.bytes.{name}", size, unit="B", limit=f"<= {limit}", cpu_us=round(cpu), events=many)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
