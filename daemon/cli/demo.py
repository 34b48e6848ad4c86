"""`tether demo`: a store's day on the sandbox, with nothing to configure."""

import sys
from typing import Annotated

import typer

from daemon.cli.frame import Failure, app


@app.command(epilog="Example: tether demo --once && echo everything arrived")
def demo(
    once: Annotated[
        bool,
        typer.Option("--once", help="Play one day, tell how it went, and end: 0 if all arrived once and in order."),
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where the demo's service listens; 0: any free port.")
    ] = 8787,
) -> None:
    """Play a store's day, with nothing set up. The service is real; stand-ins for all providers and a simulated till are around it."""
    from daemon.config import ConfigError
    from daemon.demo import main

    try:
        sys.exit(main(once=once, port=port))
    except ConfigError as error:
        if "already in use" not in str(error):
            raise
        raise Failure(
            f"port {port} is taken by another program (another demo, or the service itself?): "
            f"`ss -tlnp 'sport = :{port}'` says which. Play it elsewhere: `make run PORT={port + 13}` or `tether demo --port {port + 13}`"
        ) from error
