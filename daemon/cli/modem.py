"""`tether modem`: the modem at the counter: how it is, a test, a service code."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.frame import ConfigOption, Failure, JsonOption, app, as_json, read, settings_of, tell
from daemon.cli.service import done, got

if TYPE_CHECKING:
    from daemon.wire.requests.act import Act

MODEM = "modem"
"""The channel."""
WHY = "only the running service may speak to the modem: start it with `systemctl start tether` or `tether run`"

modem = typer.Typer(no_args_is_help=True, help="The GSM modem: how it is, a test text, a service code.")
app.add_typer(modem, name="modem", epilog="Example: tether modem info")


@modem.command(epilog="Example: tether modem info --json | jq .signal_dbm")
def info(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Device, operator, signal, SIM, credit, and the last trouble. Exits with 1 when it can't send."""
    from daemon.cli.modem_words import told
    from daemon.wire.modem import Modem
    from daemon.wire.service import Channels

    row = next(
        (row for row in read(got(settings_of(config), "/v1/channels", only=WHY), Channels).items if row.name == MODEM),
        None,
    )
    if row is None:
        raise Failure(
            "no modem is enabled: add a [channels.modem] table to tether.toml; docs/modem.md tells which sticks work"
        )
    modem = read(row.detail, Modem)
    if json:
        as_json({"state": row.state, "reason": row.reason, "queued": row.queued, **row.detail})
    else:
        for name, words in told(row, modem):
            print(f"{name:13} {words}")
    if row.state != "ready" or modem.stage not in ("", "ready"):
        raise Failure("it can't send now")


@modem.command(epilog="Example: tether modem test --to '+447700900123'")
def test(
    to: Annotated[str, typer.Option(help="A phone number that gets a real text.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Send a real text by the modem and say what became of it."""
    from daemon.wire.requests import channels as acts

    _try(config, acts.try_channel(MODEM, to), json=json)


@modem.command(epilog="Example: tether modem ussd '*100#'")
def ussd(
    code: Annotated[str, typer.Argument(help="A service code, such as the one for the credit.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Ask the mobile network by a service code."""
    from daemon.wire.requests import channels as acts

    _try(config, acts.ask_network(MODEM, code), json=json)


def _try(config: Path | None, act: "Act", *, json: bool) -> None:
    from daemon.wire.service import TestResult

    answer = done(settings_of(config), act, only=WHY)
    result = read(answer, TestResult)
    if json or result.ok:
        tell(answer, result.summary, json=json)
    if not result.ok:
        raise Failure(result.summary)
