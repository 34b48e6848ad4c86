"""`tether sandbox`: the sandbox in a terminal, until it is told to stop."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

from daemon.sandbox.app import Sandbox
from daemon.sandbox.config import config_text
from outbox.clock import Clock


async def run(
    host: str,
    port: int,
    stop: asyncio.Event,
    *,
    smtp_port: int,
    folder: Path,
    store: str,
    clock: Clock,
    rng: Random,
    say: Callable[[str], None],
) -> None:
    """Serve on these ports until `stop` is set. `store`: where its hook listens, for what customers
    write back ("": nowhere). `say` is given what to paste and where to look. Raises OSError for a port in use."""
    async with Sandbox(clock=clock, rng=rng, host=host, port=port, smtp_port=smtp_port, folder=folder) as box:
        box.customers.store = store
        say(config_text(box.url, box.smtp_port, folder))
        say(f"# The customers' phones, and every message that arrives: {box.url}/_sandbox/")
        await clock.wait(stop, None)
