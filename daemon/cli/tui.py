"""`tether tui`: the counter's screen."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.frame import ConfigOption, Failure, app, settings_of

if TYPE_CHECKING:
    from daemon.config import Settings


@app.command(epilog="Example: tether tui --url http://pi.local:8787  (its token in TETHER_TOKEN)")
def tui(
    url: Annotated[
        str | None, typer.Option(help="A service elsewhere. Default: this machine's, by its socket.")
    ] = None,
    token: Annotated[
        str,
        typer.Option(
            envvar="TETHER_TOKEN",
            help="Its token (scope staff; read for --read-only). Better in the environment: `ps` shows arguments to all.",
        ),
    ] = "",
    demo: Annotated[bool, typer.Option("--demo", help="The `tether demo` that you run, whenever it runs.")] = False,
    training: Annotated[
        bool, typer.Option("--training", help="With what a first shift tries out; --demo does so.")
    ] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="For a wall screen: no key changes anything.")] = False,
    language: Annotated[str | None, typer.Option(help="en, es, fr or de. Default: the store's.")] = None,
    theme: Annotated[str | None, typer.Option(help="dark, light, contrast or contrast-light. Default: dark.")] = None,
    name: Annotated[str | None, typer.Option(help="Who is at the counter, for the record.")] = None,
    web: Annotated[
        bool,
        typer.Option("--web", help="Serve the screen to browsers on the LAN over TLS; prints the address to open."),
    ] = False,
    web_port: Annotated[int, typer.Option(min=1, max=65535, help="Where --web listens.")] = 8788,
    config: ConfigOption = None,
) -> None:
    """Open the counter's screen."""
    settings = settings_of(config)
    if demo and url:
        raise typer.BadParameter("the demo is where it is: leave --url out", param_hint="--demo")
    where = _demo() if demo else url or settings.socket
    try:
        if web:
            from tui.browser.counter import serve_web

            if token:
                os.environ["TETHER_TOKEN"] = (
                    token  # each browser's screen is a process of its own, which reads it there
                )
            sys.exit(
                serve_web(
                    where,
                    port=web_port,
                    read_only=read_only,
                    training=training or demo,
                    language=language,
                    theme=theme,
                    actor=name,
                    certificate=_certificate(settings),
                )
            )
        from tui.run import run_tui

        code = run_tui(
            where, token, read_only=read_only, training=training or demo, language=language, theme=theme, actor=name
        )
    except ModuleNotFoundError as error:
        raise Failure(
            f"the screen in a browser needs textual-serve, which is not installed here ({error}); docs/counter.md says how"
        ) from error
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    sys.exit(code)


def _demo() -> Path:
    from daemon.demo.door import demo_door

    return demo_door(os.environ)


def _certificate(settings: "Settings") -> tuple[Path, Path] | None:
    """The shop's own, if it is set. Raises ConfigError for what can't be used."""
    from daemon.runtime.tls import tls_context

    hook = settings.hook
    if tls_context(hook, settings.folder) is None or hook.tls_cert is None or hook.tls_key is None:
        return None
    return settings.folder / hook.tls_cert, settings.folder / hook.tls_key
