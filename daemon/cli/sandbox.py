"""`tether sandbox`: stand-ins for every provider on one local port, for training."""

import random
import signal
import tempfile
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.frame import Failure, app, settle


@app.command(epilog="Example: tether sandbox --port 9100, then open http://127.0.0.1:9100/_sandbox/")
def sandbox(
    host: Annotated[str, typer.Option(help="Where the providers answer.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Their port; 0: any free one.")] = 9100,
    smtp_port: Annotated[int, typer.Option(min=0, max=65535, help="The mail server's port; 0: any free one.")] = 9125,
    folder: Annotated[
        Path | None, typer.Option(help="Where the made-up Google key file is put. Default: a temporary folder.")
    ] = None,
    store: Annotated[
        str, typer.Option(help="Where the store's hook listens, for what customers write back.")
    ] = "http://127.0.0.1:8787",
    modem: Annotated[bool, typer.Option("--modem", help="Be a GSM modem as well; prints its device path.")] = False,
) -> None:
    """Stand in for all providers until Ctrl-C. Prints the configuration that turns a store to them."""
    place = folder or Path(tempfile.gettempdir()) / "tether-sandbox"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        settle(lambda: _serve(host, port, smtp_port, place, store, modem=modem))
    except OSError as error:
        raise Failure(f"can't listen on {host}, ports {port} and {smtp_port}: {error.strerror or error}") from error


async def _serve(host: str, port: int, smtp_port: int, folder: Path, store: str, *, modem: bool) -> None:
    import asyncio

    from daemon.sandbox import run
    from outbox.clock import SystemClock

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clock, rng = SystemClock(), random.SystemRandom()
    async with AsyncExitStack() as stack:
        if modem:
            from daemon.modem.simulator import SimulatedModem, on_pty

            plug = await stack.enter_async_context(on_pty(SimulatedModem(clock, rng), folder / "modem", clock, rng))
            print(f'# A GSM modem:\n[channels.modem]\ndevice = "{plug.device}"\n')
        await run(
            host,
            port,
            stop,
            smtp_port=smtp_port,
            folder=folder,
            store=store,
            clock=clock,
            rng=rng,
            say=partial(print, flush=True),
        )
