"""When a screen is at rest: nothing that was pressed, told or answered is still on its way, and what it led to is drawn.

Textual's pilot takes a process that has used little of the processor for idle, which on a busy machine it is not: it had no turn yet.
"""

import asyncio
from typing import Any

from textual.app import App

SOON = 0.04
"""Seconds: what changes is gathered for a thirtieth of a second at most before it is drawn, so what is due within this is waited for."""
STILL = 3
"""So many turns in which nothing happens: what was sent over loopback has come by then."""
PATIENCE = 30.0


async def at_rest(app: App[Any] | None = None) -> None:
    """Wait until nothing more happens by itself, but for what waits for longer (or the app has failed)."""
    loop: Any = asyncio.get_running_loop()
    still = 0
    async with asyncio.timeout(PATIENCE):
        while still < STILL and not (app is not None and app._exception_event.is_set()):
            await asyncio.sleep(0)
            still = 0 if loop._ready else still + 1
            if still == STILL:
                due = min((each.when() for each in loop._scheduled if not each.cancelled()), default=float("inf"))
                if due <= loop.time() + SOON:
                    await asyncio.sleep(due - loop.time())
                    still = 0
