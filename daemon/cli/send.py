"""`tether send`: write to an order's customer or to the team, by hand."""

import uuid
from typing import Annotated, Any

import typer

from daemon.cli.frame import ConfigOption, JsonOption, app, as_json, settings_of
from daemon.cli.service import done


@app.command(
    epilog="Example: tether send B-1042 --text 'Your balloons wait at the side door.' --via twilio --via modem"
)
def send(
    order: Annotated[str, typer.Argument(help="The order's number.")],
    text: Annotated[str | None, typer.Option(help="What to say, in your own words.")] = None,
    template: Annotated[
        str | None, typer.Option(help="A template, such as staff.question (--text fills it) or order.ready.")
    ] = None,
    to: Annotated[str, typer.Option(help="customer, team, or an audience of tether.toml.")] = "customer",
    via: Annotated[
        list[str] | None, typer.Option(help="A channel; more than one are tried in turn. Default: as the routes say.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Send a message now."""
    if text is None and template is None:
        raise typer.BadParameter(
            "say what to send: --text, --template, or a template with the words it leaves room for"
        )
    from daemon.wire.requests import orders as acts

    wish = {"to": to, "id": f"cli-{uuid.uuid4()}", "grace": 0, **_given(text=text, template=template, via=via)}
    answer = done(settings_of(config), acts.write(order, wish))
    if json:
        as_json(answer)
    else:
        print(f"on its way; see it with: tether messages --order {order}")


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}
