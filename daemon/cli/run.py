"""`tether run`: the service itself."""

from typing import Annotated

import typer

from daemon.cli.frame import ConfigOption, app
from daemon.cli.serving import serve


@app.command(epilog="Example: tether run --config /etc/tether/tether.toml")
def run(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Listen here instead of [hook] host.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Listen here instead of [hook] port; 0: any free one.")
    ] = None,
) -> None:
    """Run the service until it is told to stop (Ctrl-C, SIGTERM). SIGHUP reads the configuration anew."""
    serve(config, host=host, port=port)
