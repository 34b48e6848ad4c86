"""`tether optout`: who is not to be written to."""

from typing import Annotated, Literal

import typer

from daemon.cli.frame import ConfigOption, JsonOption, app, as_json, read, settings_of, table, tell, when
from daemon.cli.service import done, listed

optout = typer.Typer(no_args_is_help=True, help="Who asked not to be written to: add, remove, list.")
app.add_typer(optout, name="optout", epilog="Example: tether optout add '+447700900123' --medium sms")

AddressArgument = Annotated[
    str, typer.Argument(help="A phone number, an e-mail address, or with its --medium another channel's address.")
]
MediumOption = Annotated[
    Literal["sms", "email", "chat", "push", "crm", "all"], typer.Option(help="What they are not to get.")
]
ReasonOption = Annotated[str, typer.Option(help="By what words they asked, for the record.")]


@optout.command(epilog="Example: tether optout add '+447700900123' --medium sms --reason 'said so at the counter'")
def add(
    address: AddressArgument,
    medium: MediumOption = "all",
    reason: ReasonOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write to this address no more."""
    from daemon.wire.requests import people

    answer = done(settings_of(config), people.stop_writing(medium, address, reason))
    tell(answer, f"nothing more goes there ({medium})", json=json)


@optout.command(epilog="Example: tether optout remove '+447700900123' --medium sms")
def remove(
    address: AddressArgument, medium: MediumOption = "all", config: ConfigOption = None, json: JsonOption = False
) -> None:
    """They may be written to again."""
    from daemon.wire.requests import people

    answer = done(settings_of(config), people.allow_writing(medium, address))
    tell(answer, "they may be written to again", json=json)


@optout.command("list", epilog="Example: tether optout list --json")
def list_optouts(config: ConfigOption = None, json: JsonOption = False) -> None:
    """All opt-outs; addresses are masked."""
    settings = settings_of(config)
    items = listed(settings, "/v1/optouts", most=10_000)
    if json:
        as_json(items)
    else:
        from daemon.wire.customers import OptOut

        rows = [
            (row.medium, row.address, when(row.at, settings), row.actor, row.reason)
            for row in read(items, list[OptOut])
        ]
        table(("medium", "address", "since", "by", "words"), rows, empty="nobody has opted out")
