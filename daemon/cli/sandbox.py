"""`tether sandbox`: stand-ins for every provider on one local port, for training."""

import sys
from typing import Annotated

import typer

from daemon.cli.frame import app


@app.command(epilog="Example: tether sandbox --port 9100, then open http://127.0.0.1:9100/_sandbox/")
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where the providers answer.")] = 9100,
    smtp_port: Annotated[int, typer.Option(min=0, max=65535, help="Where the mail server answers.")] = 9125,
    modem: Annotated[bool, typer.Option("--modem", help="A GSM modem as well: prints its device path.")] = False,
) -> None:
    """Stand in for all providers until Ctrl-C; prints the configuration that uses them."""
    from daemon.sandbox.run import main

    sys.exit(main(port=port, smtp_port=smtp_port, modem=modem))
