"""`tether token`: who may call the service, and what for."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.frame import ConfigOption, JsonOption, app, as_json, read, settings_of, table, tell, when
from daemon.cli.service import done, got
from daemon.wire.scopes import Scope

if TYPE_CHECKING:
    from daemon.wire.record import Token

token = typer.Typer(no_args_is_help=True, help="Make, list and revoke the tokens of tills and scripts.")
app.add_typer(token, name="token", epilog="Example: tether token new till-1 --scope events")


@token.command(epilog="Example: tether token new till-1 --scope events --type 'order.*' --own-orders")
def new(
    name: Annotated[str, typer.Argument(help="Whose it is; events posted with it have this name as their source.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; may be given more than once.")],
    type: Annotated[
        list[str] | None,
        typer.Option(help="Event types it may tell of, such as 'order.*'; may be given more than once. Default: all."),
    ] = None,
    own_orders: Annotated[
        bool, typer.Option("--own-orders", help="It may tell only of orders that it was the first to name.")
    ] = False,
    own_words: Annotated[
        bool,
        typer.Option("--own-words", help="Prose in its events (a question, a message) reaches customers as it is."),
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make a token. It is shown once, and works at once."""
    wish = {
        "name": name,
        "scopes": scope,
        "types": type or [],
        "own_orders": own_orders,
        "own_words": own_words,
    }
    from daemon.wire.requests import keeping

    answer = done(settings_of(config), keeping.make_token(wish))
    if json:
        as_json(answer)
    else:
        from daemon.wire.event_types import nearly_event_type
        from daemon.wire.record import TokenMade

        print(read(answer, TokenMade).token)
        for each in type or ():
            if near := nearly_event_type(each):
                print(
                    f"tether: {each!r}, which the token is for, is no usual type; did you mean {near!r}?",
                    file=sys.stderr,
                )


@token.command("list", epilog="Example: tether token list --json")
def list_tokens(config: ConfigOption = None, json: JsonOption = False) -> None:
    """The tokens there are; their secrets are not kept."""
    settings = settings_of(config)
    items = got(settings, "/v1/tokens")["items"]
    if json:
        as_json(items)
    else:
        from daemon.wire.record import Token

        rows = [
            (row.name, ", ".join(row.scopes), _events_of(row), when(row.created_at, settings))
            for row in read(items, list[Token])
        ]
        table(("name", "scopes", "events", "made"), rows, empty="no tokens yet: tether token new till-1 --scope events")


@token.command(epilog="Example: tether token revoke till-1")
def revoke(
    name: Annotated[str, typer.Argument(help="The token's name.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make a token useless at once."""
    from daemon.wire.requests import keeping

    tell(done(settings_of(config), keeping.revoke_token(name)), f"{name} is revoked", json=json)


def _events_of(row: "Token") -> str:
    """What its events may be about and say."""
    if not {"events", "admin"} & set(row.scopes):
        return ""
    about = ", ".join(row.types) or "all types"
    orders = "own orders" if row.own_orders else "any order"
    return f"{about}; {orders}" + ("; own words" if row.own_words else "")
