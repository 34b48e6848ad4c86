"""`tether tui`: the counter's screen."""

import sys
from typing import Annotated

import typer

from daemon.cli.frame import ConfigOption, app, settings_of


@app.command(epilog='Example: tether tui --url http://pi.local:8787 --token "$TETHER_TOKEN"')
def tui(
    url: Annotated[
        str | None, typer.Option(help="A service elsewhere. Default: this machine's, by its socket.")
    ] = None,
    token: Annotated[
        str, typer.Option(envvar="TETHER_TOKEN", help="Its token (scope staff; read for --read-only).")
    ] = "",
    read_only: Annotated[bool, typer.Option("--read-only", help="For a wall screen: no key changes anything.")] = False,
    language: Annotated[str | None, typer.Option(help="en, es, fr or de. Default: the store's.")] = None,
    theme: Annotated[str | None, typer.Option(help="A theme's name, such as tether-contrast.")] = None,
    name: Annotated[str | None, typer.Option(help="Who is at the counter, for the record.")] = None,
    config: ConfigOption = None,
) -> None:
    """Open the counter's screen."""
    from tui.run import run_tui

    where = url or settings_of(config).socket
    try:
        code = run_tui(where, token, read_only=read_only, language=language, theme=theme, actor=name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--url") from error
    sys.exit(code)
