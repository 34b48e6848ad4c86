"""Puts up what the demo plays on: a service on a database of its own, in a folder that is gone afterwards, and the sandbox."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import msgspec

from daemon.config import Settings, decode
from daemon.demo.door import held_door
from daemon.demo.performance import play
from daemon.demo.till import TillProblem
from daemon.demo.verdict import Judgement
from daemon.runtime.app import open_service
from daemon.runtime.listeners import listening
from daemon.runtime.logs import configure_logs
from daemon.runtime.notify import Notifier
from daemon.sandbox import Sandbox, sandbox_settings
from outbox.clock import Clock, SystemClock

LEFT_OUT = ("woocommerce",)
"""A note needs an order of a real shop."""
READY_SECONDS = 30.0


def demo_settings(
    sandbox: Sandbox, folder: Path, port: int, *, name: str = "Balloon Loft", only: Sequence[str] = ()
) -> Settings:
    """A store whose every channel (or `only` these) leads to the sandbox, awake at all hours."""
    tables, secrets = sandbox_settings(sandbox.url, sandbox.smtp_port, folder)
    wanted = only or set(tables) - set(LEFT_OUT)
    channels = {channel: {**table, "rate": "50/s"} for channel, table in tables.items() if channel in wanted}
    table: dict[str, Any] = {
        "store": {
            "name": name,
            "address": "3 Market Row",
            "hours": "10:00 to 18:00",
            "phone": "020 7946 0123",
        },
        "data": {"path": "demo.db", "reserve": "1MiB"},
        "hook": {"port": port},
        "quiet_hours": {"enabled": False},
        "uplink": {"every": "1s"},
        "board": {"enabled": True, "show": "name"},
        "channels": channels,
    }
    settings = decode(table, Settings, where="the demo")
    return msgspec.structs.replace(settings, file=folder / "tether.toml", secrets=secrets)


async def stage(
    *, once: bool, port: int, folder: Path, door: Path | None, clock: Clock, rng: Random
) -> Judgement | None:
    """Put everything up, play, take it down. `door`: the socket that the screen finds again, if it is ours. None: interrupted before a
    day was over."""
    async with Sandbox(clock=clock, rng=rng, folder=folder) as sandbox:
        settings = demo_settings(sandbox, folder, port)
        configure_logs("error", "text", secrets=settings.secrets)
        async with open_service(settings, clock=clock, rng=rng, reread=lambda: settings) as service:
            token = await service.box.tokens.create("till-2", ("admin",))
            async with (
                listening(service.services, door or settings.socket, folder=folder) as url,
                asyncio.TaskGroup() as group,
            ):
                sandbox.customers.store = url
                ready = asyncio.Event()
                group.create_task(service.run(Notifier(clock, {}), ready=ready.set), name="service")
                await clock.wait(ready, READY_SECONDS)
                playing = group.create_task(
                    play(url, token, sandbox, clock=clock, rng=rng, once=once, out=sys.stdout, found=door is not None),
                    name="till",
                )
                for number in (signal.SIGINT, signal.SIGTERM):
                    asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
                await asyncio.wait([playing])
                service.stop.set()
    return None if playing.cancelled() else playing.result()


def main(*, once: bool, port: int) -> int:
    """`tether demo`: 0 when interrupted or when all arrived once and in order, else 1."""
    import uvloop

    code = 1
    with tempfile.TemporaryDirectory(prefix="tether-demo-") as folder, held_door(os.environ) as door:
        playing = stage(once=once, port=port, folder=Path(folder), door=door, clock=SystemClock(), rng=SystemRandom())
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                verdict = runner.run(playing)
            code = 0 if verdict is None or verdict.ok else 1
        except* TillProblem as problems:
            for problem in leaves(problems):
                print(f"The till gave up: {problem}", file=sys.stderr)  # noqa: T201 - what went wrong is for people
    return code


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves(error)
        else:
            yield error
