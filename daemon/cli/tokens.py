"""`tether token`: who may call the service, and what for."""

from typing import Annotated, Any

import typer

from daemon.api.route import Scope
from daemon.cli.frame import ConfigOption, JsonOption, app, as_json, settings_of, settle, table, when
from daemon.cli.service import segment, service

token = typer.Typer(no_args_is_help=True, help="Make, list and revoke the tokens of tills and scripts.")
app.add_typer(token, name="token", epilog="Example: tether token new till-1 --scope events")


@token.command(epilog="Example: tether token new till-1 --scope events")
def new(
    name: Annotated[str, typer.Argument(help="Whose it is; events posted with it have this name as their source.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; may be given more than once.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make a token. It is shown once, and works at once."""
    settings = settings_of(config)

    async def post() -> Any:
        async with service(settings) as client:
            return await client.post("/v1/tokens", {"name": name, "scopes": scope})

    answer = settle(post)
    if json:
        as_json(answer)
    else:
        print(answer["token"])


@token.command("list", epilog="Example: tether token list --json")
def list_tokens(config: ConfigOption = None, json: JsonOption = False) -> None:
    """The tokens there are; their secrets are not kept."""
    settings = settings_of(config)

    async def read() -> Any:
        async with service(settings) as client:
            return await client.get("/v1/tokens")

    items = settle(read)["items"]
    if json:
        as_json(items)
    else:
        rows = [(row["name"], ", ".join(row["scopes"]), when(row["created_at"], settings)) for row in items]
        table(("name", "scopes", "made"), rows, empty="no tokens yet: tether token new till-1 --scope events")


@token.command(epilog="Example: tether token revoke till-1")
def revoke(name: Annotated[str, typer.Argument(help="The token's name.")], config: ConfigOption = None) -> None:
    """Make a token useless at once."""
    settings = settings_of(config)

    async def drop() -> None:
        async with service(settings) as client:
            await client.call("DELETE", f"/v1/tokens/{segment(name)}")

    settle(drop)
    print(f"{name} is revoked")
