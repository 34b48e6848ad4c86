"""`tether send`: write to an order's customer or to the team, by hand."""

import uuid
from typing import Annotated, Any

import typer

from daemon.cli.frame import ConfigOption, Failure, JsonOption, app, as_json, read, settings_of, settle
from daemon.cli.service import done, is_running

NOT_UNDER_WAY = ("suppressed", "failed")
"""Where a message stands from its beginning that nothing can carry to them."""


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
    from daemon.wire.steps import StatusSet

    wish = {"to": to, "id": f"cli-{uuid.uuid4()}", "grace": 0, **_given(text=text, template=template, via=via)}
    settings = settings_of(config)
    answer = done(settings, acts.write(order, wish))
    made = read(answer, StatusSet).messages
    unsent = [message for message in made if message.state in NOT_UNDER_WAY]
    if json:
        as_json(answer)
    elif not made or len(unsent) < len(made):
        how = "on its way" if settle(lambda: is_running(settings)) else "it goes out once the service runs"
        print(f"{how}; see it with: tether messages --order {order}")
    if unsent:
        raise Failure("; ".join(f"nothing goes to {message.recipient or to}: {message.reason}" for message in unsent))


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}
