"""Headquarters' pages on an archive of 1,000 stores and as many messages as the first argument says (10 million: the chain of the requirements)."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.bench.harness import result
from tests.support.engines import postgres, why_not
from tests.support.hq_pace import filled, pace

STORES, MESSAGES = 1_000, 1_000_000
LIMIT_MS = 300


async def main(messages: int) -> None:
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        async with filled(server, Path(folder), stores=STORES, messages=messages) as site:
            async for path, ms in pace(site):
                result(f"hq page {path}", ms, unit="ms p95", limit=f"<= {LIMIT_MS}", stores=STORES, messages=messages)


if __name__ == "__main__":
    if missing := why_not():
        print(f"hq_page: {missing}", file=sys.stderr)
    else:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES))
